// SPDX-License-Identifier: Apache-2.0
#include "nn/optimizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "nn/optimizer_reference.h"

using namespace allot;

namespace {

at::Tensor floats(const std::vector<double>& values) { return at::tensor(values, at::kDouble).to(at::kFloat); }

/// The run of optimizer_reference.py.
struct Run {
  explicit Run(nn::OptimizerOptions options, int steps = 0)
      : optimizer(nn::trained_tensors({{"matrix", matrix}, {"vector", vector}}), with_decay(options)) {
    go(steps);
  }
  static nn::OptimizerOptions with_decay(nn::OptimizerOptions options) {
    options.weight_decay = 0.1;
    return options;
  }
  void go(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto number = static_cast<double>(optimizer.steps() + 1);
      const auto count = [](int64_t end) { return at::arange(1, end, at::kDouble); };
      optimizer.step(std::vector{(count(7) + number).sin().reshape({2, 3}), (count(4) * number).cos()}, 0.05);
    }
  }

  at::Tensor matrix = at::linspace(-1, 1.5, 6, at::kDouble).reshape({2, 3});
  at::Tensor vector = at::tensor({0.5, -2.0, 0.25}, at::kDouble);
  nn::Optimizer optimizer;
};

const std::map<std::string, nn::OptimizerOptions> kKinds = {
    {"sgd", {.kind = "sgd", .momentum = 0}},
    {"momentum", {.kind = "sgd", .momentum = 0.9, .nesterov = false}},
    {"nesterov", {.kind = "sgd", .momentum = 0.9}},
    {"adamw", {.kind = "adamw", .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6}},
    {"adafactor", {.kind = "adafactor"}},
    {"lion", {.kind = "lion"}},
    {"lamb", {.kind = "lamb"}},
    {"adafactorw", {.kind = "adafactorw", .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6}},
    {"lars", {.kind = "lars", .momentum = 0.9, .nesterov = false, .trust = 0.01}},
};

}  // namespace

TEST_CASE("five steps of every optimiser are those of PyTorch or the paper's formula") {
  REQUIRE(kAfterFiveSteps.size() == kKinds.size());
  for (const auto& [name, expected] : kAfterFiveSteps) {
    INFO(name);
    const Run run(kKinds.at(name), 5);
    const at::Tensor error =
        (at::cat({run.matrix.flatten(), run.vector}) - at::tensor(expected, at::kDouble)).abs().max();
    CHECK(error.item<double>() < 1e-12);
  }
}

TEST_CASE("a stored state goes on as if never interrupted") {
  for (const auto& [name, options] : kKinds) {
    INFO(name);
    Run whole(options, 5), first(options, 2), second(options);
    second.matrix.copy_(first.matrix);
    second.vector.copy_(first.vector);
    second.optimizer.assign(first.optimizer.state(), "state");
    CHECK(second.optimizer.steps() == 2);
    first.go(1);  // a copy was made: the one's steps do not move the other's moments
    second.go(3);
    CHECK(at::equal(second.matrix, whole.matrix));
    CHECK(at::equal(second.vector, whole.vector));
  }
  Run adam(kKinds.at("adamw")), lion(kKinds.at("lion"));
  CHECK_THROWS_WITH(adam.optimizer.assign(lion.optimizer.state(), "state"), Catch::Contains("'adamw.m.matrix'"));
}

TEST_CASE("what has no gradient stays as it is, and its steps are not counted") {
  for (const auto& [name, options] : kKinds) {
    INFO(name);
    Run late(options), fresh(options);
    for (int i = 0; i < 7; ++i) late.optimizer.step(std::vector{at::Tensor(), at::ones({3}, at::kDouble)}, 0.01);
    CHECK(at::equal(late.matrix, fresh.matrix));
    const std::vector gradients = {at::ones({2, 3}, at::kDouble), at::Tensor()};
    late.optimizer.step(gradients, 0.05);
    fresh.optimizer.step(gradients, 0.05);
    CHECK(at::equal(late.matrix, fresh.matrix));  // the bias of Adam's moments is that of a first step
  }
}

TEST_CASE("the norm over all gradients is clipped and told") {
  const at::Tensor one = floats({0, 0}), still = floats({5}), two = floats({0, 0}).reshape({1, 2});
  nn::Optimizer optimizer({{"one", one}, {"still", still}, {"two", two}},
                          {.kind = "sgd", .momentum = 0, .clip_norm = 1});
  const std::vector gradients = {floats({3, 0}), at::Tensor(), floats({4}).expand({1, 2}) * floats({0, 1})};
  auto report = optimizer.step(gradients, 1);
  CHECK(report.gradient_norm == Approx(5));
  CHECK(report.clip_factor == Approx(0.2));
  CHECK(one[0].item<double>() == Approx(-0.6));
  CHECK(two[0][1].item<double>() == Approx(-0.8));
  CHECK(gradients[0][0].item<double>() == 3);  // the caller's are left alone

  report = optimizer.step(std::vector{floats({0.3, 0}), at::Tensor(), at::Tensor()}, 1);
  CHECK(report.clip_factor == 1);
  CHECK(one[0].item<double>() == Approx(-0.9));
}

TEST_CASE("a large gradient is clipped although its square is beyond float32") {
  const at::Tensor weight = at::ones({2});
  nn::Optimizer optimizer(nn::trained_tensors({{"w", weight}}), {.kind = "sgd", .momentum = 0, .clip_norm = 1});
  const auto report = optimizer.step(std::vector{floats({3e25, 4e25})}, 1);
  CHECK(report.taken);
  CHECK(report.gradient_norm == Approx(5e25));
  CHECK(weight[0].item<double>() == Approx(0.4));
  CHECK(weight[1].item<double>() == Approx(0.2));
}

TEST_CASE("the decay of SGD counts in the norm, as in Meta Pseudo Labels") {
  const at::Tensor weights = floats({3, 4}).reshape({1, 2});
  nn::Optimizer optimizer(nn::trained_tensors({{"w", weights}}),
                          {.kind = "sgd", .momentum = 0, .weight_decay = 0.5, .clip_norm = 0.5});
  const auto report = optimizer.step(std::vector{floats({0, 0}).reshape({1, 2})}, 1);
  CHECK(report.gradient_norm == Approx(2.5));
  CHECK(weights[0][0].item<double>() == Approx(3 - 1.5 / 5));
}

TEST_CASE("a gradient that is not finite changes nothing") {
  for (const auto& [name, options] : kKinds) {
    INFO(name);
    Run run(options, 1), other(options, 1);
    const at::Tensor wrong = at::full({3}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
    CHECK_FALSE(run.optimizer.step(std::vector{at::ones({2, 3}, at::kDouble), wrong}, 0.05).taken);
    CHECK(run.optimizer.steps() == 1);
    run.go(1);
    other.go(1);
    CHECK(at::equal(run.matrix, other.matrix));
  }
}

TEST_CASE("a quadratic is minimised through autograd") {
  for (const char* kind : {"sgd", "adamw", "lamb"}) {
    INFO(kind);
    nn::Parameters parameters(5);
    const at::Tensor x = parameters.uniform("x", {8}, 3);
    const at::Tensor target = at::full({8}, 0.7, at::kFloat);
    nn::Optimizer optimizer(nn::trained_tensors(parameters.all()), {.kind = kind});
    for (int step = 0; step < 400; ++step) {
      const at::Tensor loss = (x - target).square().sum();
      optimizer.step(torch::autograd::grad({loss}, parameters.tensors()), 0.1 * (1 - step / 400.0));
    }
    CHECK((x - target).abs().max().item<double>() < 5e-3);
  }
}

TEST_CASE("an unknown kind is refused with the nearest one") {
  CHECK_THROWS_WITH(nn::Optimizer({}, {.kind = "adamv"}), Catch::Contains("did you mean 'adamw'?"));
}
