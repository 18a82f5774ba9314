// SPDX-License-Identifier: Apache-2.0
#include "exec/one_node.h"

#include <limits>

#include <ATen/ops/equal.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "exec/ops/cast.h"

using namespace allot;
using exec::CastRules;
using exec::Strings;
using exec::Value;
using ir::DataType;

namespace {

Value strings(std::vector<std::string> texts) {
  const auto count = static_cast<int64_t>(texts.size());
  return Value(Strings{std::move(texts), {count}});
}

// The codes of float8e8m0 numbers.
std::vector<int64_t> exponents(const std::vector<double>& numbers, CastRules rules) {
  const auto cast = exec::cast(at::tensor(numbers, at::kDouble), DataType::float8e8m0, rules);
  const at::Tensor codes = cast.tensor().view(at::kByte).to(at::kLong);
  return {codes.const_data_ptr<int64_t>(), codes.const_data_ptr<int64_t>() + codes.numel()};
}

}  // namespace

TEST_CASE("text becomes numbers, special ones in any case") {
  const Value x =
      exec::cast(strings({"3.14", "1e-5", "1E8", "+inf", "-INF", "nan", " 7 ", "1e999"}), DataType::float32);
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(test::close(x, test::floats({3.14, 1e-5, 1e8, infinity, -infinity, NAN, 7, infinity}, {8}), 1e-6));
  const Value whole = exec::cast(strings({"9223372036854775807", "-12", "100.5"}), DataType::int64);
  CHECK(at::equal(whole.tensor(), at::tensor(std::vector<int64_t>{INT64_MAX, -12, 100}, at::kLong)));
  const Value largest = exec::cast(strings({"18446744073709551615"}), DataType::uint64);
  CHECK(largest.tensor().view(at::kLong).item<int64_t>() == -1);
  for (const char* text : {"hello", "", "1.5x", "--1", "1e30"})
    CHECK_THROWS_AS(exec::cast(strings({text}), DataType::int32), base::Error);
}

TEST_CASE("numbers become the shortest text that reads back") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Value floats = exec::cast(test::floats({0.1, -2, NAN, infinity, -infinity}, {5}), DataType::string);
  CHECK(floats.strings().data == std::vector<std::string>{"0.1", "-2", "NaN", "INF", "-INF"});
  const Value whole = exec::cast(at::tensor(std::vector<int64_t>{INT64_MIN, 5}, at::kLong), DataType::string);
  CHECK(whole.strings().data == std::vector<std::string>{"-9223372036854775808", "5"});
}

TEST_CASE("integers that are too large keep their low bits") {
  const Value x = at::tensor(std::vector<int64_t>{200, -56, 300, 17}, at::kLong);
  CHECK(at::equal(exec::cast(x, DataType::int8).tensor().to(at::kLong), at::tensor({-56, -56, 44, 17}, at::kLong)));
  const Value four = exec::cast(x, DataType::int4), two = exec::cast(x, DataType::uint2);
  CHECK(four.dtype() == DataType::int4);
  CHECK(at::equal(four.tensor().to(at::kLong), at::tensor({-8, -8, -4, 1}, at::kLong)));
  CHECK(at::equal(two.tensor().to(at::kLong), at::tensor({0, 0, 0, 1}, at::kLong)));
}

TEST_CASE("float8e8m0 rounds as told") {
  using Round = CastRules::Round;
  const std::vector<double> numbers = {1, 1.1, 1.5, 1.9, 0, INFINITY, NAN, 1e300};
  CHECK(exponents(numbers, {true, Round::up}) == std::vector<int64_t>{127, 128, 128, 128, 0, 254, 255, 254});
  CHECK(exponents(numbers, {true, Round::down}) == std::vector<int64_t>{127, 127, 127, 127, 0, 254, 255, 254});
  CHECK(exponents(numbers, {false, Round::nearest}) == std::vector<int64_t>{127, 127, 128, 128, 255, 255, 255, 255});
}

TEST_CASE("Cast-1 names its type, and bits are kept by BitCast") {
  test::OneNode cast{"Cast", 5, ir::attributes(test::string_attribute("to", "INT32"))};
  CHECK(at::equal(cast({test::floats({1.9, -1.9}, {2})})[0].tensor(), at::tensor({1, -1}, at::kInt)));
  const Value codes(at::tensor({3, 8 + 7}, at::kByte), DataType::uint4);
  const auto to = static_cast<int64_t>(DataType::float4e2m1);
  test::OneNode bits{"BitCast", 26, ir::attributes(ir::int_attribute("to", to))};
  CHECK(test::close(bits({codes})[0], test::floats({1.5, -6}, {2})));
  test::OneNode wrong{"BitCast", 26, ir::attributes(ir::int_attribute("to", 1))};
  CHECK_THROWS_WITH(wrong({codes}), Catch::Matchers::Contains("BitCast") && Catch::Matchers::Contains("bits of uint4"));
  test::OneNode none{"Cast", 21, ir::attributes(ir::int_attribute("to", 99))};
  CHECK_THROWS_AS(none({codes}), base::Error);
}
