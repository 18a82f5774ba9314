// SPDX-License-Identifier: Apache-2.0
// IDX files: one array with big-endian numbers, as MNIST and its likes come.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"
#include "data/dataset.h"
#include "data/read.h"

namespace allot::data {

/// Tells an IDX file by its first bytes.
bool is_idx(std::string_view bytes);

/// Array "x"; labels from the file beside it whose name says "labels" (and idx1) where this one's says "images" (and
/// idx3), packed or not.
Dataset read_idx(std::shared_ptr<const base::Bytes> file, const ReadOptions& options);

}  // namespace allot::data
