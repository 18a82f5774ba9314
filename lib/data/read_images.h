// SPDX-License-Identifier: Apache-2.0
// Many image files as one dataset.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "data/dataset.h"
#include "data/read.h"

namespace allot::data {

// Both of the functions below make uint8 array "x" [items, height, width, channels]. Without sizes in `options` all
// images have the first one's. Errors: that of the first file which cannot be decoded, or has another size; with
// keep_going such files are left out, counted in Dataset::skipped, and the first few named in the log.

/// root/<class>/ with .png, .jpg and .jpeg files at any depth; files of root/unlabeled/ have no label. Where root holds
/// a folder train, each of train, val, validation, test and unlabeled is such a root and becomes a part. Classes and
/// files are in order of their names; ids are paths within root.
Dataset read_image_folder(const std::string& root, const ReadOptions& options);

/// A JSON object a line: "path" relative to the manifest, and perhaps "label" (text or a whole number), "split", "id".
Dataset read_manifest(const std::shared_ptr<const base::Bytes>& file, const ReadOptions& options);

}  // namespace allot::data
