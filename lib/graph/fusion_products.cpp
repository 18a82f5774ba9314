// SPDX-License-Identifier: Apache-2.0
// Matrix products with what stands around them, quantized ops, and ops that do nothing.
#include <numeric>

#include "graph/fusion_groups.h"

namespace allot::graph {
namespace {

constexpr std::string_view kFusedMatMul = "com.microsoft.FusedMatMul";

bool swaps_last_two(const FusionGroups& groups, OpId transpose) {
  const auto& permutation = groups.node(transpose).ints("perm");
  if (permutation.size() < 2) return false;
  std::vector<int64_t> expected(permutation.size());
  std::iota(expected.begin(), expected.end(), 0);
  std::swap(expected[expected.size() - 1], expected[expected.size() - 2]);
  return permutation == expected;
}

bool scales(const FusionGroups& groups, OpId op) {
  const uint32_t data = groups.is(op, {"Mul", "Div"}) ? groups.beside_constant(op, true) : kNone;
  return data == 0 || (data == 1 && groups.is(op, {"Mul"}));
}

/// Scalar factors on either side, transposed inputs.
void fuse_around(FusionGroups& groups, OpId product) {
  for (const size_t side : {0u, 1u}) {
    const OpId before = groups.producer(product, side);
    if (before == kNone || !groups.alone(before) || groups.sole_reader(before) != product) continue;
    const bool transposed = groups.is(before, {"Transpose"}) && swaps_last_two(groups, before);
    if (transposed || scales(groups, before)) groups.prepend(product, before, kFusedMatMul);
  }
  if (const OpId next = groups.reader(product); next != kNone && groups.alone(next) && scales(groups, next))
    groups.append(product, next, kFusedMatMul);
}

/// A bias turns the product of two matrices into Gemm.
void fuse_bias(FusionGroups& groups, OpId product) {
  const auto rank = [&](size_t i) { return groups.type(groups.input(product, i)).dims.size(); };
  const OpId add = groups.reader(product);
  if (rank(0) == 2 && rank(1) == 2 && groups.is(add, {"Add"}) && groups.beside_constant(add, false) != kNone)
    groups.append(product, add, "Gemm");
}

void fuse_activation(FusionGroups& groups, OpId product) {
  const OpId next = groups.reader(product);
  if (groups.is(next, {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Softplus", "Elu"}) && groups.alone(next))
    groups.append(product, next, "com.microsoft.FusedGemm");
}

/// Only the first value of `op` is used.
bool one_value(const FusionGroups& groups, OpId op) {
  const auto outputs = groups.graph().outputs[op];
  for (const TensorId tensor : outputs.subspan(std::min<size_t>(1, outputs.size())))
    if (groups.graph().is_output[tensor] || !groups.graph().consumers[tensor].empty()) return false;
  return true;
}

bool does_nothing(const FusionGroups& groups, OpId op) {
  if (groups.is(op, {"Identity"})) return true;
  if (groups.is(op, {"Dropout"})) return one_value(groups, op);
  return groups.is(op, {"Cast"}) && groups.type(groups.input(op, 0)).elem == groups.type(groups.output(op)).elem;
}

}  // namespace

void drop_no_ops(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    const OpId producer = groups.num_inputs(op) > 0 ? groups.producer(op, 0) : kNone;
    if (producer == kNone) {
      // Of what reads a graph input, the reader takes its place.
      if (const OpId next = groups.sole_reader(op); does_nothing(groups, op) && next != kNone)
        groups.prepend(next, op, groups.kernel(next));
      continue;
    }
    const OpId main = groups.main(producer);
    const bool only = groups.reader(main) == op;
    const bool twice = only && groups.is(op, {"Transpose"}) && groups.is(producer, {"Transpose"});
    if (!twice && !does_nothing(groups, op)) continue;
    if (only)
      groups.append(main, op, groups.kernel(main));
    else
      groups.prepend(main, op, groups.kernel(main));
  }
}

void fuse_products(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    if (groups.main(op) != op) continue;
    if (groups.is(op, {"MatMul"})) {
      fuse_bias(groups, op);
      if (groups.kernel(op) == "MatMul") fuse_around(groups, op);
    }
    if (groups.kernel(op) == "Gemm") fuse_activation(groups, op);
  }
}

/// A kernel on quantized numbers stands for an op whose inputs all come out of DequantizeLinear, constants apart, and
/// whose value goes into QuantizeLinear.
void fuse_quantized(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    const OpId quantize = groups.reader(op);
    if (groups.main(op) != op || groups.is(op, {"DequantizeLinear", "QuantizeLinear"})) continue;
    if (!groups.is(quantize, {"QuantizeLinear"})) continue;
    bool all = groups.num_inputs(op) > 0;
    for (size_t i = 0; i < groups.num_inputs(op); ++i)
      all &= groups.is(groups.producer(op, i), {"DequantizeLinear"}) || groups.constant(op, i) ||
             groups.input(op, i) == ir::kNone;
    if (!all) continue;
    const std::string kernel = "com.microsoft.QLinear" + groups.kernel(op);
    groups.append(op, quantize, kernel);
    for (size_t i = 0; i < groups.num_inputs(op); ++i) {
      const OpId dequantize = groups.producer(op, i);
      if (dequantize != kNone && groups.sole_reader(dequantize) == op && groups.alone(dequantize))
        groups.prepend(op, dequantize, kernel);
    }
  }
}

}  // namespace allot::graph
