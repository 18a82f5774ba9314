// SPDX-License-Identifier: Apache-2.0
#include "exec/dtype.h"

#include <array>
#include <utility>

#include "base/error.h"

namespace allot::exec {
namespace {

using ir::DataType;

constexpr std::array<std::pair<DataType, at::ScalarType>, 20> kPairs = {{
    {DataType::float32, at::kFloat},
    {DataType::uint8, at::kByte},
    {DataType::int8, at::kChar},
    {DataType::uint16, at::kUInt16},
    {DataType::int16, at::kShort},
    {DataType::int32, at::kInt},
    {DataType::int64, at::kLong},
    {DataType::boolean, at::kBool},
    {DataType::float16, at::kHalf},
    {DataType::float64, at::kDouble},
    {DataType::uint32, at::kUInt32},
    {DataType::uint64, at::kUInt64},
    {DataType::complex64, at::kComplexFloat},
    {DataType::complex128, at::kComplexDouble},
    {DataType::bfloat16, at::kBFloat16},
    {DataType::float8e4m3fn, at::kFloat8_e4m3fn},
    {DataType::float8e4m3fnuz, at::kFloat8_e4m3fnuz},
    {DataType::float8e5m2, at::kFloat8_e5m2},
    {DataType::float8e5m2fnuz, at::kFloat8_e5m2fnuz},
    {DataType::float8e8m0, at::kFloat8_e8m0fnu},
}};

}  // namespace

at::ScalarType scalar_type(DataType type) {
  for (const auto& [onnx, torch] : kPairs)
    if (onnx == type) return torch;
  switch (type) {
    case DataType::int4:
    case DataType::int2:
      return at::kChar;
    case DataType::uint4:
    case DataType::uint2:
      return at::kByte;
    case DataType::float4e2m1:
      return at::kFloat;
    default:
      throw base::Error(base::ErrorKind::unavailable, "",
                        fmt::format("there are no tensors of type {}", ir::name(type)));
  }
}

DataType data_type(at::ScalarType type) {
  for (const auto& [onnx, torch] : kPairs)
    if (torch == type) return onnx;
  throw base::Error(base::ErrorKind::internal, "",
                    fmt::format("torch's type {} is not one of ONNX", c10::toString(type)));
}

bool is_widened(DataType type) { return type == DataType::float4e2m1 || (ir::is_integer(type) && ir::bits(type) < 8); }

}  // namespace allot::exec
