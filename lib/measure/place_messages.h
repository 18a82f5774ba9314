// SPDX-License-Identifier: Apache-2.0
// What allot-worker is asked about policies, and what it answers (docs/formats.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "emit/embedding_pictures.h"

namespace allot::measure {

constexpr const char *kPlaceRequest = "allot.place-request/1", *kPlaceReply = "allot.place-reply/1";
constexpr const char *kEmbedRequest = "allot.embed-request/1", *kEmbedReply = "allot.embed-reply/1";

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
  // -- of a policy that groups first; else both are empty
  std::vector<std::vector<int32_t>> groupings;  // [groupings][units]: number of a group, place::kNoGroup without one
  std::vector<uint32_t> grouping;               // [samples]: which of them
};

/// What a policy has learnt of a model's operations.
struct EmbedRequest {
  std::string policy, model, options;  // as of PlaceRequest
  std::string output;                  // absolute path of allot.embeddings/1 to be written, "" = none
  bool replace = false;                // it may replace a file that is not ours
};

struct EmbedReply {
  uint32_t units = 0;  // as of PlaceReply
  std::string graph_hash, costs_hash;
  emit::EmbeddingPicture picture;
};

std::string to_json(const PlaceRequest& request);
std::string to_json(const PlaceReply& reply);
std::string to_json(const EmbedRequest& request);
std::string to_json(const EmbedReply& reply);
/// Strict: unknown and missing keys are errors. Errors: malformed.
PlaceRequest parse_place_request(const std::string& text);
EmbedRequest parse_embed_request(const std::string& text);
/// The same. An answer that tells of an error throws that: kind, place and remedy are the worker's.
PlaceReply parse_place_reply(const std::string& text);
EmbedReply parse_embed_reply(const std::string& text);

}  // namespace allot::measure
