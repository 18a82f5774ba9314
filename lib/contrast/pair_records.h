// SPDX-License-Identifier: Apache-2.0
// What shards, tables and lists of objects say about pairs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"

namespace allot::contrast {

/// One side of a pair: a text, or the bytes of an image file.
struct Piece {
  std::string text;                            // empty: an image
  std::shared_ptr<const base::Bytes> archive;  // that the image is a member of; null: a file of its own
  std::string path;                            // of that file
  uint64_t offset = 0, size = 0;               // within the archive
};

struct PairRecord {
  Piece first, second;
  std::vector<std::string> negatives;  // texts
  int64_t label = -1;
  std::string where;  // "shard.tar: offset 512: 000017", "pairs.csv:3"
};

/// Columns or keys of both sides.
struct RecordKeys {
  std::string first = "image", second = "text", negatives = {};
  bool first_is_image = true, second_is_image = false;
};

/// All records of a file. Those that lack a side are left out with `keep_going`, and counted in `skipped`.
/// Errors: malformed, naming the place.
std::vector<PairRecord> read_records_of(const std::string& path, const RecordKeys& keys, bool keep_going,
                                        int64_t& skipped);

}  // namespace allot::contrast
