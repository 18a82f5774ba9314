// SPDX-License-Identifier: Apache-2.0
// What ONNX Runtime measured: the profile of a session (onnx-and-cost 6.6).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace allot::cost {

struct ProfiledNode {
  std::string name;  // as the runtime calls it: often not a name of the model
  std::string type;  // of its kernel: "Conv", "MemcpyToHost"
  std::string provider;
  double host_us = 0;     // mean over runs: what the host thread spent on it
  double device_us = -1;  // of its kernels on a device that reports them; -1: none does
  int64_t bytes = 0;      // of its outputs

  double us() const { return device_us >= 0 ? device_us : host_us; }
};

/// Times are microseconds in whole numbers, so each is a mean over runs. The first run warms up and does not count; of
/// the others the half in which the node was quickest does: other programs disturb, none helps.
struct Profile {
  std::string path;
  uint32_t runs = 0;
  double plain_run_us = 0;          // without profiling, of an event that scripts/ort_profile.py adds; 0: not known
  double run_us = 0;                // of the executor alone, in the quicker half of runs
  std::vector<ProfiledNode> nodes;  // in the order they ran; those inside control flow count in their owner
};

/// Reads the JSON that SessionOptions::enable_profiling writes.
/// Errors: malformed for a file that is no profile, or holds less than two runs.
Profile read_profile(const std::string& path);
/// The same from text; `path` is for messages.
Profile parse_profile(const std::string& text, const std::string& path);

/// Profiling slows a run down, by so much a node, as all profiles of a machine together tell best: the least squares
/// of (sum over nodes - plain run) / plain run, in which runs of many short nodes count most. That is taken off every
/// node, and what is left scaled to add up to the plain run. Profiles without it, or with nodes whose kernels ran
/// elsewhere, stay as they are.
void take_off_profiling(std::span<Profile* const> profiles);

}  // namespace allot::cost
