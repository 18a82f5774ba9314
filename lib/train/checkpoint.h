// SPDX-License-Identifier: Apache-2.0
// Training states and trained networks as safetensors files.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "nn/parameters.h"

namespace allot::train {

/// Tensors and text that bring a training run, or a trained network, back. `metadata` has "schema", e.g.
/// "allot.policy/1", and whatever else the schema asks for.
struct Checkpoint {
  std::map<std::string, std::string> metadata;
  std::vector<nn::NamedTensor> tensors;  // contiguous CPU tensors of float32, float64, bfloat16, int64 or uint8

  /// Those whose names begin with `prefix`, without it.
  std::vector<nn::NamedTensor> with_prefix(const std::string& prefix) const;
  /// Adds `tensors` under "<prefix><name>".
  void add(const std::string& prefix, const std::vector<nn::NamedTensor>& tensors);
  /// Errors: malformed naming the file and the key that is missing.
  const std::string& text(const std::string& key, const std::string& path) const;
};

/// Seen whole or not at all. Equal content gives equal bytes: tensors are written by name. The file's metadata gets
/// "allot.sha256" over all else in it, which reading checks and takes out again.
/// Errors: those of base::AtomicFile.
void write_checkpoint(const Checkpoint& checkpoint, const std::string& path, base::Replace replace);

/// Errors: input_missing; malformed for a file that is no safetensors, is truncated, has another schema than `schema`
/// (naming both, and what to do about another version of it), whose hash is wrong or missing, or that holds tensors of
/// other types than a checkpoint has.
Checkpoint read_checkpoint(const std::string& path, const std::string& schema);

}  // namespace allot::train
