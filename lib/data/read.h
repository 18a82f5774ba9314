// SPDX-License-Identifier: Apache-2.0
// Files to datasets, by content and extension.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allot::data {

struct ReadOptions {
  std::string label = "";                  // array or column that holds the labels; "": y, label or labels, if there
  LabelKind label_kind = LabelKind::none;  // none: what their dtype and shape suggest
  std::vector<std::string> class_names{};  // of labels given as names: those of the data trained on; empty: sorted
  uint64_t most_bytes = 16ull << 30;       // of memory for one file
  // Image files: what they are brought to (0: the first one's), whether to leave out those that cannot be read, and
  // threads that decode (0: all cores).
  int64_t image_height = 0, image_width = 0, image_channels = 0;
  bool keep_going = false;
  unsigned threads = 0;
};

/// Reads a dataset:
///   .npz .npy .safetensors   arrays by name; an .npy's is "x". Arrays of .npy and .safetensors that are uint8, int64
///                            or float32 already stay mapped
///   .csv .tsv                a line of names, then numbers (read_table.h)
///   IDX                      images, with their labels from the file beside them (read_idx.h)
///   .bin                     CIFAR-10 and CIFAR-100 (read_cifar.h)
///   .jsonl                   a manifest of image files (read_images.h)
///   a folder                 of image files by class (read_images.h); or of IDX files or CIFAR's: all of them, those
///   of "t10k" and "test" as part "test"
/// all but folders also packed by gzip. Booleans and integers become uint8 or int64, all floats float32. Labels:
/// integers of rank 1 are classes, a uint8 or boolean matrix is multilabel, other integers are tokens, floats targets.
/// Errors: input_missing; malformed naming file, place and remedy; unavailable for element types that are no numbers.
Dataset read(const std::string& path, const ReadOptions& options = {});
/// The same of several files of one kind, one after another.
Dataset read(const std::vector<std::string>& paths, const ReadOptions& options = {});

}  // namespace allot::data
