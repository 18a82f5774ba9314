// SPDX-License-Identifier: Apache-2.0
// Pairs of image files and texts, or of texts, which are decoded whenever they are read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "contrast/pair_source.h"

namespace allot::contrast {

/// By its extension: .tar, .csv, .tsv or .jsonl.
bool is_file_of_pairs(const std::string& path);

/// .tar: WebDataset shards: members of equal name up to the first point after the last slash are one item: .png, .jpg
/// or .jpeg, beside .txt (the text), .cls (its class) or .json with keys of these names. .csv, .tsv, .jsonl: columns or
/// keys "image" (a path relative to the file, unless it is absolute) and "text", maybe "label"; both sides may be
/// texts. DataOptions names other columns, and with negative_array a key of .jsonl that holds a list of texts. An
/// encoder of images [batch, channels, height, width] gets them scaled until they cover its size and cut about their
/// centre; one that takes [batch, tokens] gets token ids, and where it has a second input, which of them are of the
/// text. Errors: malformed, naming shard, offset and key, for what cannot be read, unless it is left out (keep_going);
/// usage where texts have no tokenizer; unavailable for inputs of another kind.
std::unique_ptr<PairSource> open_file_pairs(const DataOptions& options, const std::vector<std::string>& files,
                                            const Towers& towers);

}  // namespace allot::contrast
