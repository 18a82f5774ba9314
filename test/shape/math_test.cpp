// SPDX-License-Identifier: Apache-2.0
// Arithmetic, matrix products, reductions: shapes and contents.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "shape/one_node.h"

using namespace allot;
using namespace allot::test;
using ir::DataType;
using shape::Trust;
using Content = std::vector<double>;

TEST_CASE("elementwise operators broadcast as NumPy does") {
  CHECK(OneNode("Add", {t({2, 1, 5}), t({4, 1})}).dims() == Dims{2, 4, 5});
  CHECK(OneNode("Mul", {t({}), t({0, 3})}).dims() == Dims{0, 3});
  CHECK(OneNode("Where", {t({4, 1}, DataType::boolean), t({3}), t({2, 1, 1})}).dims() == Dims{2, 4, 3});
  CHECK(OneNode("Sum", {t({1, 3}), t({2, 1}), t({3})}).dims() == Dims{2, 3});
  CHECK(OneNode("PRelu", {t({2, 4, 5}), t({4, 1})}).dims() == Dims{2, 4, 5});
  CHECK(OneNode("Less", {t({2}), t({1})}).elem() == DataType::boolean);
  CHECK(OneNode("Pow", {t({2}), t({1}, DataType::int64)}).elem() == DataType::float32);
  CHECK_THROWS_WITH(OneNode("Add", {t({2, 3}), t({2, 4})}),
                    Catch::Contains("node #0 (Add)") && Catch::Contains("[2,3] with [2,4]"));
}

TEST_CASE("integers are computed exactly, divided as in C") {
  CHECK(OneNode("Add", {ints({1, 2}), ints({10})}).content() == Content{11, 12});
  CHECK(OneNode("Sub", {scalar(3), ints({5, 1})}).content() == Content{-2, 2});
  CHECK(OneNode("Div", {ints({7, -7, 7}), ints({2, 2, -2})}).content() == Content{3, -3, -3});
  CHECK(OneNode("Mod", {ints({7, -7, 7}), ints({3, 3, -3})}).content() == Content{1, 2, -2});
  CHECK(OneNode("Mod", {ints({7, -7}), ints({3, 3})}, {attr("fmod", 1)}).content() == Content{1, -1});
  CHECK(OneNode("Pow", {ints({2, 3}), ints({10, 2})}).content() == Content{1024, 9});
  CHECK(OneNode("Equal", {ints({1, 2}), ints({2, 2})}).content() == Content{0, 1});
  CHECK(OneNode("Max", {ints({1, 9}), ints({5}), ints({2, 2})}).content() == Content{5, 9});
  CHECK(OneNode("Where", {flag(true), ints({1, 2}), ints({3})}).content() == Content{1, 2});
  CHECK(OneNode("Neg", {ints({4, -1})}).content() == Content{-4, 1});
  CHECK(OneNode("Not", {flag(true)}).content() == Content{0});
}

TEST_CASE("what is not exact is not known") {
  CHECK_FALSE(OneNode("Div", {ints({7}), ints({0})}).known());
  CHECK_FALSE(OneNode("Mul", {ints({int64_t{1} << 40}), ints({int64_t{1} << 40})}).known());
  CHECK_FALSE(OneNode("Add", {ints({INT64_MAX}), ints({1})}).known());
  CHECK_FALSE(OneNode("Add", {ints(Dims(4097, 1)), ints({1})}).known());
  CHECK(OneNode("Add", {ints(Dims(4096, 1)), ints({1})}).known());
}

TEST_CASE("floats are rounded to single precision at every step") {
  const float third = 1.0f / 3.0f;
  CHECK(OneNode("Div", {floats({1}), floats({3})}).content() == Content{third});
  CHECK(OneNode("Floor", {floats({2.7f, -2.7f})}).content() == Content{2, -3});
  CHECK(OneNode("Ceil", {floats({2.2f})}).content() == Content{3});
  CHECK(OneNode("Round", {floats({0.5f, 1.5f, 2.5f})}).content() == Content{0, 2, 2});
  CHECK(OneNode("Sqrt", {floats({9})}).content() == Content{3});
  CHECK(OneNode("Cast", {floats({2.9f, -2.9f})}, {attr("to", 7)}).content() == Content{2, -2});
  CHECK(OneNode("Cast", {floats({2.9f})}, {attr("to", 7)}).elem() == DataType::int64);
  CHECK(OneNode("Cast", {ints({0, 5})}, {attr("to", 9)}).content() == Content{0, 1});
  CHECK_FALSE(OneNode("Cast", {ints({300})}, {attr("to", 2)}).known());
}

TEST_CASE("matrix products") {
  CHECK(OneNode("MatMul", {t({5, 1, 2, 3}), t({4, 3, 7})}).dims() == Dims{5, 4, 2, 7});
  CHECK(OneNode("MatMul", {t({3}), t({3, 7})}).dims() == Dims{7});
  CHECK(OneNode("MatMul", {t({2, 3}), t({3})}).dims() == Dims{2});
  CHECK(OneNode("MatMul", {t({3}), t({3})}).dims() == Dims{});
  CHECK(OneNode("MatMul", {t({3}), t({6, 3, 7})}).dims() == Dims{6, 7});
  CHECK(OneNode("MatMulInteger", {t({2, 3}, DataType::uint8), t({3, 4}, DataType::int8)}).elem() == DataType::int32);
  CHECK(OneNode("Gemm", {t({3, 2}), t({7, 3})}, {attr("transA", 1), attr("transB", 1)}).dims() == Dims{2, 7});
  CHECK_THROWS_WITH(OneNode("MatMul", {t({2, 3}), t({4, 5})}),
                    Catch::Contains("3 columns meet 4 rows: [2,3] by [4,5]"));
  CHECK_THROWS_WITH(OneNode("MatMul", {t({}), t({4, 5})}), Catch::Contains("[] and [4,5]"));
  CHECK_THROWS_WITH(OneNode("Gemm", {t({2, 3}), t({4, 5})}), Catch::Contains("3 columns meet 4 rows"));
}

TEST_CASE("Einsum") {
  const auto einsum = [](const char* equation, const std::vector<Arg>& args) {
    return OneNode("Einsum", args, {attr("equation", equation)}).dims();
  };
  CHECK(einsum("bhqd,bhkd->bhqk", {t({2, 4, 5, 8}), t({2, 4, 7, 8})}) == Dims{2, 4, 5, 7});
  CHECK(einsum("...ij,...jk", {t({6, 2, 3}), t({3, 4})}) == Dims{6, 2, 4});
  CHECK(einsum("ii->i", {t({3, 3})}) == Dims{3});
  CHECK(einsum(" b a , a c -> c b ", {t({2, 3}), t({3, 4})}) == Dims{4, 2});
  CHECK(einsum("ba", {t({2, 3})}) == Dims{3, 2});  // implicit output is alphabetical
  CHECK(einsum("ij->", {t({2, 3})}) == Dims{});
  CHECK_THROWS_WITH(einsum("ij,jk->ik", {t({2, 3}), t({4, 5})}), Catch::Contains("'j' is both 3 and 4"));
  CHECK_THROWS_AS(einsum("ij->k", {t({2, 3})}), base::Error);
  CHECK_THROWS_AS(einsum("i(j", {t({2, 3})}), base::Error);
}

TEST_CASE("reductions take axes from the attribute or, later, from an input") {
  CHECK(OneNode("ReduceSum", {t({2, 3, 4})}, {attr("axes", {1}), attr("keepdims", 0)}, 11).dims() == Dims{2, 4});
  CHECK(OneNode("ReduceSum", {t({2, 3, 4}), ints({-1})}, {}, 13).dims() == Dims{2, 3, 1});
  CHECK(OneNode("ReduceMean", {t({2, 3, 4})}).dims() == Dims{1, 1, 1});
  CHECK(OneNode("ReduceMean", {t({2, 3, 4})}, {attr("noop_with_empty_axes", 1)}).dims() == Dims{2, 3, 4});
  CHECK(OneNode("ReduceProd", {ints({2, 3, 4})}, {attr("keepdims", 0)}).content() == Content{24});
  CHECK(OneNode("ReduceMax", {ints({2, 9, 4}), ints({0})}).content() == Content{9});
  CHECK(OneNode("ArgMax", {t({2, 3, 4})}, {attr("axis", -1), attr("keepdims", 0)}).dims() == Dims{2, 3});
  CHECK(OneNode("ArgMax", {ints({2, 9, 4})}).content() == Content{1});
  CHECK(OneNode("ArgMin", {ints({2, 9, 4})}).elem() == DataType::int64);
  CHECK_THROWS_WITH(OneNode("ReduceSum", {t({2, 3}), ints({2})}), Catch::Contains("axis 2 is out of range for rank 2"));

  const OneNode unknown_axes("ReduceSum", {t({2, 0, 4}), t({1}, DataType::int64)});
  CHECK(unknown_axes.dims() == Dims{2, 1, 4});
  CHECK(unknown_axes.trust() == Trust::bound);
}

TEST_CASE("cumulative sums of positions") {
  CHECK(OneNode("CumSum", {ints({1, 2, 3}), scalar(0)}).content() == Content{1, 3, 6});
  CHECK(OneNode("CumSum", {ints({1, 2, 3}), scalar(0)}, {attr("exclusive", 1), attr("reverse", 1)}).content() ==
        Content{5, 3, 0});
  CHECK(OneNode("CumProd", {ints({1, 2, 3}), scalar(0)}, {}, 26).content() == Content{1, 2, 6});
}
