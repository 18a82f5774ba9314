// SPDX-License-Identifier: Apache-2.0
// What allot-worker is asked about placing by a policy, and what it answers (docs/formats.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace allot::measure {

constexpr const char *kPlaceRequest = "allot.place-request/1", *kPlaceReply = "allot.place-reply/1";

/// Placements of a model by a policy.
struct PlaceRequest {
  std::string policy, model;  // absolute paths
  std::string options;        // plan::InputOptions as YAML: what makes of the model the problem that is meant
  uint32_t samples = 64;      // placements to be given: the likeliest, and others drawn
  uint64_t seed = 0;
  uint32_t threads = 0;  // 0 = all cores
};

struct PlaceReply {
  uint32_t units = 0;                             // of the worker's problem, and what it was made of
  std::string graph_hash, costs_hash;             // as plan::Input has them
  std::vector<std::vector<uint32_t>> placements;  // [samples][units]: device; the likeliest first
  std::vector<double> log_probability;            // [samples]
};

std::string to_json(const PlaceRequest& request);
std::string to_json(const PlaceReply& reply);
/// Strict: unknown and missing keys are errors. Errors: malformed.
PlaceRequest parse_place_request(const std::string& text);
/// The same. An answer that tells of an error throws that: kind, place and remedy are the worker's.
PlaceReply parse_place_reply(const std::string& text);

}  // namespace allot::measure
