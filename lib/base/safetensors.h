// SPDX-License-Identifier: Apache-2.0
// The safetensors container: named tensors and string metadata in one file.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace allot::base {

/// One tensor to store; `dtype` as the format spells it (F32, F64, I64, I32, U8, BOOL ...), data little-endian.
struct SafeTensor {
  std::string name, dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
};

/// Bytes of one element. Errors: malformed for an unknown dtype.
size_t safetensors_dtype_bytes(const std::string& dtype);

/// Writes tensors in the order given; metadata keys sorted, so that equal content gives equal bytes.
void write_safetensors(const std::string& path, const std::vector<SafeTensor>& tensors,
                       const std::map<std::string, std::string>& metadata, Replace replace);

/// A mapped safetensors file. Errors on reading: malformed for a header that is not JSON, longer than 100 MB,
/// offsets outside the file, overlapping or with gaps, or a size that disagrees with dtype and shape.
struct SafeTensors {
  std::shared_ptr<const Bytes> file;
  std::map<std::string, SafeTensor> tensors;
  std::map<std::string, std::string> metadata;
};
SafeTensors read_safetensors(const std::string& path);

}  // namespace allot::base
