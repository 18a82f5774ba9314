// SPDX-License-Identifier: Apache-2.0
#include "nn/parameters.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mean.h>

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::exit_code(error.kind()), error.what());
  }
  return "no error";
}

double largest(const at::Tensor& tensor) { return tensor.abs().max().item<double>(); }

}  // namespace

TEST_CASE("Glorot's limit follows the last two dimensions") {
  nn::Parameters parameters(1);
  const at::Tensor two = parameters.glorot("two", {100, 200});
  const at::Tensor three = parameters.glorot("three", {7, 40, 10});
  CHECK(largest(two) < std::sqrt(6.0 / 300) + 1e-7);
  CHECK(largest(two) > 0.999 * std::sqrt(6.0 / 300));
  CHECK(largest(three) < std::sqrt(6.0 / 50) + 1e-7);
  CHECK(largest(three) > 0.99 * std::sqrt(6.0 / 50));
  // The mean of 20,000 uniform draws: a standard error of limit / sqrt(3 n).
  CHECK(std::abs(two.mean().item<double>()) < 4 * std::sqrt(6.0 / 300) / std::sqrt(3.0 * 20000));
}

TEST_CASE("parameters are float32 leaves that ask for gradients, in the order in which they were made") {
  nn::Parameters parameters(1);
  parameters.uniform("b", {3, 5}, 0.25);
  parameters.constant("a", {4}, 1.5);
  REQUIRE(parameters.all().size() == 2);
  CHECK(parameters.all()[0].first == "b");
  CHECK(parameters.elements() == 19);
  CHECK(largest(parameters.tensors()[0]) <= 0.25);
  CHECK(at::equal(parameters.tensors()[1], at::full({4}, 1.5, at::kFloat)));
  for (const auto& tensor : parameters.tensors()) {
    CHECK(tensor.is_leaf());
    CHECK(tensor.requires_grad());
    CHECK(tensor.scalar_type() == at::kFloat);
  }
  CHECK_THROWS_AS(parameters.constant("a", {1}, 0), base::Error);
}

TEST_CASE("initial values depend on the seed and the name, not on what was made before") {
  nn::Parameters first(7), second(7), other_seed(8);
  const at::Tensor x = first.glorot("x", {4, 4}), y = first.glorot("y", {4, 4});
  const at::Tensor y_alone = second.glorot("y", {4, 4});
  CHECK(at::equal(y, y_alone));
  CHECK_FALSE(at::equal(x, y));
  CHECK_FALSE(at::equal(y, other_seed.glorot("y", {4, 4})));
}

TEST_CASE("values are assigned by name in any order, or nothing is") {
  nn::Parameters source(1), target(2);
  for (nn::Parameters* parameters : {&source, &target}) {
    parameters->uniform("w", {2, 3}, 1);
    parameters->constant("b", {3}, parameters == &source ? 5 : 6);
  }
  std::vector<nn::NamedTensor> values = source.all();
  std::reverse(values.begin(), values.end());
  target.assign(values, "p.safetensors");
  CHECK(at::equal(target.tensors()[0], source.tensors()[0]));
  CHECK(at::equal(target.tensors()[1], source.tensors()[1]));
  CHECK(target.tensors()[0].requires_grad());

  nn::Parameters untouched(3);
  untouched.constant("w", {2, 3}, 0);
  untouched.constant("c", {3}, 0);
  CHECK(error_of([&] { untouched.assign(source.all(), "p.safetensors"); }) ==
        "65 p.safetensors: tensor 'c' is missing; use a file that the same network was written to");
  CHECK(largest(untouched.tensors()[0]) == 0);

  values.emplace_back("extra", at::full({1}, 1, at::kFloat));
  CHECK(error_of([&] { target.assign(values, "p"); }).find("'extra' is one too many") != std::string::npos);
  values.back().first = "w";
  CHECK(error_of([&] { target.assign(values, "p"); }).find("same name") != std::string::npos);
  const std::vector<nn::NamedTensor> reshaped = {{"w", at::full({3, 2}, 1, at::kFloat)},
                                                 {"b", at::full({3}, 1, at::kFloat)}};
  CHECK(error_of([&] { target.assign(reshaped, "p"); }).find("'w' is Float [3, 2]; Float [2, 3] is needed") !=
        std::string::npos);
  const std::vector<nn::NamedTensor> retyped = {{"w", at::full({2, 3}, 1, at::kDouble)},
                                                {"b", at::full({3}, 1, at::kFloat)}};
  CHECK(error_of([&] { target.assign(retyped, "p"); }).find("'w' is Double [2, 3]") != std::string::npos);
  CHECK(at::equal(target.tensors()[0], source.tensors()[0]));
}
