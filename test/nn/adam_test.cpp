// SPDX-License-Identifier: Apache-2.0
#include "nn/adam.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

at::Tensor floats(const std::vector<double>& values) { return at::tensor(values, at::kDouble).to(at::kFloat); }

at::Tensor gradient(int step) { return floats({0.3 * step, -1.0 / step, step < 3 ? 0.0 : 2.0}); }

constexpr nn::AdamOptions kOptions = {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0};

/// One parameter [1, -2, 0.5] after `steps` steps of 0.05.
struct Run {
  explicit Run(nn::AdamOptions options, int steps = 0) : parameters(0), adam(start(parameters), options) { go(steps); }
  static const nn::Parameters& start(nn::Parameters& parameters) {
    parameters.constant("p", {3}, 0);
    parameters.assign({{"p", floats({1, -2, 0.5})}}, "");
    return parameters;
  }
  void go(int steps) {
    for (int i = 0; i < steps; ++i) adam.step(std::vector{gradient(static_cast<int>(adam.steps()) + 1)}, 0.05);
  }
  void expect(const std::vector<double>& values) const {
    for (size_t i = 0; i < values.size(); ++i)
      CHECK(parameters.tensors()[0][static_cast<int64_t>(i)].item<double>() == Approx(values[i]).epsilon(2e-6));
  }

  nn::Parameters parameters;
  nn::Adam adam;
};

}  // namespace

// The numbers are those of PyTorch 2.13's AdamW.
TEST_CASE("Adam's steps are PyTorch's") {
  Run run(kOptions, 1);
  run.expect({0.950000167, -1.95000005, 0.5});
  run.go(2);
  run.expect({0.854029894, -1.85954034, 0.468203008});
  run.go(2);
  run.expect({0.758064687, -1.7792865, 0.386827081});
  const auto state = run.adam.state();
  REQUIRE(state.size() == 3);
  CHECK(state[0].first == "adam.m.p");
  CHECK(state[0].second[0].item<double>() == Approx(0.394322991).epsilon(1e-6));
  CHECK(state[1].first == "adam.v.p");
  CHECK(state[1].second[2].item<double>() == Approx(0.118804).epsilon(1e-6));
  CHECK(state[2].second[0].item<int64_t>() == 5);
}

TEST_CASE("weight decay shrinks parameters apart from the gradient") {
  nn::AdamOptions options = kOptions;
  options.weight_decay = 0.1;
  Run run(options, 2);
  run.expect({0.892081559, -1.88362777, 0.495012492});
  run.go(3);
  run.expect({0.735741079, -1.73211634, 0.374963015});
}

TEST_CASE("a stored state goes on as if never interrupted") {
  Run whole(kOptions, 5), first(kOptions, 2), second(kOptions);
  second.parameters.assign(first.parameters.all(), "state");
  second.adam.assign(first.adam.state(), "state");
  CHECK(second.adam.steps() == 2);
  first.go(1);  // a copy was made: the one's steps do not move the other's moments
  second.go(3);
  CHECK(at::equal(second.parameters.tensors()[0], whole.parameters.tensors()[0]));
  CHECK_THROWS_AS(second.adam.assign({first.adam.state()[0]}, "state"), base::Error);
}

TEST_CASE("an undefined gradient leaves its parameter alone") {
  nn::Parameters parameters(0);
  const at::Tensor still = parameters.constant("still", {2}, 1), moves = parameters.constant("moves", {2}, 1);
  nn::Adam adam(parameters, {.weight_decay = 0.5});
  adam.step(std::vector{at::Tensor(), floats({1, -1})}, 0.1);
  CHECK(at::equal(still, floats({1, 1})));
  CHECK(moves[0].item<double>() == Approx(0.85));
  CHECK(moves[1].item<double>() == Approx(1.05));
}

TEST_CASE("a quadratic is minimised through autograd") {
  nn::Parameters parameters(5);
  const at::Tensor x = parameters.uniform("x", {8}, 3);
  const at::Tensor target = at::full({8}, 0.7, at::kFloat);
  nn::Adam adam(parameters);
  for (int step = 0; step < 400; ++step) {
    const at::Tensor loss = (x - target).square().sum();
    adam.step(torch::autograd::grad({loss}, parameters.tensors()), 0.05);
  }
  CHECK((x - target).abs().max().item<double>() < 1e-3);
}

TEST_CASE("the norm over all gradients is clipped and returned") {
  std::vector<at::Tensor> gradients = {floats({3, 0}), at::Tensor(), floats({0, 4}).expand({1, 2})};
  const at::Tensor before = gradients[0];
  CHECK(nn::clip_norm(gradients, 10) == Approx(5));
  CHECK(gradients[0].is_same(before));
  CHECK(nn::clip_norm(gradients, 1) == Approx(5));
  CHECK(gradients[0][0].item<double>() == Approx(0.6));
  CHECK_FALSE(gradients[1].defined());
  CHECK(gradients[2][0][1].item<double>() == Approx(0.8));
  CHECK(nn::clip_norm(gradients, 1) == Approx(1));

  std::vector<at::Tensor> repeated = {floats({2}).expand({4})};  // one element in memory
  CHECK(nn::clip_norm(repeated, 1) == Approx(4));
  CHECK(repeated[0][3].item<double>() == Approx(0.5));

  gradients[0] = floats({std::numeric_limits<double>::infinity(), 1});
  CHECK(std::isinf(nn::clip_norm(gradients, 1)));
  CHECK(gradients[2][0][1].item<double>() == Approx(0.8));
}
