// SPDX-License-Identifier: Apache-2.0
// What the gradient suite runs: one entry an operator and variant of its attributes.
#pragma once

#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>

#include "exec/one_op.h"

namespace allot::test {

/// One input: uniform numbers in [low, high) with a gradient, or fixed numbers.
struct CaseInput {
  std::vector<int64_t> dims;
  double low = -1, high = 1;
  std::vector<double> fixed;  // given: no gradient
  at::ScalarType type = at::kDouble;
  bool absent = false;
};

/// Random numbers that have a gradient.
inline CaseInput grad(std::vector<int64_t> dims, double low = -1, double high = 1) {
  return {std::move(dims), low, high, {}, at::kDouble, false};
}
/// Distinct numbers, at least 0.05 apart, none near zero, in random order: for what has kinks where two are equal.
inline CaseInput distinct(std::vector<int64_t> dims) { return {std::move(dims), 0, 0, {}, at::kDouble, false}; }
inline CaseInput ints(std::vector<int64_t> dims, std::vector<double> values, at::ScalarType type = at::kLong) {
  return {std::move(dims), 0, 0, std::move(values), type, false};
}
inline CaseInput list(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return ints({n}, std::move(values));
}
inline CaseInput number(double value) { return ints({}, {value}, at::kDouble); }
inline CaseInput floats(std::vector<int64_t> dims, std::vector<double> values) {
  return ints(std::move(dims), std::move(values), at::kDouble);
}
inline CaseInput absent() { return {{}, 0, 0, {}, at::kDouble, true}; }

struct GradientCase {
  std::string op;
  int64_t opset = 0;
  Attributes attributes;
  std::vector<CaseInput> inputs;
  size_t outputs = 1;

  std::string name() const {
    std::string text = op + "-" + std::to_string(opset);
    for (const auto& [key, value] : attributes) text += " " + key;
    for (const CaseInput& input : inputs) {
      text += " [";
      for (const int64_t dim : input.dims) text += std::to_string(dim) + ",";
      text += input.absent ? "absent]" : "]";
    }
    return text;
  }

  std::vector<size_t> absent() const {
    std::vector<size_t> positions;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].absent) positions.push_back(i);
    return positions;
  }
};

/// The tensors of the inputs that are there; those with gradients are leaves.
inline std::vector<at::Tensor> make_inputs(const GradientCase& one) {
  std::vector<at::Tensor> tensors;
  for (const CaseInput& input : one.inputs) {
    if (input.absent) continue;
    if (!input.fixed.empty()) {
      tensors.push_back(at::tensor(input.fixed, at::kDouble).reshape(input.dims).to(input.type));
      continue;
    }
    const bool is_distinct = input.low == input.high;
    at::Tensor tensor;
    if (is_distinct) {
      int64_t n = 1;
      for (const int64_t dim : input.dims) n *= dim;
      tensor = ((at::randperm(n, at::kDouble) - static_cast<double>(n / 2)) * 0.07 + 0.03).reshape(input.dims);
    } else {
      tensor = at::rand(input.dims, at::kDouble) * (input.high - input.low) + input.low;
    }
    tensors.push_back(tensor.contiguous().set_requires_grad(true));
  }
  return tensors;
}

}  // namespace allot::test
