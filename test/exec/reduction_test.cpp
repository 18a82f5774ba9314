// SPDX-License-Identifier: Apache-2.0
// Reductions and running sums, where ONNX's suite has no case.
#include "exec/one_node.h"

#include <ATen/ops/zeros.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using ir::int_attribute;
using ir::ints_attribute;
using test::close;
using test::floats;
using test::ints;
using test::OneNode;

TEST_CASE("reduction: axes as attribute, as input and computed by the graph") {
  const at::Tensor x = floats({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(close(OneNode{"ReduceMean", 11, ir::attributes(ints_attribute("axes", {-1}))}({x})[0], floats({2, 5}, {2, 1})));
  CHECK(close(OneNode{"ReduceMean", 18, ir::attributes(int_attribute("keepdims", 0))}({x, ints({0})})[0],
              floats({2.5, 3.5, 4.5}, {3})));
  CHECK(close(OneNode{"ReduceProd", 18, ir::attributes(int_attribute("keepdims", 0))}({x, ints({1, 0})})[0],
              floats({720}, {})));
}

TEST_CASE("reduction: over no axes each element is seen alone") {
  const at::Tensor x = floats({-1, 2, -3}, {3});
  const auto run = [&](ir::Str type) {
    return OneNode{type, 18, ir::attributes(int_attribute("noop_with_empty_axes", 1))}({x, ints({})})[0];
  };
  CHECK(close(run("ReduceMax"), x));
  CHECK(close(run("ReduceSumSquare"), floats({1, 4, 9}, {3})));
  CHECK(close(run("ReduceL2"), floats({1, 2, 3}, {3})));
  CHECK(close(OneNode{"ReduceL1", 18, {}}({floats({-2}, {})})[0], floats({2}, {})));
}

TEST_CASE("reduction: of no elements") {
  const at::Tensor x = at::zeros({2, 0}, at::kInt);
  const auto run = [&](ir::Str type) { return OneNode{type, 20, {}}({x, ints({1})})[0].tensor(); };
  CHECK(run("ReduceMax").select(0, 0).item<int>() == std::numeric_limits<int>::min());
  CHECK(run("ReduceMin").select(0, 0).item<int>() == std::numeric_limits<int>::max());
  CHECK(run("ReduceSum").sum().item<int>() == 0);
  CHECK(run("ReduceProd").sum().item<int>() == 2);
  CHECK(OneNode{"ReduceMax", 20, {}}({x.to(at::kFloat), ints({1})})[0].tensor().select(0, 0).item<float>() ==
        -std::numeric_limits<float>::infinity());
}

TEST_CASE("reduction: integers stay integers of their type") {
  for (const at::ScalarType type : {at::kInt, at::kLong, at::kUInt32, at::kUInt64, at::kByte}) {
    const at::Tensor x = floats({1, 2, 4}, {3}).to(type);
    const auto run = [&](ir::Str op) {
      const at::Tensor result = OneNode{op, 18, ir::attributes(int_attribute("keepdims", 0))}({x})[0].tensor();
      CHECK(result.scalar_type() == type);
      return result.to(at::kLong).item<int64_t>();
    };
    CHECK(run("ReduceSum") == 7);
    CHECK(run("ReduceMean") == 2);
    CHECK(run("ReduceProd") == 8);
    CHECK(run("ReduceMax") == 4);
    CHECK(run("ReduceL2") == 4);
    CHECK(run("ReduceSumSquare") == 21);
  }
}

TEST_CASE("reduction: half precision on the CPU") {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    const at::Tensor x = floats({1, 2, 3, 4}, {2, 2}, type);
    for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
                           "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"}) {
      CAPTURE(op);
      const at::Tensor result = OneNode{op, 18, {}}({x, ints({0})})[0].tensor();
      CHECK(result.scalar_type() == type);
      CHECK(result.to(at::kFloat).sum().item<float>() > 0);
    }
    CHECK(close(OneNode{"CumSum", 14, {}}({x, ints({0})})[0], floats({1, 2, 4, 6}, {2, 2}, type)));
    CHECK(close(OneNode{"CumProd", 26, {}}({x, ints({0})})[0], floats({1, 2, 3, 8}, {2, 2}, type)));
    CHECK(close(OneNode{"TopK", 11, {}, 2}({x, ints({1})})[0], floats({2, 4}, {2, 1}, type)));
  }
}

TEST_CASE("reduction: equal extremes share the gradient") {
  const at::Tensor x = floats({3, 1, 3}, {3}).requires_grad_();
  OneNode{"ReduceMax", 18, {}}({x})[0].tensor().sum().backward();
  CHECK(close(x.grad(), floats({0.5, 0, 0.5}, {3})));
}

TEST_CASE("reduction: running sums exclude and go backwards") {
  const at::Tensor x = floats({1, 2, 3}, {3});
  const auto run = [&](int64_t exclusive, int64_t reverse) {
    return OneNode{
        "CumSum", 14,
        ir::attributes(int_attribute("exclusive", exclusive), int_attribute("reverse", reverse))}({x, ints({-1})})[0];
  };
  CHECK(close(run(0, 0), floats({1, 3, 6}, {3})));
  CHECK(close(run(1, 0), floats({0, 1, 3}, {3})));
  CHECK(close(run(0, 1), floats({6, 5, 3}, {3})));
  CHECK(close(run(1, 1), floats({5, 3, 0}, {3})));
  CHECK_THROWS_WITH((OneNode{"CumSum", 14, {}}({x, ints({1})})), Catch::Contains("axis 1"));
}
