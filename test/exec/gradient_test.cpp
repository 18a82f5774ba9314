// SPDX-License-Identifier: Apache-2.0
// Gradients of every differentiable operator against central differences in float64.
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/rand_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <set>

#include <catch2/catch.hpp>

#include "exec/gradient_cases_data.h"
#include "exec/registry.h"

using namespace allot;
using test::GradientCase;

namespace {

constexpr double kStep = 1e-6;
constexpr double kTolerance = 1e-4;

// A weighted sum of all floating outputs: one number that depends on every element.
at::Tensor loss(const exec::Program& program, const std::vector<exec::Value>& inputs,
                const std::vector<at::Tensor>& weights) {
  exec::RunMode mode;
  mode.training = true;
  const auto outputs = program.run(inputs, mode);
  at::Tensor sum = at::zeros({}, at::kDouble);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].is_tensor() && outputs[i].tensor().is_floating_point() && weights[i].defined())
      sum = sum + (outputs[i].tensor() * weights[i]).sum();
  return sum;
}

struct Worst {
  double error = 0;
  size_t input = 0;
};

Worst worst_error(const GradientCase& one) {
  const auto all = test::make_inputs(one);
  const exec::Program program(test::one_node(one.op, one.opset, one.ir_attributes(), all, one.outputs));
  const auto inputs = test::present(all);
  std::vector<at::Tensor> leaves;
  for (const exec::Value& input : inputs)
    if (input.tensor().requires_grad()) leaves.push_back(input.tensor());
  std::vector<at::Tensor> weights;
  {
    at::NoGradGuard guard;
    exec::RunMode mode;
    mode.training = true;
    for (const auto& output : program.run(inputs, mode))
      weights.push_back(output.is_tensor() && output.tensor().is_floating_point() ? at::rand_like(output.tensor()) + 0.5
                                                                                  : at::Tensor());
  }
  const auto gradients = torch::autograd::grad({loss(program, inputs, weights)}, leaves, {}, std::nullopt, false, true);
  at::NoGradGuard guard;
  Worst worst;
  for (size_t i = 0; i < leaves.size(); ++i) {
    at::Tensor exact = gradients[i].defined() ? gradients[i] : at::zeros_like(leaves[i]);
    at::Tensor numeric = at::zeros_like(leaves[i]);
    double* x = leaves[i].mutable_data_ptr<double>();
    for (int64_t e = 0; e < leaves[i].numel(); ++e) {
      const double before = x[e];
      x[e] = before + kStep;
      const double above = loss(program, inputs, weights).item<double>();
      x[e] = before - kStep;
      const double below = loss(program, inputs, weights).item<double>();
      x[e] = before;
      numeric.mutable_data_ptr<double>()[e] = (above - below) / (2 * kStep);
    }
    const double scale = std::max(1.0, numeric.abs().max().item<double>());
    const double error = (exact - numeric).abs().max().item<double>() / scale;
    if (!(error <= worst.error)) worst = {error, i};
  }
  return worst;
}

}  // namespace

TEST_CASE("gradients equal central differences", "[gradient]") {
  at::manual_seed(1);
  for (const GradientCase& one : test::gradient_cases()) {
    INFO(one.name());
    Worst worst;
    REQUIRE_NOTHROW(worst = worst_error(one));
    INFO("worst input: " << worst.input);
    CHECK(worst.error < kTolerance);
  }
}

TEST_CASE("every operator that passes gradients has a case or a reason", "[gradient]") {
  std::set<std::string> covered;
  for (const GradientCase& one : test::gradient_cases()) covered.insert(one.op);
  for (const auto& [op, reason] : test::without_gradient_case()) {
    INFO(op);
    CHECK_FALSE(covered.count(op));
    CHECK_FALSE(reason.empty());
    covered.insert(op);
  }
  for (const std::string& op : exec::known_operators()) {
    const exec::Operator* found = op.find('.') == std::string::npos ? exec::find_operator("", op) : nullptr;
    if (!found || found->gradient == exec::Gradient::zero) continue;
    INFO(op);
    CHECK(covered.count(op));
  }
}
