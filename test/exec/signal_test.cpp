// SPDX-License-Identifier: Apache-2.0
// Quantisation and signals.
#include "exec/one_node.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/equal.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "exec/gradient_paths.h"
#include "exec/load.h"

using namespace allot;
using at::Tensor;
using exec::Value;
using ir::DataType;
using test::OneNode;

TEST_CASE("straight through, gradients pass where nothing is clipped", "[quantization]") {
  exec::KernelOptions options;
  options.straight_through = true;
  Tensor x = test::floats({-30, -0.3, 0.26, 1.2, 40}, {5});
  x.requires_grad_(true);
  const Tensor scale = test::floats({0.5}, {}), zero = at::tensor({10}, at::kByte).reshape({});
  OneNode quantize{"QuantizeLinear", 21, {}, 1, options}, dequantize{"DequantizeLinear", 21, {}, 1, options};
  const Value q = quantize({x, scale, zero})[0];
  CHECK(q.dtype() == DataType::uint8);
  const std::string bytes = exec::raw_bytes(q);
  CHECK(std::vector<int>(bytes.begin(), bytes.end()) == std::vector<int>{0, 9, 11, 12, 90});
  const Tensor y = dequantize({q, scale, zero})[0].tensor();
  CHECK(test::close(y.detach(), test::floats({-5, -0.5, 0.5, 1, 40}, {5})));
  y.sum().backward();
  CHECK(test::close(x.grad(), test::floats({0, 1, 1, 1, 1}, {5})));
}

TEST_CASE("only straight through is there a path to what is quantised", "[quantization]") {
  ir::Builder builder("quantised", 21);
  const ir::Str x = builder.input("x", DataType::float32, {3}), scale = builder.number(0.5f);
  const ir::Str y = builder.add("DequantizeLinear", {builder.add("QuantizeLinear", {x, scale}), scale});
  builder.output(y, DataType::float32, {3});
  const ir::Model model = builder.finish();
  const ir::Values values = ir::resolve(model);
  CHECK(exec::GradientPaths(values, {}, true).reaches(values.find("x")));
  CHECK_THAT(exec::GradientPaths(values, {}).cut(values.find("x")), Catch::Matchers::Contains("QuantizeLinear"));
}

TEST_CASE("quantised numbers are the same with and without gradients", "[quantization]") {
  const Tensor x = at::cos(at::arange(64, at::kFloat)) * 9;
  const Tensor scale = test::floats({0.11}, {});
  for (const DataType type : {DataType::int8, DataType::int4, DataType::float8e4m3fn, DataType::float4e2m1}) {
    const auto run = [&](bool through) {
      exec::KernelOptions options;
      options.straight_through = through;
      auto attributes = ir::attributes(ir::int_attribute("output_dtype", static_cast<int64_t>(type)));
      return OneNode{"QuantizeLinear", 23, std::move(attributes), 1, options}({x, scale})[0];
    };
    CHECK(run(true).dtype() == type);
    CHECK(exec::raw_bytes(run(true)) == exec::raw_bytes(run(false)));
  }
}

TEST_CASE("scales that fit neither axis nor blocks are named", "[quantization]") {
  const Tensor x = at::arange(12, at::kFloat).reshape({2, 6}), scales = test::floats({1, 2, 3, 4}, {2, 2});
  const auto blocks = [](int64_t size) {
    return OneNode{"QuantizeLinear", 21, ir::attributes(ir::int_attribute("block_size", size))};
  };
  CHECK(at::equal(blocks(3)({x, scales})[0].tensor().to(at::kLong),
                  at::tensor({0, 1, 2, 2, 2, 2, 2, 2, 3, 2, 2, 3}, at::kLong).reshape({2, 6})));
  CHECK_THROWS_WITH(blocks(2)({x, scales}), Catch::Matchers::Contains("does not fit blocks of 2"));
  CHECK_THROWS_WITH(blocks(int64_t{1} << 60)({x, scales}), Catch::Matchers::Contains("does not fit blocks"));
  OneNode axis{"QuantizeLinear", 13, {}};
  CHECK_THROWS_WITH(axis({x, test::floats({1, 2}, {2})}), Catch::Matchers::Contains("does not fit axis 1"));
}

TEST_CASE("a constant signal of zeros quantises to zeros", "[quantization]") {
  OneNode node{"DynamicQuantizeLinear", 11, {}, 3};
  const auto y = node({test::floats({0, 0}, {2})});
  CHECK(at::equal(y[0].tensor(), at::tensor({0, 0}, at::kByte)));
  CHECK(y[1].tensor().item<float>() == 1);
}

TEST_CASE("a transform and its inverse cancel", "[signal]") {
  const Tensor x = at::cos(at::arange(20, at::kDouble)).reshape({2, 5, 2});
  const auto there = OneNode{"DFT", 20, {}}({x});
  const auto back = OneNode{"DFT", 20, ir::attributes(ir::int_attribute("inverse", 1))}({there[0]});
  CHECK(test::close(back[0], x, 1e-12));
  const Tensor real = x.narrow(2, 0, 1);
  const auto half = OneNode{"DFT", 17, ir::attributes(ir::int_attribute("onesided", 1))}({real});
  CHECK(half[0].dims() == std::vector<int64_t>{2, 3, 2});
  auto attributes = ir::attributes(ir::int_attribute("onesided", 1), ir::int_attribute("inverse", 1));
  const auto whole = OneNode{"DFT", 17, std::move(attributes)}({half[0], at::tensor({5}, at::kLong).reshape({})});
  CHECK(test::close(whole[0], real, 1e-12));
}

TEST_CASE("frames of a signal", "[signal]") {
  const Tensor x = at::arange(10, at::kDouble).reshape({1, 10, 1});
  const Value step = at::tensor({3}, at::kLong).reshape({}), length = at::tensor({4}, at::kLong).reshape({});
  const Tensor y = OneNode{"STFT", 17, {}}({x, step, {}, length})[0].tensor();
  CHECK(y.sizes() == at::IntArrayRef({1, 3, 3, 2}));
  CHECK(test::close(y.select(2, 0).select(2, 0), test::floats({6, 18, 30}, {1, 3}, at::kDouble)));  // sums of frames
  const Value huge = at::tensor(std::vector<int64_t>{11}, at::kLong).reshape({});
  CHECK_THROWS_WITH((OneNode{"STFT", 17, {}}({x, step, {}, huge})), Catch::Matchers::Contains("do not fit a signal"));
  CHECK_THROWS_WITH((OneNode{"STFT", 17, {}}({x, step, test::floats({1, 1}, {2}), length})),
                    Catch::Matchers::Contains("does not fit frames of 4"));
}

TEST_CASE("mel bands beyond what a sample rate holds are named", "[signal]") {
  const auto number = [](int64_t n) { return Value(at::tensor(std::vector<int64_t>{n}, at::kLong).reshape({})); };
  OneNode node{"MelWeightMatrix", 17, {}};
  CHECK_THROWS_WITH(node({number(8), number(16), number(8000), test::floats({0}, {}), test::floats({9000}, {})}),
                    Catch::Matchers::Contains("do not fit a sample rate"));
}
