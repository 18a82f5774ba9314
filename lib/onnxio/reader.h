// SPDX-License-Identifier: Apache-2.0
// ONNX file -> ir::Model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "ir/model.h"

namespace allot::onnxio {

struct ReadOptions {
  bool external_data = true;  // false: external tensors keep their description and are never opened
  int max_nesting = 64;       // graphs within graphs
};

/// Reads any ONNX file by scanning the wire format with 64-bit lengths: memory is O(graph), weights stay mapped.
/// "-" reads standard input (external data is then looked for in the current folder).
/// Errors name file and place, e.g. "m.onnx: byte 1234: ...":
///   input_missing  no such file; an external-data file that is missing
///   malformed      truncated or impossible lengths, wrong wire types, no graph, IR version < 3, nesting over
///                  `max_nesting`, a payload that disagrees with dims and dtype, external data that is absolute,
///                  leaves the model's folder (also through links), is not a regular file, has several hard links,
///                  or is shorter than offset + length; well-known foreign files are named (text, gzip, zip,
///                  safetensors, ORT flatbuffer, HTML, a Git LFS pointer)
/// An IR or opset newer than known is read with a warning.
ir::Model read(const std::string& path, const ReadOptions& options = {});
ir::Model read(std::shared_ptr<const base::Bytes> file, const ReadOptions& options = {});

}  // namespace allot::onnxio
