// SPDX-License-Identifier: Apache-2.0
#include "ir/payload.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <limits>

#include "ir/dtype.h"

using namespace allot::ir;

namespace {

Tensor owned(DataType dtype, std::vector<int64_t> dims, std::string bytes) {
  Tensor tensor;
  tensor.name = "t";
  tensor.dtype = dtype;
  tensor.dims = std::move(dims);
  tensor.payload.where = Payload::Where::owned;
  tensor.payload.owned = std::make_shared<const std::string>(std::move(bytes));
  return tensor;
}

/// One 8-bit or 16-bit code of each number type, decoded.
double decode8(DataType dtype, unsigned code) {
  const auto values = read_doubles(Model{}, owned(dtype, {1}, std::string(1, static_cast<char>(code))), 1);
  REQUIRE(values);
  return values->front();
}
double decode16(DataType dtype, unsigned code) {
  const char bytes[] = {static_cast<char>(code), static_cast<char>(code >> 8)};
  const auto values = read_doubles(Model{}, owned(dtype, {}, std::string(bytes, 2)), 1);
  REQUIRE(values);
  return values->front();
}

}  // namespace

TEST_CASE("element types know their size and name") {
  CHECK(bits(DataType::int4) == 4);
  CHECK(bits(DataType::uint2) == 2);
  CHECK(bits(DataType::complex128) == 128);
  CHECK(bits(static_cast<DataType>(99)) == 0);
  CHECK(name(DataType::float8e4m3fnuz) == "float8e4m3fnuz");
  CHECK(name(static_cast<DataType>(99)) == "undefined");
  CHECK(storage_bytes(DataType::int4, 3) == 2);
  CHECK(storage_bytes(DataType::uint2, 5) == 2);
  CHECK(storage_bytes(DataType::float32, 5) == 20);
  CHECK(storage_bytes(DataType::float64, int64_t{1} << 61) == std::numeric_limits<int64_t>::max());
  CHECK(is_float(DataType::bfloat16));
  CHECK_FALSE(is_float(DataType::complex64));
  CHECK(is_integer(DataType::int2));
  CHECK_FALSE(is_integer(DataType::boolean));
}

TEST_CASE("element counts are checked products") {
  const auto count = [](std::vector<int64_t> dims) { return element_count(dims); };
  CHECK(count({}) == 1);
  CHECK(count({2, 3, 4}) == 24);
  CHECK(count({int64_t{1} << 40, int64_t{1} << 40}) == std::nullopt);
  CHECK(count({2, -1}) == std::nullopt);
  CHECK(count({int64_t{1} << 62, 0}) == 0);
}

TEST_CASE("small floats decode to the values their formats define") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(decode16(DataType::float16, 0x3C00) == 1.0);
  CHECK(decode16(DataType::float16, 0xC500) == -5.0);
  CHECK(decode16(DataType::float16, 0x7BFF) == 65504.0);
  CHECK(decode16(DataType::float16, 0x0001) == std::ldexp(1.0, -24));
  CHECK(decode16(DataType::float16, 0xFC00) == -inf);
  CHECK(std::isnan(decode16(DataType::float16, 0x7E00)));
  CHECK(decode16(DataType::bfloat16, 0x3F80) == 1.0);
  CHECK(decode16(DataType::bfloat16, 0xC0A0) == -5.0);
  CHECK(decode8(DataType::float8e4m3fn, 0x38) == 1.0);
  CHECK(decode8(DataType::float8e4m3fn, 0x7E) == 448.0);
  CHECK(decode8(DataType::float8e4m3fn, 0x01) == std::ldexp(1.0, -9));
  CHECK(std::isnan(decode8(DataType::float8e4m3fn, 0xFF)));
  CHECK(decode8(DataType::float8e4m3fnuz, 0x7F) == 240.0);
  CHECK(std::isnan(decode8(DataType::float8e4m3fnuz, 0x80)));
  CHECK(decode8(DataType::float8e5m2, 0x3C) == 1.0);
  CHECK(decode8(DataType::float8e5m2, 0x7B) == 57344.0);
  CHECK(decode8(DataType::float8e5m2, 0xFC) == -inf);
  CHECK(decode8(DataType::float8e5m2fnuz, 0x7F) == 57344.0);
  CHECK(std::isnan(decode8(DataType::float8e5m2fnuz, 0x80)));
  CHECK(decode8(DataType::float8e8m0, 0x7F) == 1.0);
  CHECK(decode8(DataType::float8e8m0, 0x00) == std::ldexp(1.0, -127));
  CHECK(std::isnan(decode8(DataType::float8e8m0, 0xFF)));
}

TEST_CASE("sub-byte elements are packed from the low bits up") {
  const Model model;
  using Ints = std::vector<int64_t>;
  CHECK(read_ints(model, owned(DataType::int4, {3}, "\x7F\x08"), 9) == Ints{-1, 7, -8});
  CHECK(read_ints(model, owned(DataType::uint4, {3}, "\x7F\x08"), 9) == Ints{15, 7, 8});
  CHECK(read_ints(model, owned(DataType::int2, {5}, "\xE4\x01"), 9) == Ints{0, 1, -2, -1, 1});
  CHECK(read_ints(model, owned(DataType::uint2, {4}, "\xE4"), 9) == Ints{0, 1, 2, 3});
  const auto fp4 = read_doubles(model, owned(DataType::float4e2m1, {4}, "\x21\xF7"), 9);
  CHECK(fp4 == std::vector<double>{0.5, 1.0, 6.0, -6.0});
}

TEST_CASE("integers keep all their bits") {
  const Model model;
  const int64_t large = -(int64_t{1} << 53) - 1;
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &large, 8);
  CHECK(read_ints(model, owned(DataType::int64, {1}, bytes), 1) == std::vector<int64_t>{large});
  CHECK(read_ints(model, owned(DataType::boolean, {2}, std::string("\0\5", 2)), 2) == std::vector<int64_t>{0, 1});
  CHECK(read_doubles(model, owned(DataType::uint64, {1}, std::string(8, '\xFF')), 1)->front() == std::ldexp(1.0, 64));
  CHECK(read_ints(model, owned(DataType::int8, {1}, "\x80"), 1) == std::vector<int64_t>{-128});
  CHECK(read_ints(model, owned(DataType::uint16, {1}, "\xFE\xFF"), 1) == std::vector<int64_t>{65534});
}

TEST_CASE("values are refused when there are too many, none, or of the wrong size or type") {
  const Model model;
  CHECK_FALSE(read_ints(model, owned(DataType::int8, {4}, "abcd"), 3));
  CHECK_FALSE(read_ints(model, owned(DataType::int8, {4}, "abc"), 9));
  CHECK_FALSE(read_ints(model, owned(DataType::float32, {1}, "abcd"), 9));
  CHECK_FALSE(read_doubles(model, owned(DataType::complex64, {1}, "abcdefgh"), 9));
  Tensor absent = owned(DataType::int8, {1}, "");
  absent.payload = {};
  CHECK_FALSE(read_ints(model, absent, 9));
  CHECK(payload_problem(model, absent) == "has 1 elements but no data");
  absent.dims = {0};
  CHECK(payload_problem(model, absent).empty());
  CHECK(read_ints(model, absent, 9)->empty());
  CHECK(payload_problem(model, owned(DataType::float32, {2}, "abc")) ==
        "holds 3 bytes where its shape and type (float32) take 8");
  CHECK(payload_problem(model, owned(DataType::string, {1}, "a")) == "holds strings as raw bytes");
  CHECK(payload_problem(model, owned(DataType::int8, {-1}, "")) ==
        "has a negative dimension or more elements than 2^63");
}
