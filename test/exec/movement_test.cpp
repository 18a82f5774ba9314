// SPDX-License-Identifier: Apache-2.0
// Reshaping, slicing, padding and indexing, where ONNX's suite has no case.
#include "exec/one_node.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using exec::Strings;
using exec::Value;
using ir::int_attribute;
using ir::ints_attribute;
using test::close;
using test::floats;
using test::ints;
using test::OneNode;

namespace {

at::Tensor count_up(const std::vector<int64_t>& dims) {
  return at::arange(c10::multiply_integers(dims), at::kFloat).reshape(dims);
}

bool same(const Value& actual, const at::Tensor& wanted) {
  return actual.is_tensor() && actual.tensor().scalar_type() == wanted.scalar_type() &&
         at::equal(actual.tensor(), wanted);
}

Value words(std::vector<std::string> list, std::vector<int64_t> dims) {
  return Value(Strings{std::move(list), std::move(dims)});
}

}  // namespace

TEST_CASE("movement: shapes as attributes of old opsets") {
  const at::Tensor x = count_up({2, 3, 4});
  CHECK(same(OneNode{"Reshape", 1, ir::attributes(ints_attribute("shape", {0, -1}))}({x})[0], x.reshape({2, 12})));
  CHECK(same(OneNode{"Squeeze", 1, ir::attributes(ints_attribute("axes", {0}))}({x.unsqueeze(0)})[0], x));
  CHECK(same(OneNode{"Unsqueeze", 1, ir::attributes(ints_attribute("axes", {3, 0}))}({x})[0],
             x.reshape({1, 2, 3, 1, 4})));
  CHECK(same(OneNode{"Tile", 1, {}}({x, floats({2}, {1}), floats({1}, {1})})[0], x.repeat({1, 2, 1})));
  CHECK(same(OneNode{"Slice", 1,
                     ir::attributes(ints_attribute("starts", {1, -2}), ints_attribute("ends", {9, -1}),
                                    ints_attribute("axes", {1, 2}))}({x})[0],
             x.slice(1, 1, 3).slice(2, 2, 3)));
  CHECK(same(
      OneNode{"Pad", 1,
              ir::attributes(ints_attribute("paddings", {0, 0, 1, 0, 0, -2}), ir::float_attribute("value", 7))}({x})[0]
          .tensor()
          .slice(2, 1),
      x.slice(2, 0, 2)));
  CHECK(same(OneNode{"Concat", 1, {}}({x, x})[0].tensor().slice(1, 3), x));
  auto parts = OneNode{"Split", 2, ir::attributes(int_attribute("axis", 2)), 2}({x});
  CHECK(same(parts[1], x.slice(2, 2)));
  CHECK(same(OneNode{"TopK", 1, ir::attributes(int_attribute("k", 1)), 2}({x})[0], x.slice(2, 3)));
}

TEST_CASE("movement: steps backwards clamp as the specification says") {
  const at::Tensor x = count_up({5});
  const auto slice = [&](int64_t start, int64_t end, int64_t step) {
    return OneNode{"Slice", 13, {}}({x, ints({start}), ints({end}), ints({0}), ints({step})})[0].tensor();
  };
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
  CHECK(same(slice(-1, kMin, -1), floats({4, 3, 2, 1, 0}, {5})));
  CHECK(same(slice(kMax, kMin, -2), floats({4, 2, 0}, {3})));
  CHECK(same(slice(3, 0, -2), floats({3, 1}, {2})));
  CHECK(same(slice(3, 0, kMin), floats({3}, {1})));
  CHECK(same(slice(0, kMax, kMax), floats({0}, {1})));
  CHECK(slice(1, 3, -1).numel() == 0);
  CHECK(slice(4, 2, 1).numel() == 0);
  CHECK_THROWS_WITH(slice(0, 5, 0), Catch::Contains("step"));
}

TEST_CASE("movement: padding from within, any rank, with crops") {
  const at::Tensor x = count_up({4});
  const auto pad = [&](const char* mode, int64_t before, int64_t after) {
    return OneNode{"Pad", 19, ir::attributes(test::string_attribute("mode", mode))}({x, ints({before, after})})[0]
        .tensor();
  };
  CHECK(same(pad("reflect", 5, 1), floats({1, 2, 3, 2, 1, 0, 1, 2, 3, 2}, {10})));
  CHECK(same(pad("wrap", 5, 1), floats({3, 0, 1, 2, 3, 0, 1, 2, 3, 0}, {10})));
  CHECK(same(pad("edge", 2, -2), floats({0, 0, 0, 1}, {4})));
  CHECK(same(pad("reflect", -1, -1), floats({1, 2}, {2})));
  CHECK(pad("edge", -3, -3).numel() == 0);
  const at::Tensor six = count_up({1, 1, 1, 1, 2, 2});
  CHECK(OneNode{"Pad", 13, {}}({six, ints({1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})})[0].dims() ==
        std::vector<int64_t>{2, 1, 1, 1, 2, 3});
}

TEST_CASE("movement: strings and types that torch has no kernels for are moved as others are") {
  const Value x = words({"a", "b", "c", "d", "e", "f"}, {2, 3});
  const auto moved = OneNode{"Transpose", 13, {}}({x})[0];
  CHECK(moved.dims() == std::vector<int64_t>{3, 2});
  CHECK(moved.strings().data == std::vector<std::string>{"a", "d", "b", "e", "c", "f"});
  CHECK(OneNode{"Gather", 13, ir::attributes(int_attribute("axis", 1))}({x, ints({-1})})[0].strings().data ==
        std::vector<std::string>{"c", "f"});
  CHECK(OneNode{"Concat", 13, ir::attributes(int_attribute("axis", 0))}({x, words({"x", "y", "z"}, {1, 3})})[0]
            .strings()
            .data.back() == "z");
  CHECK(OneNode{"Pad", 21, {}}({words({"a"}, {1}), ints({1, 0})})[0].strings().data ==
        std::vector<std::string>{"", "a"});
  auto distinct = OneNode{"Unique", 11, ir::attributes(int_attribute("sorted", 0)), 4}({words({"b", "a", "b"}, {3})});
  CHECK(distinct[0].strings().data == std::vector<std::string>{"b", "a"});
  CHECK(same(distinct[3], ints({2, 1})));
  for (const at::ScalarType type : {at::kUInt16, at::kUInt32, at::kUInt64, at::kFloat8_e4m3fn}) {
    const at::Tensor small = count_up({4}).to(type);
    const auto picked = OneNode{"Gather", 13, {}}({small, ints({3, -3})})[0].tensor();
    CHECK(picked.scalar_type() == type);
    CHECK(at::equal(picked.to(at::kFloat), floats({3, 1}, {2})));
  }
}

TEST_CASE("movement: maxima and sorting of the widest unsigned type") {
  const at::Tensor x = ints({5, -1, 7}).view(at::kUInt64);
  CHECK(OneNode{"TopK", 11, {}, 2}({x, ints({2})})[1].tensor().equal(ints({1, 2})));
  CHECK(OneNode{"ReduceMax", 20, {}}({x})[0].tensor().view(at::kLong).item<int64_t>() == -1);
  CHECK(OneNode{"ReduceSum", 13, {}}({x})[0].tensor().view(at::kLong).item<int64_t>() == 11);
}

TEST_CASE("movement: equal elements keep their order in TopK, last of them on request in ArgMax") {
  const at::Tensor x = floats({2, 3, 3, 1, 3}, {5});
  CHECK(same(OneNode{"TopK", 11, {}, 2}({x, ints({4})})[1], ints({1, 2, 4, 0})));
  CHECK(same(OneNode{"TopK", 11, ir::attributes(int_attribute("largest", 0)), 2}({x, ints({2})})[1], ints({3, 0})));
  CHECK(same(OneNode{"ArgMax", 13, {}}({x})[0], ints({1})));
  CHECK(same(OneNode{"ArgMax", 13, ir::attributes(int_attribute("select_last_index", 1))}({x})[0], ints({4})));
}

TEST_CASE("movement: scattering with reductions, negative indices and repeated ones") {
  const at::Tensor x = at::ones({3, 2});
  const auto nd = [&](const char* reduction) {
    return OneNode{"ScatterND", 18, ir::attributes(test::string_attribute("reduction", reduction))}(
               {x, ints({-1, 0, 0}).reshape({3, 1}), floats({2, 3, 4, 5, 6, 7}, {3, 2})})[0]
        .tensor();
  };
  CHECK(same(nd("add"), floats({11, 13, 1, 1, 3, 4}, {3, 2})));
  CHECK(same(nd("mul"), floats({24, 35, 1, 1, 2, 3}, {3, 2})));
  CHECK(same(nd("max"), floats({6, 7, 1, 1, 2, 3}, {3, 2})));
  CHECK(same(nd("min"), floats({1, 1, 1, 1, 1, 1}, {3, 2})));
  const auto elements = OneNode{"ScatterElements", 18, ir::attributes(int_attribute("axis", 1))}(
      {x, ints({-1}).reshape({1, 1}), floats({9}, {1, 1})});
  CHECK(same(elements[0], floats({1, 9, 1, 1, 1, 1}, {3, 2})));
}

TEST_CASE("movement: what does not fit is an error that names the node") {
  const at::Tensor x = count_up({2, 3});
  const auto fails = [](OneNode node, const std::vector<Value>& inputs, const std::string& text) {
    try {
      node(inputs);
      FAIL("no error: " << text);
    } catch (const base::Error& error) {
      CHECK(error.kind() == base::ErrorKind::malformed);
      CHECK_THAT(std::string(error.what()), Catch::Contains(text) && Catch::Contains(std::string(node.type)));
    }
  };
  fails({"Reshape", 13, {}}, {x, ints({0, 0, 0})}, "cannot be copied");
  fails({"Reshape", 13, {}}, {x, ints({4, -1})}, "invalid");
  fails({"Squeeze", 13, {}}, {x, ints({0})}, "2 elements");
  fails({"Unsqueeze", 13, {}}, {x, ints({0, 0})}, "twice");
  fails({"Unsqueeze", 13, {}}, {x, ints({4})}, "axis 4");
  fails({"Tile", 13, {}}, {x, ints({2})}, "repeats");
  fails({"Gather", 13, {}}, {x, ints({2})}, "index 2");
  fails({"Gather", 13, {}}, {x, ints({-3})}, "index -3");
  fails({"GatherND", 13, {}}, {x, ints({1, 3})}, "index 3");
  fails({"GatherND", 13, {}}, {x, ints({0, 0, 0})}, "coordinates");
  fails({"ScatterND", 18, {}}, {x, ints({5}).reshape({1, 1}), floats({0, 0, 0}, {1, 3})}, "index 5");
  fails({"ScatterND", 18, {}}, {x, ints({0}).reshape({1, 1}), floats({0, 0}, {1, 2})}, "updates");
  fails({"Slice", 13, {}}, {x, ints({0}), ints({1}), ints({2})}, "axis 2");
  fails({"Slice", 13, {}}, {x, ints({0, 1}), ints({1})}, "differ");
  fails({"Split", 13, {}, 2}, {x, ints({1, 1, 1})}, "sizes");
  fails({"Split", 13, ir::attributes(int_attribute("axis", 1)), 2}, {x}, "equal parts");
  fails({"Pad", 13, {}}, {x, ints({1, 1})}, "pads");
  fails({"TopK", 11, {}, 2}, {x, ints({4})}, "k is 4");
  fails({"OneHot", 11, {}}, {ints({1}), ints({-2}), floats({0, 1}, {2})}, "depth");
  fails({"Transpose", 13, ir::attributes(ints_attribute("perm", {0}))}, {x}, "permute");
  fails({"ConstantOfShape", 9, {}}, {ints({-1})}, "");
  fails({"DepthToSpace", 13, ir::attributes(int_attribute("blocksize", 0))}, {x}, "blocksize");
}
