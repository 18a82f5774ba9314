// SPDX-License-Identifier: Apache-2.0
// Convolutions and what runs inside them.
#include <algorithm>

#include "graph/fusion_groups.h"

namespace allot::graph {
namespace {

constexpr std::string_view kFusedConv = "com.microsoft.FusedConv";
constexpr int64_t kBlock = 16;  // channels that ONNX Runtime's blocked layout keeps together with AVX-512

/// Mul or Add of one number a channel: [C, 1, 1] or [1, C, 1, 1].
bool per_channel(const FusionGroups& groups, OpId op, OpId conv) {
  const uint32_t data = groups.beside_constant(op, false);
  if (data == kNone) return false;
  const auto& weights = groups.type(groups.input(conv, 1)).dims;
  const auto& factors = groups.type(groups.input(op, 1 - data));
  if (weights.empty() || (factors.dims.size() != weights.size() && factors.dims.size() + 1 != weights.size()))
    return false;
  const size_t channel = factors.dims.size() == weights.size() ? 1 : 0;
  return factors.dims[channel] == weights[0] && factors.elements() == weights[0];
}

/// Normalisation and per-channel factors become part of the weights.
void absorb_linear(FusionGroups& groups, OpId conv) {
  for (;;) {
    const OpId next = groups.reader(conv);
    const bool norm = groups.is(next, {"BatchNormalization"}) && groups.node(next).int_or("training_mode", 0) == 0;
    const bool factor = groups.is(next, {"Mul", "Add"}) && per_channel(groups, next, conv);
    if (!(norm && groups.constant(next, 1)) && !factor) return;
    groups.append(conv, next, groups.kernel(conv));
  }
}

/// Whether ONNX Runtime runs it in its blocked layout, where a sum can be part of it.
bool blocked(const FusionGroups& groups, OpId conv) {
  const auto& weights = groups.type(groups.input(conv, 1));
  if (weights.dims.size() != 4 || weights.elem != ir::DataType::float32 || !groups.constant(conv, 1)) return false;
  const int64_t outputs = weights.dims[0], per_group = weights.dims[1];
  const int64_t count = groups.node(conv).int_or("group", 1);
  if (count == 1) return outputs % kBlock == 0 && (per_group < kBlock || per_group % kBlock == 0);
  if (per_group == 1 && outputs == count) return outputs % kBlock == 0;
  return per_group % kBlock == 0 && (outputs / count) % kBlock == 0;
}

/// Whether a value comes in the blocked layout.
bool made_blocked(const FusionGroups& groups, OpId op) {
  for (int steps = 0; op != kNone && steps < 8; ++steps) {
    const OpId main = groups.main(op);
    if (groups.is(main, {"Conv"})) return blocked(groups, main);
    if (!groups.is(main, {"Add", "Sum", "Relu", "MaxPool", "AveragePool", "Concat"})) return false;
    op = groups.producer(main, 0);
  }
  return false;
}

/// A residual sum of two values of one shape.
void absorb_sum(FusionGroups& groups, OpId conv) {
  const OpId sum = groups.reader(conv);
  if (!groups.is(sum, {"Add", "Sum"}) || !groups.alone(sum) || groups.num_inputs(sum) != 2) return;
  if (groups.type(groups.input(sum, 0)).dims != groups.type(groups.input(sum, 1)).dims) return;
  const OpId first = groups.producer(sum, 0), second = groups.producer(sum, 1);
  if (first == kNone || second == kNone || !blocked(groups, conv)) return;
  const OpId other = groups.main(first) == conv ? second : first;
  if (groups.main(other) != conv && made_blocked(groups, other)) groups.append(conv, sum, kFusedConv);
}

void absorb_activation(FusionGroups& groups, OpId conv) {
  const OpId next = groups.reader(conv);
  const bool bounds = groups.is(next, {"Clip"}) && (groups.num_inputs(next) == 1 || groups.constant(next, 1));
  if (bounds || groups.is(next, {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSigmoid"}))
    groups.append(conv, next, kFusedConv);
}

void absorb_padding(FusionGroups& groups, OpId conv) {
  const OpId pad = groups.producer(conv, 0);
  if (groups.is(pad, {"Pad"}) && groups.alone(pad) && groups.sole_reader(pad) == conv &&
      groups.node(pad).string_or("mode", "constant") == "constant" && groups.constant(pad, 1))
    groups.prepend(conv, pad, groups.kernel(conv));
}

}  // namespace

void fuse_convolutions(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    if (!groups.is(op, {"Conv"}) || groups.main(op) != op) continue;
    absorb_padding(groups, op);
    if (groups.constant(op, 1)) absorb_linear(groups, op);
    absorb_activation(groups, op);
  }
  // Sums come last: a convolution that already has an activation cannot take one.
  for (OpId op = 0; op < groups.size(); ++op) {
    if (!groups.is(op, {"Conv"}) || groups.main(op) != op || groups.kernel(op) == kFusedConv) continue;
    absorb_sum(groups, op);
    if (groups.kernel(op) == kFusedConv) absorb_activation(groups, op);
  }
}

}  // namespace allot::graph
