// SPDX-License-Identifier: Apache-2.0
// What allot-worker is asked and what it answers: the frames of `allot.worker/1` (docs/formats.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_object.h"

namespace allot::measure {

constexpr const char *kRunRequest = "allot.run-request/1", *kRunReply = "allot.run-reply/1";

/// What a worker says of itself first (allot.worker/1).
struct Hello {
  std::string version, libtorch;  // of Allot; of LibTorch, "" if it does not say
  uint32_t cuda_devices = 0, cores = 0;
};

struct RunDevice {
  std::string name;
  std::optional<uint32_t> cuda;  // number of the CUDA device; otherwise a CPU worker
};

/// One run of a model (allot.run-request/1).
struct Request {
  std::string model;  // absolute path
  std::vector<RunDevice> devices;
  std::vector<uint32_t> placement;      // by node of the main graph, in file order: index into `devices`
  std::map<std::string, int64_t> dims;  // symbols bound, for inputs that are made up
  std::string inputs, outputs;          // files; "" = made up from `seed`, not written
  bool replace = false;                 // `outputs` may replace a file that is not ours
  uint64_t seed = 0;
  uint32_t threads = 0;  // of all CPU workers together; 0 = all cores
  bool training = false;
  uint32_t warm_up = 2, repeat = 20;
  bool check = true;     // compare with a run on the first device alone
  bool timeline = true;  // of the repeat whose time is the median
};

/// What a run on one device gave beside the placed one.
struct SingleRun {
  std::string device;
  std::vector<double> seconds;
};

/// Outputs of the placed run against those of the run on one device; an error is relative to the largest magnitude of
/// the value.
struct Check {
  uint32_t values = 0;
  bool identical = false, ok = false;
  double largest_error = 0;
  std::string worst;  // value with that error
};

struct DeviceRun {
  std::string name;
  uint32_t threads = 0;
  int64_t peak_bytes = 0;
  double busy_us = 0;
};

struct NodeTime {
  uint32_t node = 0, device = 0;
  double median_us = 0;
};

struct TransferTime {
  std::string tensor;
  uint32_t from = 0, to = 0;
  int64_t bytes = 0;
  double median_us = 0;
};

struct Span {
  enum class Kind : uint8_t { op, copy, backward };
  Kind kind = Kind::op;
  uint32_t node = 0, device = 0;  // of a copy: the node that makes the tensor, and where it goes
  double begin_us = 0, end_us = 0;
  std::string tensor;  // of a copy
};

/// The answer to a request (allot.run-reply/1).
struct Reply {
  std::vector<double> seconds;  // of each repeat: the whole placed run
  std::optional<SingleRun> single;
  std::optional<Check> check;
  std::vector<DeviceRun> devices;
  std::vector<NodeTime> nodes;
  std::vector<TransferTime> transfers;
  std::vector<Span> timeline;
};

std::string to_json(const Request& request);
/// Strict: unknown and missing keys are errors. Errors: malformed; unavailable for another schema.
Hello parse_hello(const std::string& text);
/// The same. An answer that tells of an error throws that: kind, place and remedy are the worker's. Numbers of nodes
/// and devices are those of `request`, or malformed.
Reply parse_reply(const std::string& text, const Request& request);
/// Throws what an answer tells of, if that is an error.
void throw_if_error(const base::JsonSource& source, const nlohmann::json& answer);
/// The value of its key "check".
Check read_check(const base::JsonObject& answer);

}  // namespace allot::measure
