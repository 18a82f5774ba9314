// SPDX-License-Identifier: Apache-2.0
// ONNX element types, with their numbers in TensorProto.DataType.
#pragma once

#include <cstdint>
#include <string_view>

namespace allot::ir {

enum class DataType : uint8_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26
};
constexpr int kMaxDataType = 26;

/// Bits of one element; 0 for undefined; 128 for string (its payload comes on top).
int bits(DataType type);
/// "float32", "int4", ...; "undefined" for numbers out of range.
std::string_view name(DataType type);
bool is_integer(DataType type);
bool is_float(DataType type);

/// Bytes of n elements, sub-byte types packed: ceil(n * bits / 8). Saturates at INT64_MAX.
int64_t storage_bytes(DataType type, int64_t elements);

}  // namespace allot::ir
