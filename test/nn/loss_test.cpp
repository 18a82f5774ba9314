// SPDX-License-Identifier: Apache-2.0
#include "nn/loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

const at::Tensor kLogits = at::tensor({1.0, 2.0, 0.5, -1.0, 0.0, 3.0}, at::kDouble).reshape({2, 3});

/// -log softmax of element k.
double surprise(const std::vector<double>& logits, size_t k) {
  double sum = 0;
  for (const double each : logits) sum += std::exp(each);
  return std::log(sum) - logits[k];
}

}  // namespace

TEST_CASE("cross-entropy of labels, smoothed ones and distributions") {
  const double first = surprise({1, 2, 0.5}, 1), second = surprise({-1, 0, 3}, 0);
  const at::Tensor labels = at::tensor({1, 0}, at::kLong);
  const at::Tensor plain = nn::cross_entropies(kLogits, labels);
  CHECK(plain[0].item<double>() == Approx(first).epsilon(1e-14));
  CHECK(plain[1].item<double>() == Approx(second).epsilon(1e-14));
  CHECK(nn::cross_entropy(kLogits, labels).item<double>() == Approx((first + second) / 2).epsilon(1e-14));

  const double all = surprise({1, 2, 0.5}, 0) + first + surprise({1, 2, 0.5}, 2);
  const at::Tensor smooth = nn::cross_entropies(kLogits, labels, 0.3);
  CHECK(smooth[0].item<double>() == Approx(0.7 * first + 0.1 * all).epsilon(1e-14));

  const at::Tensor soft = at::one_hot(labels, 3).to(at::kDouble);
  CHECK(at::allclose(nn::soft_cross_entropies(kLogits, soft), plain, 1e-14, 1e-14));
  CHECK(at::allclose(nn::soft_cross_entropies(kLogits, soft, 0.3), smooth, 1e-14, 1e-14));
}

TEST_CASE("positions without a label count neither in losses nor in gradients") {
  const at::Tensor logits = kLogits.clone().set_requires_grad(true);
  const at::Tensor labels = at::tensor({nn::kIgnored, int64_t{2}}, at::kLong);
  const at::Tensor loss = nn::cross_entropy(logits, labels);
  CHECK(loss.item<double>() == Approx(surprise({-1, 0, 3}, 2)).epsilon(1e-14));
  const at::Tensor gradient = torch::autograd::grad({loss}, {logits})[0];
  CHECK(gradient[0].abs().max().item<double>() == 0);
  CHECK(gradient[1].abs().max().item<double>() > 0.01);
  CHECK(nn::cross_entropy(logits, at::full({2}, nn::kIgnored, at::kLong)).item<double>() == 0);
  CHECK(nn::cross_entropies(at::randn({2, 4, 5}), at::zeros({2, 4}, at::kLong)).sizes() == at::IntArrayRef({2, 4}));
}

TEST_CASE("labels beyond the classes are refused") {
  CHECK_THROWS_WITH(nn::cross_entropies(kLogits, at::tensor({1, 3}, at::kLong)),
                    Catch::Contains("3 is none of the 3 classes"));
  CHECK_THROWS_WITH(nn::cross_entropies(kLogits, at::tensor({-1, 0}, at::kLong)), Catch::Contains("-1 is none"));
}

TEST_CASE("losses of half-precision logits are float32") {
  const at::Tensor logits = kLogits.to(at::kBFloat16);
  const at::Tensor loss = nn::cross_entropy(logits, at::tensor({1, 0}, at::kLong));
  CHECK(loss.scalar_type() == at::kFloat);
  CHECK(loss.item<double>() == Approx((surprise({1, 2, 0.5}, 1) + surprise({-1, 0, 3}, 0)) / 2).epsilon(1e-6));
}

TEST_CASE("binary cross-entropy of logits, also far out") {
  const at::Tensor loss = nn::binary_cross_entropies(at::tensor({0.5, -200.0, 200.0}, at::kDouble),
                                                     at::tensor({1.0, 0.0, 0.25}, at::kDouble));
  CHECK(loss[0].item<double>() == Approx(std::log1p(std::exp(-0.5))).epsilon(1e-14));
  CHECK(loss[1].item<double>() == Approx(0).margin(1e-80));
  CHECK(loss[2].item<double>() == Approx(150));
}
