// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include <catch2/catch.hpp>

#include "base/rng.h"
#include "contrast/loss.h"
#include "contrast/tower.h"

using namespace allot;
using contrast::LossOptions;
using contrast::Similarity;

namespace {

at::Tensor rows(int64_t count, int64_t size, uint32_t number, at::ScalarType type = at::kDouble) {
  at::Tensor values = at::zeros({count, size}, at::kDouble);
  base::Rng rng(5, number);
  for (int64_t i = 0; i < values.numel(); ++i) values.mutable_data_ptr<double>()[i] = rng.normal();
  return contrast::normalised(values).to(type);
}

Similarity problem(int64_t pairs, int64_t negatives, double scale, at::ScalarType type = at::kDouble) {
  Similarity s;
  s.first = rows(pairs, 6, 1, type);
  s.second = rows(pairs * (1 + negatives), 6, 2, type);
  s.pairs = pairs;
  s.scale = scale;
  s.bias = -1.5;
  return s;
}

struct Gradients {
  double loss;
  at::Tensor first, second;
  double scale, bias;
};

/// By torch, from all similarities at once.
Gradients by_autograd(const Similarity& s, const LossOptions& options) {
  Similarity leaves = s;
  leaves.first = s.first.detach().clone().set_requires_grad(true);
  leaves.second = s.second.detach().clone().set_requires_grad(true);
  const at::Tensor scale = at::tensor(s.scale, s.first.options()).set_requires_grad(true);
  const at::Tensor bias = at::tensor(s.bias, s.first.options()).set_requires_grad(true);
  const at::Tensor loss = contrast::plain_loss(leaves, scale, bias, options);
  const auto g =
      torch::autograd::grad({loss}, {leaves.first, leaves.second, scale, bias}, {}, std::nullopt, false, true);
  return {loss.item<double>(), g[0], g[1], g[2].item<double>(), g[3].defined() ? g[3].item<double>() : 0};
}

void check_equal(const Similarity& s, const LossOptions& options, double tolerance) {
  const Gradients expected = by_autograd(s, options);
  const contrast::LossGradient found = contrast::loss_gradient(s, options);
  CHECK(found.loss == Approx(expected.loss).epsilon(tolerance));
  CHECK((found.first - expected.first).norm().item<double>() <= tolerance * expected.first.norm().item<double>());
  CHECK((found.second - expected.second).norm().item<double>() <= tolerance * expected.second.norm().item<double>());
  CHECK(std::abs(found.scale - expected.scale) <= tolerance * (1 + std::abs(expected.scale)));
  if (options.kind == "sigmoid")
    CHECK(std::abs(found.bias - expected.bias) <= tolerance * (1 + std::abs(expected.bias)));
}

}  // namespace

TEST_CASE("the closed form is what torch differentiates, whatever the tile") {
  for (const char* kind : {"clip", "sigmoid"})
    for (const char* sides : {"both", "first"})
      for (const int64_t negatives : {0, 2})
        for (const int64_t tile : {1, 3, 8, 64}) {
          LossOptions options;
          options.kind = kind;
          options.sides = sides;
          options.tile = tile;
          CAPTURE(kind, sides, negatives, tile);
          check_equal(problem(13, negatives, 14), options, 1e-13);
          check_equal(problem(13, negatives, 14, at::kFloat), options, 3e-6);
        }
}

TEST_CASE("duplicates are neither positive nor negative") {
  Similarity s = problem(9, 1, 10);
  s.second_group = at::tensor({0, 1, 2, 3, 1, 5, 6, 1, 8, 9, 10, 2, 12, 13, 14, 15, 16, 17}, at::kLong);
  s.first_group = s.second_group.narrow(0, 0, 9);
  for (const char* kind : {"clip", "sigmoid"}) {
    LossOptions options;
    options.kind = kind;
    options.tile = 4;
    check_equal(s, options, 1e-13);
    Similarity blind = s;
    blind.first_group = blind.second_group = at::Tensor();
    CHECK(contrast::loss_gradient(s, options).loss < contrast::loss_gradient(blind, options).loss);
  }
}

TEST_CASE("large scales and equal embeddings neither overflow nor vanish") {
  Similarity s = problem(7, 0, 100, at::kFloat);
  LossOptions options;
  options.tile = 3;
  check_equal(s, options, 1e-5);
  s.second = s.first.clone();
  check_equal(s, options, 1e-5);
  s.first = s.first.narrow(0, 0, 1).expand({7, 6}).contiguous();
  s.second = s.first.clone();
  const contrast::LossGradient same = contrast::loss_gradient(s, options);
  CHECK(same.loss == Approx(std::log(7)).epsilon(1e-5));  // all pairs are alike
  CHECK(same.hits == 0);                                  // ties are no hits
}

TEST_CASE("one pair has nothing to be told from") {
  LossOptions options;
  const contrast::LossGradient alone = contrast::loss_gradient(problem(1, 0, 14), options);
  CHECK(alone.loss == Approx(0).margin(1e-12));
  CHECK(alone.first.norm().item<double>() < 1e-12);
  CHECK(alone.scale == Approx(0).margin(1e-12));
  CHECK(alone.hits == 1);
}

TEST_CASE("rows in parts give the gradient of the whole") {
  for (const char* kind : {"clip", "sigmoid"}) {
    LossOptions options;
    options.kind = kind;
    options.tile = 4;
    const Similarity whole = problem(11, 1, 12);
    const contrast::LossGradient expected = contrast::loss_gradient(whole, options);
    const auto part = [&](int64_t begin, int64_t count) {
      Similarity s = whole;
      s.first = whole.first.narrow(0, begin, count);
      s.first_row = begin;
      return s;
    };
    const Similarity one = part(0, 5), other = part(5, 6);
    contrast::Normalisers of_one = contrast::normalisers(one, options),
                          of_other = contrast::normalisers(other, options);
    if (of_one.columns.defined()) of_one.columns = of_other.columns = at::logaddexp(of_one.columns, of_other.columns);
    const auto a = contrast::loss_gradient(one, of_one, options), b = contrast::loss_gradient(other, of_other, options);
    CHECK(a.loss + b.loss == Approx(expected.loss).epsilon(1e-13));
    CHECK(a.scale + b.scale == Approx(expected.scale).epsilon(1e-12));
    CHECK((at::cat({a.first, b.first}) - expected.first).norm().item<double>() < 1e-13);
    CHECK((a.second + b.second - expected.second).norm().item<double>() < 1e-13);
    CHECK(a.hits + b.hits == expected.hits);
  }
}

TEST_CASE("an embedding of zeros stays zero and has a finite gradient") {
  const at::Tensor x = at::zeros({2, 3}, at::kDouble).set_requires_grad(true);
  const at::Tensor y = contrast::normalised(x);
  CHECK(y.norm().item<double>() == 0);
  const auto g = torch::autograd::grad({y.sum()}, {x});
  CHECK(std::isfinite(g[0].sum().item<double>()));
}
