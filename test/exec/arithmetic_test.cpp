// SPDX-License-Identifier: Apache-2.0
// Elementwise operators where ONNX's suite is silent: limits of integers, unsigned types, old opsets, bad input.
#include <limits>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "exec/one_node.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using test::error_of;
using test::OneNode;

namespace {

at::Tensor integers(std::vector<int64_t> numbers, at::ScalarType type) {
  return at::tensor(numbers, at::kLong).to(type);
}

std::vector<int64_t> numbers(const exec::Value& value) {
  const at::Tensor wide = value.tensor().to(at::kLong).contiguous();
  return {wide.const_data_ptr<int64_t>(), wide.const_data_ptr<int64_t>() + wide.numel()};
}

using Numbers = std::vector<int64_t>;

Numbers apply(ir::Str type, const at::Tensor& a, const at::Tensor& b, std::vector<ir::Attribute> attributes = {}) {
  return numbers(OneNode{type, 21, std::move(attributes), 1, {}}({a, b})[0]);
}

}  // namespace

TEST_CASE("Integer division truncates, wraps at the least integer and refuses zero") {
  const int64_t least = std::numeric_limits<int32_t>::min();
  CHECK(apply("Div", integers({7, -7, least}, at::kInt), integers({2, 2, -1}, at::kInt)) == Numbers{3, -3, least});
  CHECK(error_of({"Div", 21, {}, 1, {}}, {integers({1}, at::kLong), integers({0}, at::kLong)}) ==
        "65 an integer is divided by zero");
}

TEST_CASE("Mod has the sign of the divisor, or of the dividend with fmod") {
  const at::Tensor a = integers({7, -7, 7, -7}, at::kLong), b = integers({3, 3, -3, -3}, at::kLong);
  CHECK(apply("Mod", a, b) == Numbers{1, 2, -2, -1});
  CHECK(apply("Mod", a, b, ir::attributes(ir::int_attribute("fmod", 1))) == Numbers{1, -1, 1, -1});
  const int64_t least = std::numeric_limits<int64_t>::min();
  CHECK(apply("Mod", integers({least}, at::kLong), integers({-1}, at::kLong)) == Numbers{0});
}

TEST_CASE("Unsigned types wrap and are ordered over their whole range") {
  CHECK(apply("Add", integers({65535}, at::kUInt16), integers({3}, at::kUInt16)) == Numbers{2});
  CHECK(apply("Sub", integers({1}, at::kUInt32), integers({2}, at::kUInt32)) == Numbers{4294967295});
  CHECK(apply("Mul", integers({1 << 17}, at::kUInt32), integers({1 << 17}, at::kUInt32)) == Numbers{0});
  const at::Tensor top = integers({-1}, at::kUInt64), one = integers({1}, at::kUInt64);  // 2^64 - 1
  CHECK(apply("Max", top, one) == Numbers{-1});
  CHECK(apply("Min", top, one) == Numbers{1});
  CHECK(apply("Greater", top, one) == Numbers{1});
  CHECK(apply("Div", top, integers({2}, at::kUInt64)) == Numbers{std::numeric_limits<int64_t>::max()});
  CHECK(numbers(OneNode{"Clip", 21, {}, 1, {}}({integers({1, -1}, at::kUInt64), integers({5}, at::kUInt64).squeeze(),
                                                integers({-2}, at::kUInt64).squeeze()})[0]) == Numbers{5, -2});
}

TEST_CASE("Pow keeps the type of its base") {
  CHECK(apply("Pow", integers({2, 3, -2}, at::kInt), integers({10, 4, 3}, at::kLong)) == Numbers{1024, 81, -8});
  const auto rounded = OneNode{"Pow", 21, {}, 1, {}}({integers({2, 9}, at::kInt), test::floats({0.5, 0.5}, {2})});
  CHECK(rounded[0].dtype() == ir::DataType::int32);
  CHECK(numbers(rounded[0]) == Numbers{1, 3});
}

TEST_CASE("Shifts by all bits and more give zero") {
  OneNode shift{"BitShift", 21, ir::attributes(test::string_attribute("direction", "LEFT")), 1, {}};
  CHECK(numbers(shift({integers({1, 255, 1}, at::kByte), integers({7, 8, 200}, at::kByte)})[0]) == Numbers{128, 0, 0});
}

TEST_CASE("Before opset 7 the second operand starts at an axis") {
  OneNode add{"Add", 6, ir::attributes(ir::int_attribute("broadcast", 1), ir::int_attribute("axis", 0)), 1, {}};
  const auto sum = add({test::floats({0, 0, 0, 0, 0, 0}, {2, 3}), test::floats({1, 2}, {2})});
  CHECK(test::close(sum[0], test::floats({1, 1, 1, 2, 2, 2}, {2, 3})));
  OneNode beyond{"Add", 6, ir::attributes(ir::int_attribute("broadcast", 1), ir::int_attribute("axis", 1)), 1, {}};
  CHECK(error_of(std::move(beyond), {test::floats({0, 0}, {2}), test::floats({1, 2}, {2})}) ==
        "65 input 1 of 1 dimensions cannot start at axis 1 of 1");
}

TEST_CASE("Types are never promoted silently") {
  CHECK(error_of({"Mul", 21, {}, 1, {}}, {test::floats({1}, {1}), test::floats({1}, {1}, at::kDouble)}) ==
        "65 its inputs are of different types, float32 and float64");
}

TEST_CASE("Strings are compared and chosen with broadcasting") {
  const exec::Value column(exec::Strings{{"a", "b"}, {2, 1}}), row(exec::Strings{{"b", "c", "a"}, {3}});
  CHECK(numbers(OneNode{"Equal", 21, {}, 1, {}}({column, row})[0]) == Numbers{0, 0, 1, 1, 0, 0});
  const auto chosen = OneNode{"Where", 21, {}, 1, {}}({integers({1, 0, 1}, at::kBool), column, row})[0].strings();
  CHECK(chosen.dims == Numbers{2, 3});
  CHECK(chosen.data == std::vector<std::string>{"a", "c", "a", "b", "c", "b"});
}

TEST_CASE("Softmax before opset 13 goes over all that follows its axis") {
  const auto y = OneNode{"Softmax", 11, {}, 1, {}}({at::zeros({2, 2, 3})});
  CHECK(test::close(y[0], at::full({2, 2, 3}, 1.0 / 6)));
  const auto hard = OneNode{"Hardmax", 11, {}, 1, {}}({test::floats({1, 3, 3, 0}, {1, 2, 2})});
  CHECK(test::close(hard[0], test::floats({0, 1, 0, 0}, {1, 2, 2})));
}

TEST_CASE("Clip takes attributes before opset 11; the upper bound wins") {
  const at::Tensor x = test::floats({-2, 0, 9}, {3});
  OneNode old{"Clip", 6, ir::attributes(ir::float_attribute("min", -1)), 1, {}};
  CHECK(test::close(old({x})[0], test::floats({-1, 0, 9}, {3})));
  OneNode crossed{"Clip", 13, {}, 1, {}};
  CHECK(test::close(crossed({x, test::floats({5}, {}), test::floats({3}, {})})[0], test::floats({3, 3, 3}, {3})));
}

TEST_CASE("PRelu before opset 7 has a slope for every channel") {
  const auto y = OneNode{"PRelu", 6, {}, 1, {}}({test::floats({-1, -1, -1, -1}, {1, 2, 2}), test::floats({2, 3}, {2})});
  CHECK(test::close(y[0], test::floats({-2, -2, -3, -3}, {1, 2, 2})));
}

TEST_CASE("Attributes that mean nothing are refused before anything runs") {
  OneNode gelu{"Gelu", 20, ir::attributes(test::string_attribute("approximate", "cubic")), 1, {}};
  CHECK(error_of(std::move(gelu), {test::floats({1}, {1})}).find("approximate must be none or tanh") !=
        std::string::npos);
}
