// SPDX-License-Identifier: Apache-2.0
#include "ir/dtype.h"

#include <array>
#include <limits>

namespace allot::ir {
namespace {

enum class Class : uint8_t { other, integer, floating };
struct Row {
  std::string_view name;
  int bits;
  Class kind;
};

constexpr std::array<Row, kMaxDataType + 1> kRows = {{
    {"undefined", 0, Class::other},
    {"float32", 32, Class::floating},
    {"uint8", 8, Class::integer},
    {"int8", 8, Class::integer},
    {"uint16", 16, Class::integer},
    {"int16", 16, Class::integer},
    {"int32", 32, Class::integer},
    {"int64", 64, Class::integer},
    {"string", 128, Class::other},
    {"bool", 8, Class::other},
    {"float16", 16, Class::floating},
    {"float64", 64, Class::floating},
    {"uint32", 32, Class::integer},
    {"uint64", 64, Class::integer},
    {"complex64", 64, Class::other},
    {"complex128", 128, Class::other},
    {"bfloat16", 16, Class::floating},
    {"float8e4m3fn", 8, Class::floating},
    {"float8e4m3fnuz", 8, Class::floating},
    {"float8e5m2", 8, Class::floating},
    {"float8e5m2fnuz", 8, Class::floating},
    {"uint4", 4, Class::integer},
    {"int4", 4, Class::integer},
    {"float4e2m1", 4, Class::floating},
    {"float8e8m0", 8, Class::floating},
    {"uint2", 2, Class::integer},
    {"int2", 2, Class::integer},
}};

const Row& row(DataType type) {
  const auto index = static_cast<size_t>(type);
  return kRows[index < kRows.size() ? index : 0];
}

}  // namespace

int bits(DataType type) { return row(type).bits; }
std::string_view name(DataType type) { return row(type).name; }
bool is_integer(DataType type) { return row(type).kind == Class::integer; }
bool is_float(DataType type) { return row(type).kind == Class::floating; }

int64_t storage_bytes(DataType type, int64_t elements) {
  const auto total = static_cast<__int128>(elements) * bits(type);
  const auto bytes = (total + 7) / 8;
  constexpr auto kMost = std::numeric_limits<int64_t>::max();
  return bytes > kMost ? kMost : static_cast<int64_t>(bytes);
}

}  // namespace allot::ir
