// SPDX-License-Identifier: Apache-2.0
// Every operator of mathematics in every floating type: results agree with those in float64 as far as the type goes.
#include <map>

#include <ATen/ops/arange.h>

#include "exec/one_node.h"

#include <catch2/catch.hpp>

using namespace allot;
using ir::attributes;
using ir::float_attribute;
using ir::int_attribute;
using ir::ints_attribute;
using test::OneNode;

namespace {

// Between 0.15 and 0.85, so that every function has a value.
at::Tensor wave(at::IntArrayRef dims) {
  int64_t n = 1;
  for (const int64_t d : dims) n *= d;
  return ((at::arange(n, at::kDouble) * 0.7 + 0.1).sin() * 0.35 + 0.5).reshape(dims);
}

struct Case {
  ir::Str type;
  std::vector<at::Tensor> inputs;
  std::vector<ir::Attribute> (*attributes)() = [] { return std::vector<ir::Attribute>(); };
  int64_t opset = 24;
};

std::vector<Case> cases() {
  const at::Tensor image = wave({1, 2, 4, 4}), other = wave({2, 4, 4}), vector = wave({2}), matrix = wave({4, 4});
  std::vector<Case> list;
  for (const ir::Str type : {"Abs",
                             "Acos",
                             "Asin",
                             "Asinh",
                             "Atan",
                             "Atanh",
                             "Ceil",
                             "Celu",
                             "Cos",
                             "Cosh",
                             "Elu",
                             "Erf",
                             "Exp",
                             "Floor",
                             "Gelu",
                             "HardSigmoid",
                             "HardSwish",
                             "Hardmax",
                             "LeakyRelu",
                             "Log",
                             "LogSoftmax",
                             "Mish",
                             "Neg",
                             "Reciprocal",
                             "Relu",
                             "Round",
                             "Selu",
                             "Shrink",
                             "Sigmoid",
                             "Sign",
                             "Sin",
                             "Sinh",
                             "Softmax",
                             "Softplus",
                             "Softsign",
                             "Sqrt",
                             "Swish",
                             "Tan",
                             "Tanh",
                             "ThresholdedRelu",
                             "GlobalAveragePool",
                             "GlobalLpPool",
                             "GlobalMaxPool",
                             "LpNormalization",
                             "MeanVarianceNormalization"})
    list.push_back({type, {image}});
  for (const ir::Str type : {"Add", "Div", "Max", "Mean", "Min", "Mul", "Pow", "PRelu", "Sub", "Sum", "MatMul"})
    list.push_back({type, {image, other}});
  list.push_back({"Clip", {image, wave({}), wave({}) + 0.3}});
  list.push_back({"Mod", {image, other}, [] { return attributes(int_attribute("fmod", 1)); }});
  list.push_back({"Gemm", {matrix, matrix, wave({4})}, [] { return attributes(float_attribute("alpha", 0.5)); }});
  list.push_back(
      {"Einsum", {matrix, matrix}, [] { return attributes(test::string_attribute("equation", "ij,jk->ik")); }});
  list.push_back({"Conv", {image, wave({2, 2, 3, 3}), vector}, [] {
                    return attributes(ints_attribute("pads", {1, 0, 0, 1}));
                  }});
  list.push_back({"ConvTranspose", {image, wave({2, 2, 3, 3}), vector}, [] {
                    return attributes(ints_attribute("strides", {2, 2}));
                  }});
  list.push_back({"DeformConv", {image, wave({2, 2, 3, 3}), wave({1, 18, 2, 2}), vector, wave({1, 9, 2, 2})}});
  list.push_back({"CausalConvWithState",
                  {wave({1, 2, 6}), wave({2, 1, 3}), vector},
                  [] { return attributes(test::string_attribute("activation", "silu")); },
                  27});
  for (const ir::Str type : {"AveragePool", "LpPool", "MaxPool"})
    for (const auto pads :
         {+[] {
            return attributes(ints_attribute("kernel_shape", {3, 3}), ints_attribute("pads", {1, 1, 1, 1}));
          },
          +[] {
            return attributes(ints_attribute("kernel_shape", {3, 3}), ints_attribute("pads", {0, 0, 1, 1}));
          }})
      list.push_back({type, {image}, pads});
  list.push_back({"AveragePool", {wave({1, 1, 4, 4, 4})}, [] {
                    return attributes(ints_attribute("kernel_shape", {2, 2, 2}));
                  }});
  list.push_back({"LRN", {image}, [] { return attributes(int_attribute("size", 2)); }});
  list.push_back({"BatchNormalization", {image, vector, vector, vector, vector}});
  list.push_back({"BatchNormalization", {image, vector, vector, vector, vector}, [] {
                    return attributes(int_attribute("training_mode", 1));
                  }});
  list.push_back({"InstanceNormalization", {image, vector, vector}});
  list.push_back({"LayerNormalization", {image, wave({4}), wave({4})}});
  list.push_back(
      {"LayerNormalization", {image, wave({4, 1}), wave({4})}, [] { return attributes(int_attribute("axis", 2)); }});
  list.push_back(
      {"GroupNormalization", {image, vector, vector}, [] { return attributes(int_attribute("num_groups", 2)); }});
  list.push_back({"RMSNormalization", {image, wave({4})}});
  const at::Tensor labels = at::arange(16, at::kLong).reshape({1, 4, 4}).remainder(2);
  list.push_back({"NegativeLogLikelihoodLoss", {image, labels, vector}});
  list.push_back({"SoftmaxCrossEntropyLoss", {image, labels}, [] {
                    return attributes(test::string_attribute("reduction", "none"));
                  }});
  return list;
}

at::Tensor result(const Case& one, at::ScalarType type) {
  std::vector<exec::Value> inputs;
  for (const at::Tensor& x : one.inputs) inputs.emplace_back(x.is_floating_point() ? x.to(at::kBFloat16).to(type) : x);
  return OneNode{one.type, one.opset, one.attributes(), 1, {}}(inputs)[0].tensor();
}

}  // namespace

TEST_CASE("Operators of mathematics compute in every floating type") {
  const std::map<at::ScalarType, double> tolerances = {{at::kFloat, 1e-5}, {at::kHalf, 4e-3}, {at::kBFloat16, 3e-2}};
  for (const Case& one : cases()) {
    const at::Tensor exact = result(one, at::kDouble);
    CHECK(exact.scalar_type() == at::kDouble);
    for (const auto& [type, tolerance] : tolerances) {
      INFO(one.type << " in " << c10::toString(type));
      at::Tensor rounded;
      CHECK_NOTHROW(rounded = result(one, type));
      if (!rounded.defined()) continue;
      CHECK(rounded.scalar_type() == type);
      CHECK(test::close(rounded.to(at::kDouble), exact, tolerance));
    }
  }
}
