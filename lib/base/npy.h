// SPDX-License-Identifier: Apache-2.0
// NumPy's file of one array.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace allot::base {

/// A mapped .npy file. `dtype` as safetensors spells it (F32, F64, I64 ... BOOL), elements little-endian, row-major
/// unless `fortran_order`.
struct NpyArray {
  std::shared_ptr<const Bytes> file;
  std::string dtype;
  std::vector<int64_t> shape;
  bool fortran_order = false;
  std::span<const std::byte> data;
};

/// Reads format versions 1 to 3. Errors: input_missing; malformed for a header that is none or disagrees with the size
/// of the file; unavailable for big-endian, structured, string and object arrays.
NpyArray read_npy(const std::string& path);
NpyArray read_npy(std::shared_ptr<const Bytes> file);

}  // namespace allot::base
