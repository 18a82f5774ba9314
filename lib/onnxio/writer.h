// SPDX-License-Identifier: Apache-2.0
// ir::Model -> ONNX file, copying from the original what nobody touched.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "ir/model.h"

namespace allot::onnxio {

/// Writes `model` atomically. An unedited model gives the bytes it was read from. Within an edited message the
/// original fields keep order and encoding (unknown ones too), dropped members vanish, new members come after
/// the last one of their list. Memory is O(edited messages): weights are copied from the mapping.
/// External-data files are not written here: see copy_external_data.
/// The length of an edited message is written in as few bytes as it takes, however the original wrote it.
/// Errors: cannot_create, io; malformed if an edit makes the file exceed 2 GiB, which no protobuf reader accepts.
void write(const ir::Model& model, const std::string& path, base::Replace replace);

/// The bytes that write() would store; for tests and small models.
std::string serialize(const ir::Model& model);

/// Copies the external-data files that `model` refers to into the folder of `output` under the same relative names,
/// and returns the paths written. Tensors with new elements (Payload::owned) have them in their place. A file that holds the same bytes already is left alone. Does nothing when that is
/// the model's own folder or `output` is "-".
/// Errors: cannot_create for a different file in the way without Replace::any, and when tensors with new elements would
/// go into the model's own folder; io; those of reader.h when a source
/// file has changed since.
std::vector<std::string> copy_external_data(const ir::Model& model, const std::string& output, base::Replace replace);

}  // namespace allot::onnxio
