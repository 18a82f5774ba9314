// SPDX-License-Identifier: Apache-2.0
// What generating text with a language model takes: its key-value cache, and the two phases of a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/input.h"

namespace allot::plan {

/// Keys and values that a decoder keeps of every token, of one attention layer.
struct CacheLayer {
  std::string name;
  int64_t bytes_per_token = 0;  // of one sequence
};

struct KvCache {
  std::vector<CacheLayer> layers;
  std::string source;                        // where they were found, for people
  std::string batch, sequence, past, total;  // symbols of dimensions; "" where the model has none
  int64_t bytes_per_token() const;
};

/// Finds the cache in graph inputs whose names hold "past" or "cache" (two a layer, or one with both), else in the keys
/// and values that attention operators read. No layers: none was found.
KvCache find_kv_cache(const Input& input);

/// Cache sizes at `lengths` tokens, and for each the work of the prompt (all tokens at once, empty cache) and of the
/// next token (one, with a full cache): multiply-adds, traffic, arithmetic per byte, predicted time on the fastest
/// devices. Says so when no cache, or no symbol for a phase, was found. Loads the model anew for each phase.
std::string language_model_text(const std::string& path, const InputOptions& options,
                                const std::vector<int64_t>& lengths);

}  // namespace allot::plan
