// SPDX-License-Identifier: Apache-2.0
#include "nn/ema.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

at::Tensor number(double value) { return at::full({2}, value, at::kDouble); }

struct Averaged {
  at::Tensor weights = number(1), steps = at::full({1}, 7, at::kLong), average = number(0);
  at::Tensor average_steps = at::zeros({1}, at::kLong);
  nn::Ema ema;
  explicit Averaged(double decay)
      : ema({{"w", weights}, {"n", steps}}, {{"w", average}, {"n", average_steps}}, decay) {}
};

}  // namespace

TEST_CASE("an average begins with the network and warms up") {
  Averaged averaged(0.3);
  CHECK(at::equal(averaged.average, averaged.weights));
  double expected = 1;
  for (int t = 0; t < 6; ++t) {
    averaged.weights.fill_(t + 2);
    averaged.steps.fill_(t);
    averaged.ema.update();
    const double decay = std::min(0.3, (1.0 + t) / (10.0 + t));
    expected = decay * expected + (1 - decay) * (t + 2);
    CHECK(averaged.average[1].item<double>() == Approx(expected).epsilon(1e-14));
    CHECK(averaged.average_steps.item<int64_t>() == t);
  }
  CHECK(averaged.ema.updates() == 6);
}

TEST_CASE("a stored average goes on as if never interrupted") {
  Averaged whole(0.9), second(0.9);
  whole.weights.fill_(3);
  whole.ema.update();
  second.ema.assign(whole.ema.state(), "state");
  CHECK(second.ema.updates() == 1);
  second.weights.fill_(4);
  whole.weights.fill_(4);
  second.ema.update();
  whole.ema.update();
  CHECK(at::equal(second.average, whole.average));
  CHECK_THROWS_AS(second.ema.assign({{"w", number(1)}}, "state"), base::Error);
}
