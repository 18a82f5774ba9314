// SPDX-License-Identifier: Apache-2.0
// Arrays of any element type, as files hold them, to those of datasets.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/read.h"

namespace allot::data {

/// An array as a file stores it: dtype as safetensors spells it, elements little-endian.
struct StoredArray {
  std::string name, dtype;
  std::vector<int64_t> shape;
  bool fortran_order = false;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// The same numbers as uint8, int64 or float32; shares the bytes where they are already that, aligned and in row-major
/// order. Errors, naming `origin` and the array: unavailable for element types that are no numbers, malformed for
/// integers beyond int64 and for more than `most_bytes`.
Array to_array(const StoredArray& stored, const std::string& origin, uint64_t most_bytes);

/// Sorts arrays out: labels by name, integers named id or ids as item ids, all else features.
Dataset assemble(std::vector<Array> arrays, const std::string& origin, const ReadOptions& options);

}  // namespace allot::data
