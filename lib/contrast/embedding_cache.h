// SPDX-License-Identifier: Apache-2.0
// Embeddings of a frozen tower on disk, computed once for all runs and epochs.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/safetensors.h"
#include "contrast/pair_source.h"
#include "dist/team.h"

namespace allot::contrast {

struct CacheOptions {
  std::string folder;  // made where it is missing
  int64_t micro = 256;
  unsigned threads = 1;
  dist::Team* team = nullptr;  // the first rank writes, and all have to see the folder
};

/// Rows of one side of a source, as its tower embeds them. The file's name follows from what the tower computes with
/// and from the content of every item, so that others of either have files of their own. Some of its rows are computed
/// anew when it is opened: where they differ (weights outside of the ONNX file), it is written anew.
class EmbeddingCache {
 public:
  /// Computes and writes the file where there is none. Errors: cannot_create, io; malformed for a damaged file; those
  /// of PairSource::rows.
  EmbeddingCache(const Towers& towers, const PairSource& source, Side side, const CacheOptions& options);

  Side side() const { return side_; }
  const std::string& path() const { return path_; }
  /// [items, D].
  at::Tensor rows(std::span<const int64_t> items) const;

 private:
  void write(const Towers& towers, const PairSource& source, const CacheOptions& options) const;
  void open(const Tower& tower, const PairSource& source);
  bool fits(const Towers& towers, const PairSource& source) const;

  const Side side_;
  std::string path_;
  base::SafeTensors file_;
  at::Tensor embeddings_;  // the mapped file
};

}  // namespace allot::contrast
