// SPDX-License-Identifier: Apache-2.0
// Normalisations and losses where ONNX's suite is silent: modes of BatchNormalization, old opsets, types, bad input.
#include <cmath>
#include <memory>

#include <ATen/ops/arange.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/zeros.h>

#include "exec/one_node.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using test::error_of;
using test::OneNode;

namespace {

const exec::RunMode kTraining{true, 0, 0};

// A BatchNormalization over two channels whose running statistics are weights, zero at first.
class BatchNormModel {
 public:
  explicit BatchNormModel(exec::BatchNorm mode, float momentum = 0.75f) {
    ir::Builder builder("batch norm", 15);
    const ir::Str x = builder.input("x", ir::DataType::float32, {4, 2}),
                  scale = builder.input("s", ir::DataType::float32, {2}),
                  bias = builder.input("b", ir::DataType::float32, {2}), mean = zeros(builder),
                  variance = zeros(builder);
    const ir::Str y =
        builder.add("BatchNormalization", {x, scale, bias, mean, variance},
                    ir::attributes(ir::float_attribute("momentum", momentum), ir::float_attribute("epsilon", 0)));
    builder.output(y, ir::DataType::float32, {4, 2});
    exec::CompileOptions options;
    options.kernels.batch_norm = mode;
    options.outputs = {std::string(y), std::string(mean), std::string(variance)};
    program_ = std::make_unique<exec::Program>(builder.finish(), options);
  }

  /// Output and running statistics after a run on [[0,0], [2,4], [4,8], [6,12]].
  std::vector<exec::Value> run(const exec::RunMode& mode) {
    return program_->run(
        {test::floats({0, 0, 2, 4, 4, 8, 6, 12}, {4, 2}), test::floats({1, 1}, {2}), test::floats({0, 0}, {2})}, mode);
  }

 private:
  static ir::Str zeros(ir::Builder& builder) {
    return builder.add("Constant", {}, ir::attributes(test::floats_attribute("value_floats", {0, 0})));
  }

  std::unique_ptr<exec::Program> program_;
};

}  // namespace

TEST_CASE("BatchNormalization that trains takes the batch's statistics and updates those of the population") {
  BatchNormModel model(exec::BatchNorm::train);
  const auto first = model.run(kTraining);
  const double deviation = std::sqrt(5.0);  // of 0, 2, 4, 6, dividing by four
  CHECK(test::close(first[0].tensor().select(1, 0).contiguous(),
                    test::floats({-3 / deviation, -1 / deviation, 1 / deviation, 3 / deviation}, {4})));
  CHECK(test::close(first[1], test::floats({0.75, 1.5}, {2})));
  CHECK(test::close(first[2], test::floats({1.25, 5}, {2})));
  // In evaluation they are used and stay.
  const auto second = model.run({});
  CHECK(test::close(second[0].tensor().select(1, 0).contiguous(),
                    (test::floats({0, 2, 4, 6}, {4}) - 0.75) / std::sqrt(1.25)));
  CHECK(test::close(second[1], test::floats({0.75, 1.5}, {2})));
}

TEST_CASE("A momentum of one, which some exporters wrote, counts as the usual one") {
  BatchNormModel model(exec::BatchNorm::train, 1);
  CHECK(test::close(model.run(kTraining)[1], test::floats({0.3, 0.6}, {2})));
}

TEST_CASE("BatchNormalization that is frozen or as it is uses what is stored, in training as well") {
  for (const auto mode : {exec::BatchNorm::frozen, exec::BatchNorm::as_is}) {
    BatchNormModel model(mode);
    const auto outputs = model.run(kTraining);
    CHECK(test::close(outputs[1], test::floats({0, 0}, {2})));
    CHECK_FALSE(std::isfinite(outputs[0].tensor().flatten()[2].item<float>()));  // a stored variance of zero
  }
}

TEST_CASE("BatchNormalization before opset 9 may have statistics for every element, before 7 a flag for tests") {
  const at::Tensor x = test::floats({1, 2, 3, 4}, {1, 2, 2}), one = test::floats({1, 1, 1, 1}, {2, 2});
  OneNode elements{"BatchNormalization",
                   8,
                   ir::attributes(ir::int_attribute("spatial", 0), ir::float_attribute("epsilon", 0)),
                   1,
                   {}};
  CHECK(test::close(elements({x, one, one * 0, test::floats({1, 1, 2, 2}, {2, 2}), one * 4})[0],
                    test::floats({0, 0.5, 0.5, 1}, {1, 2, 2})));
  const at::Tensor pair = test::floats({1, 1}, {2}), zero = pair * 0;
  OneNode tests{"BatchNormalization",
                6,
                ir::attributes(ir::int_attribute("is_test", 1), ir::float_attribute("epsilon", 0)),
                1,
                {}};
  CHECK(test::close(tests({x, pair, zero, pair, pair * 4})[0], test::floats({0, 0.5, 1, 1.5}, {1, 2, 2})));
  OneNode trains{"BatchNormalization", 6, ir::attributes(ir::float_attribute("epsilon", 0)), 1, {}};
  CHECK(test::close(trains({x, pair, zero, pair, pair * 4})[0], test::floats({-1, 1, -1, 1}, {1, 2, 2})));
}

TEST_CASE("BatchNormalization takes statistics in a wider type than its input has") {
  const at::Tensor x = test::floats({0, 2, 4, 6}, {4, 1}, at::kHalf), one = test::floats({1}, {1}, at::kHalf);
  OneNode node{"BatchNormalization", 15, ir::attributes(ir::float_attribute("epsilon", 0)), 1, {}};
  const auto y = node({x, one, one * 0, test::floats({2}, {1}), test::floats({4}, {1})});
  CHECK(test::close(y[0], test::floats({-1, 0, 1, 2}, {4, 1}, at::kHalf)));
}

TEST_CASE("GroupNormalization of opset 18 has a scale for every group") {
  const at::Tensor x = test::floats({-1, 1, -2, 2, -3, 3, -4, 4}, {1, 4, 2});
  OneNode node{"GroupNormalization",
               18,
               ir::attributes(ir::int_attribute("num_groups", 2), ir::float_attribute("epsilon", 0)),
               1,
               {}};
  const auto y = node({x, test::floats({1, 10}, {2}), test::floats({0, 5}, {2})})[0].tensor().flatten();
  CHECK(y[1].item<float>() == Approx(1 / std::sqrt(2.5)));
  CHECK(y[5].item<float>() == Approx(5 + 30 / std::sqrt(12.5)));
}

TEST_CASE("LayerNormalization takes scales that broadcast, and gives statistics in its own precision") {
  const at::Tensor x = at::arange(12, at::kFloat).reshape({2, 2, 3}).to(at::kHalf);
  OneNode node{"LayerNormalization", 17, ir::attributes(ir::int_attribute("axis", 1)), 3, {}};
  const auto outputs = node({x, test::floats({1, 2, 3}, {3}, at::kHalf)});
  const at::Tensor wanted = at::layer_norm(x.to(at::kFloat), {2, 3}) * test::floats({1, 2, 3}, {3});
  CHECK(test::close(outputs[0].tensor().to(at::kFloat), wanted, 2e-3));
  CHECK(test::close(outputs[1], test::floats({2.5, 8.5}, {2, 1, 1})));
  CHECK(outputs[2].dtype() == ir::DataType::float32);
  CHECK(error_of({"LayerNormalization", 17, ir::attributes(ir::int_attribute("axis", 3)), 1, {}}, {x, x}) ==
        "65 axis 3 does not exist: the rank is 3");
}

TEST_CASE("LRN with an even size reaches further behind than before") {
  OneNode node{
      "LRN",
      13,
      ir::attributes(ir::int_attribute("size", 2), ir::float_attribute("alpha", 2), ir::float_attribute("beta", 1)),
      1,
      {}};
  CHECK(test::close(node({test::floats({1, 2, 3}, {1, 3, 1})})[0],
                    test::floats({1.0 / 6, 2.0 / 14, 3.0 / 10}, {1, 3, 1})));
}

TEST_CASE("Losses leave out a label that is to be ignored, and refuse one that is no class") {
  const at::Tensor scores = at::zeros({2, 4}), labels = at::arange(2, at::kInt) * 7 - 3;  // -3, 4
  OneNode ignores{"SoftmaxCrossEntropyLoss", 13, ir::attributes(ir::int_attribute("ignore_index", -3)), 1, {}};
  CHECK(test::close(ignores({scores, labels.clamp_max(3)})[0], test::floats({std::log(4.0)}, {})));
  CHECK(error_of({"SoftmaxCrossEntropyLoss", 13, {}, 1, {}}, {scores, labels}) != "");
  CHECK(error_of({"NegativeLogLikelihoodLoss", 13, {}, 1, {}}, {test::floats({1}, {1}), labels}) ==
        "65 float32[1] has no classes");
}
