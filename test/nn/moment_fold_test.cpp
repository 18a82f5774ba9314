// SPDX-License-Identifier: Apache-2.0
#include "nn/moment_fold.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/zeros.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"

using namespace allot;

namespace {

const nn::OptimizerOptions kAdamW = {.kind = "adamw", .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1};

struct Trained {
  explicit Trained(int64_t size = 6, const nn::OptimizerOptions& options = kAdamW)
      : tensor(at::linspace(-1, 1.5, size, at::kDouble).reshape({2, size / 2})),
        optimizer(nn::trained_tensors({{"w", tensor}}), options) {}
  at::Tensor moment(size_t which) const { return optimizer.state()[which].second; }

  at::Tensor tensor;
  nn::Optimizer optimizer;
};

at::Tensor noise(base::Rng& rng, int64_t size) {
  at::Tensor values = at::zeros({2, size / 2}, at::kDouble);
  for (int64_t i = 0; i < size; ++i) values.mutable_data_ptr<double>()[i] = rng.normal();
  return values;
}

/// 0.6 of the gradient and 0.4: parts may differ where there is one group.
std::vector<std::vector<at::Tensor>> two_parts(const at::Tensor& gradient) {
  return {{gradient * 0.6}, {gradient * 0.4}};
}

}  // namespace

TEST_CASE("one group of parts is a step of AdamW") {
  Trained folded, whole;
  nn::MomentFold fold(folded.optimizer);
  base::Rng rng(1, 2);
  const at::Tensor gradient = noise(rng, 6);
  for (int step = 0; step < 4; ++step) {  // alike in size, so that the bound on a step does nothing
    const at::Tensor now = gradient * (1.0 + 0.1 * (step % 2));
    fold.fold(0, two_parts(now), 1);
    fold.finish(0.05);
    whole.optimizer.step(std::vector{now * 1.0}, 0.05);
  }
  CHECK(at::allclose(folded.moment(0), whole.moment(0), 1e-12, 1e-14));
  CHECK(at::allclose(folded.moment(1), whole.moment(1), 1e-12, 1e-14));
  CHECK(at::allclose(folded.tensor, whole.tensor, 1e-3, 1e-4));
  CHECK(folded.optimizer.steps() == 4);
}

TEST_CASE(
    "without noise the moments are those of the sum, in any number of groups; a whole gradient is taken as it is") {
  for (const int64_t groups : {1, 3, 8}) {
    Trained folded, taken, whole;
    nn::MomentFold fold(folded.optimizer), take(taken.optimizer);
    base::Rng rng(1, 3);
    const at::Tensor gradient = noise(rng, 6);
    const at::Tensor part = gradient / static_cast<double>(2 * groups);
    for (int64_t group = 0; group < groups; ++group) fold.fold(0, {{part}, {part}}, groups);
    fold.finish(0.05);
    take.take(0, gradient);
    take.finish(0.05);
    whole.optimizer.step(std::vector{gradient}, 0.05);
    for (const Trained* each : {&folded, &taken}) {
      CHECK(at::allclose(each->moment(0), whole.moment(0), 1e-12, 1e-14));
      CHECK(at::allclose(each->moment(1), whole.moment(1), 1e-12, 1e-14));
      CHECK(at::allclose(each->tensor, whole.tensor, 1e-12, 1e-14));
    }
  }
}

TEST_CASE("noise does not add to the second moment on average") {
  constexpr int64_t kSize = 40000, kGroups = 8, kParts = 4;
  for (const double signal : {0.0, 0.02, 0.1}) {
    CAPTURE(signal);
    Trained trained(kSize);
    trained.moment(1).fill_(100);  // far from 0, where negative estimates would be cut off
    nn::MomentFold fold(trained.optimizer);
    base::Rng rng(4, 5);
    at::Tensor sum = at::zeros({2, kSize / 2}, at::kDouble);
    for (int64_t group = 0; group < kGroups; ++group) {
      std::vector<std::vector<at::Tensor>> parts;
      for (int64_t part = 0; part < kParts; ++part) {
        parts.push_back({(noise(rng, kSize) + signal) / static_cast<double>(kGroups * kParts)});
        sum.add_(parts.back()[0]);
      }
      fold.fold(0, parts, kGroups);
    }
    const double taken_up = (trained.moment(1) - 0.95 * 100).div(1 - 0.95).mean().item<double>();
    const double wanted = sum.square().mean().item<double>();
    CHECK(taken_up ==
          Approx(wanted).epsilon(0.1));  // without correction it is 8 times as much where there is no signal
    CHECK(at::allclose(trained.moment(0), sum * (1 - 0.8), 1e-10, 1e-14));
  }
}

TEST_CASE("no element moves by more than the learning rate, and what has no gradient stays") {
  nn::OptimizerOptions options = kAdamW;
  options.weight_decay = 0;
  at::Tensor moving = at::zeros({2, 500}, at::kDouble), still = at::full({2, 2}, 3.0, at::kDouble);
  nn::Optimizer optimizer(nn::trained_tensors({{"moving", moving}, {"still", still}}), options);
  nn::MomentFold fold(optimizer);
  base::Rng rng(6, 7);
  for (int step = 0; step < 5; ++step) {
    const at::Tensor before = moving.clone();
    for (int group = 0; group < 8; ++group)
      fold.fold(0, {{noise(rng, 1000), at::Tensor()}, {noise(rng, 1000), at::Tensor()}}, 8);
    fold.finish(0.05);
    CHECK((moving - before).abs().max().item<double>() <= 0.05 * (1 + 1e-9));
    CHECK(optimizer.state()[1].second.min().item<double>() >= 0);
  }
  CHECK(still.eq(3.0).all().item<bool>());
  CHECK(optimizer.state().back().second.mutable_data_ptr<int64_t>()[1] == 0);
}

TEST_CASE("what parts of gradients cannot go into is refused, and so are gradients that are not finite") {
  nn::OptimizerOptions options = kAdamW;
  options.clip_norm = 1;
  Trained clipped(6, options);
  CHECK_THROWS_WITH(nn::MomentFold(clipped.optimizer), Catch::Contains("clip_norm"));
  options = kAdamW;
  options.kind = "lion";
  Trained other(6, options);
  CHECK_THROWS_WITH(nn::MomentFold(other.optimizer), Catch::Contains("adamw"));
  Trained trained;
  nn::MomentFold fold(trained.optimizer);
  CHECK_THROWS_WITH(fold.fold(0, two_parts(at::full({2, 3}, std::numeric_limits<double>::infinity(), at::kDouble)), 2),
                    Catch::Contains("not a finite number"));
}
