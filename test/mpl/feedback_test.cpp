// SPDX-License-Identifier: Apache-2.0
#include "small_net.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

at::Tensor row(std::vector<double> values) { return at::tensor(values, at::kDouble); }

}  // namespace

TEST_CASE("products of gradients count what is undefined as 0") {
  const mpl::Gradients a = {row({1, 2, 3, 4, 5}), at::Tensor(), row({2})},
                       b = {row({1, 0, 1, 0, 1}), row({7}), row({-1})};
  CHECK(mpl::dot(a, b) == 7);
  CHECK(mpl::norm(a) == Approx(std::sqrt(59.0)));
  CHECK(mpl::cosine(a, a) == Approx(1));
  CHECK(mpl::cosine(a, {row({0, 0, 0, 0, 0}), row({1}), row({0})}) == 0);
  const at::Tensor turned = at::ones({2, 3}, at::kFloat).t();  // strides do not matter
  CHECK(mpl::dot({turned}, {at::full({3, 2}, 0.5, at::kFloat)}) == 3);
}

TEST_CASE("the baseline begins as the first number and forgets one part in a hundred") {
  mpl::Baseline baseline;
  CHECK(baseline.centered(2) == 0);
  CHECK(baseline.centered(3) == Approx(0.99));
  CHECK(baseline.value() == Approx(2.01));
  CHECK(baseline.centered(2.01) == Approx(0).margin(1e-12));
}

TEST_CASE("what the teacher gets is centred, then clipped, then scaled") {
  mpl::FeedbackOptions options;
  options.scale = 8;
  options.clip = 0.25;
  mpl::Baseline baseline;
  CHECK(mpl::weight_of(1, options, baseline) == 0);
  CHECK(mpl::weight_of(2, options, baseline) == Approx(8 * 0.25));
  CHECK(mpl::weight_of(-5, options, baseline) == Approx(-8 * 0.25));
  options.baseline = false;
  CHECK(mpl::weight_of(0.125, options, baseline) == 1);
}

TEST_CASE("an optimiser's response is how its step changes with the gradient") {
  for (const char* kind : {"sgd", "adamw"}) {
    nn::OptimizerOptions options;
    options.kind = kind;
    options.weight_decay = 0.1;
    options.clip_norm = 0.5;  // of gradients that are larger: their direction is all that counts
    options.momentum = 0.8;
    options.epsilon = 1e-3;
    const auto end = [&](double nudge, mpl::Response* response) {
      at::Tensor x = row({1, -2, 0.5});
      nn::Optimizer optimizer({{"x", x, true}}, options);
      optimizer.step(std::vector{row({0.1, 0.3, -0.2})}, 0.05);
      const auto step = optimizer.step(std::vector{row({1e-3 + nudge, 0.02, -0.03})}, 0.05);
      if (response) *response = mpl::response_of(optimizer, step, 0.05);
      return x[0].item<double>();
    };
    mpl::Response response;
    const double slope = (end(1e-6, nullptr) - end(-1e-6, &response)) / 2e-6;
    const double said = response.factor * response.along({row({1, 0, 0})})[0][0].item<double>();
    // Of Adam, the second moment answers, too, which is left out: little beside an earlier gradient that was larger.
    CHECK(said == Approx(-slope).epsilon(options.kind == "sgd" ? 1e-6 : 0.05));
  }
  nn::OptimizerOptions lion;
  lion.kind = "lion";
  at::Tensor x = row({1});
  nn::Optimizer optimizer({{"x", x, true}}, lion);
  CHECK_THROWS_AS(mpl::response_of(optimizer, {}, 1), base::Error);
}

TEST_CASE("a clipped step answers by as much less") {
  nn::OptimizerOptions options;
  options.clip_norm = 0.5;
  at::Tensor x = row({1, 1});
  nn::Optimizer optimizer({{"x", x, true}}, options);
  const auto step = optimizer.step(std::vector{row({3, 4})}, 0.1);
  CHECK(mpl::response_of(optimizer, step, 0.1).factor == Approx(0.1 * 0.1 * 1.9));
}
