// SPDX-License-Identifier: Apache-2.0
// What the gradient suite runs: one entry an operator and variant of its attributes.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>

#include "exec/one_node.h"

namespace allot::test {

using AttributeValue =
    std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

/// Leans on `name` and `value`.
inline ir::Attribute make_attribute(const std::string& name, const AttributeValue& value) {
  using Kind = ir::Attribute::Kind;
  ir::Attribute attribute;
  attribute.name = name;
  if (const auto* i = std::get_if<int64_t>(&value)) {
    attribute.kind = Kind::int_;
    attribute.i = *i;
  } else if (const auto* f = std::get_if<double>(&value)) {
    attribute.kind = Kind::float_;
    attribute.f = static_cast<float>(*f);
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    attribute.kind = Kind::string;
    attribute.s = *s;
  } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
    attribute.kind = Kind::ints;
    attribute.ints = *ints;
  } else if (const auto* floats = std::get_if<std::vector<double>>(&value)) {
    attribute.kind = Kind::floats;
    attribute.floats.assign(floats->begin(), floats->end());
  } else {
    attribute.kind = Kind::strings;
    const auto& texts = std::get<std::vector<std::string>>(value);
    attribute.strings.assign(texts.begin(), texts.end());
  }
  return attribute;
}

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
inline CaseInput fixed_ints(std::vector<int64_t> dims, std::vector<double> values, at::ScalarType type = at::kLong) {
  return {std::move(dims), 0, 0, std::move(values), type, false};
}
inline CaseInput list(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return fixed_ints({n}, std::move(values));
}
inline CaseInput number(double value) { return fixed_ints({}, {value}, at::kDouble); }
inline CaseInput fixed_floats(std::vector<int64_t> dims, std::vector<double> values) {
  return fixed_ints(std::move(dims), std::move(values), at::kDouble);
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

  std::vector<ir::Attribute> ir_attributes() const {
    std::vector<ir::Attribute> list;
    for (const auto& [key, value] : attributes) list.push_back(make_attribute(key, value));
    return list;
  }
};

/// All inputs, absent ones too; those with gradients are leaves.
inline std::vector<exec::Value> make_inputs(const GradientCase& one) {
  std::vector<exec::Value> values;
  for (const CaseInput& input : one.inputs) {
    if (input.absent) {
      values.emplace_back();
      continue;
    }
    if (!input.fixed.empty()) {
      values.emplace_back(at::tensor(input.fixed, at::kDouble).reshape(input.dims).to(input.type));
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
    values.emplace_back(tensor.contiguous().set_requires_grad(true));
  }
  return values;
}

}  // namespace allot::test
