// SPDX-License-Identifier: Apache-2.0
// Functions that exporters spell out op by op, and runtimes know as one kernel.
#include <vector>

#include "graph/fusion_groups.h"

namespace allot::graph {
namespace {

/// What an op with two inputs does not share with `x`: the producer of its other input.
OpId other_producer(const FusionGroups& groups, OpId op, ir::ValueId x) {
  if (op == kNone || groups.num_inputs(op) != 2) return kNone;
  if (groups.input(op, 0) == x) return groups.producer(op, 1);
  return groups.input(op, 1) == x ? groups.producer(op, 0) : kNone;
}

/// The producer of the input that stands beside a constant scalar.
OpId scaled(const FusionGroups& groups, OpId op) {
  const uint32_t i = groups.beside_constant(op, true);
  return i == kNone ? kNone : groups.producer(op, i);
}

void unite(FusionGroups& groups, OpId main, const std::vector<OpId>& before, const std::vector<OpId>& after,
           std::string_view kernel) {
  for (const OpId op : before)
    if (groups.alone(op)) groups.prepend(main, op, kernel);
  for (const OpId op : after) groups.append(main, op, kernel);
}

/// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias, around its division.
void fuse_layer_norm(FusionGroups& groups, OpId divide) {
  const OpId centred = groups.producer(divide, 0), root = groups.producer(divide, 1);
  if (!groups.is(centred, {"Sub"}) || !groups.is(root, {"Sqrt"})) return;
  const OpId shifted = groups.producer(root, 0), variance = scaled(groups, shifted);
  if (!groups.is(shifted, {"Add"}) || !groups.is(variance, {"ReduceMean"})) return;
  const OpId square = groups.producer(variance, 0), mean = groups.producer(centred, 1);
  if (!groups.is(square, {"Pow", "Mul"}) || !groups.is(mean, {"ReduceMean"})) return;
  if (groups.producer(square, 0) != centred || groups.input(mean, 0) != groups.input(centred, 0)) return;
  const OpId scale = groups.sole_reader(divide);
  if (!groups.is(scale, {"Mul"}) || groups.beside_constant(scale, false) == kNone) return;
  const OpId bias = groups.sole_reader(scale);
  if (!groups.is(bias, {"Add"}) || groups.beside_constant(bias, false) == kNone) return;
  unite(groups, divide, {centred, root, shifted, variance, square, mean}, {scale, bias}, "LayerNormalization");
}

/// x / sqrt(mean(x^2) + epsilon) * scale, around its division; also x * (1 / sqrt(...)).
void fuse_rms_norm(FusionGroups& groups, OpId divide) {
  OpId root = groups.producer(divide, 1);
  std::vector<OpId> before;
  if (groups.is(divide, {"Mul"})) {
    if (!groups.is(root, {"Reciprocal", "Div"})) return;
    before.push_back(root);
    root = groups.producer(root, groups.is(root, {"Div"}) ? 1 : 0);
  }
  const OpId shifted = groups.producer(root, 0), variance = scaled(groups, shifted);
  if (!groups.is(root, {"Sqrt"}) || !groups.is(shifted, {"Add"}) || !groups.is(variance, {"ReduceMean"})) return;
  const OpId square = groups.producer(variance, 0);
  if (!groups.is(square, {"Pow", "Mul"}) || groups.input(square, 0) != groups.input(divide, 0)) return;
  const OpId scale = groups.sole_reader(divide);
  if (!groups.is(scale, {"Mul"}) || groups.beside_constant(scale, false) == kNone) return;
  before.insert(before.end(), {root, shifted, variance, square});
  unite(groups, divide, before, {scale}, "SimplifiedLayerNormalization");
}

/// The factor x * 0.5 or 0.5 beside the sum in x * 0.5 * (1 + f): appends what multiplies. Returns whether it did.
bool close_gelu(FusionGroups& groups, OpId main, OpId sum, ir::ValueId x, const std::vector<OpId>& before,
                std::string_view kernel) {
  const OpId product = groups.sole_reader(sum);
  if (!groups.is(product, {"Mul"})) return false;
  std::vector<OpId> after{sum, product}, first = before;
  const size_t side = groups.producer(product, 0) == sum ? 1 : 0;
  if (groups.input(product, side) == x) {
    const OpId half = groups.sole_reader(product);
    if (!groups.is(half, {"Mul"}) || scaled(groups, half) != product) return false;
    after.push_back(half);
  } else {
    const OpId half = groups.producer(product, side);
    const uint32_t i = groups.is(half, {"Mul"}) ? groups.beside_constant(half, true) : kNone;
    if (i == kNone || groups.input(half, i) != x) return false;
    first.push_back(half);
  }
  unite(groups, main, first, after, kernel);
  return true;
}

/// x * 0.5 * (1 + erf(x / sqrt 2)).
void fuse_erf_gelu(FusionGroups& groups, OpId erf) {
  const OpId scale = groups.producer(erf, 0);
  const uint32_t i = groups.is(scale, {"Div", "Mul"}) ? groups.beside_constant(scale, true) : kNone;
  const OpId sum = groups.sole_reader(erf);
  if (i == kNone || !groups.is(sum, {"Add"}) || scaled(groups, sum) != erf) return;
  close_gelu(groups, erf, sum, groups.input(scale, i), {scale}, "com.microsoft.Gelu");
}

/// x * 0.5 * (1 + tanh(a * (x + b * x^3))).
void fuse_tanh_gelu(FusionGroups& groups, OpId tanh) {
  const OpId scale = groups.producer(tanh, 0), inner = scaled(groups, scale), sum = groups.sole_reader(tanh);
  if (!groups.is(scale, {"Mul"}) || !groups.is(inner, {"Add"}) || !groups.is(sum, {"Add"})) return;
  for (const size_t side : {0u, 1u}) {
    const ir::ValueId x = groups.input(inner, side);
    const OpId cubic = other_producer(groups, inner, x), cube = scaled(groups, cubic);
    if (!groups.is(cubic, {"Mul"}) || !groups.is(cube, {"Pow", "Mul"})) continue;
    std::vector<OpId> before{scale, inner, cubic, cube};
    if (const OpId square = other_producer(groups, cube, x); groups.is(square, {"Mul"})) before.push_back(square);
    if (close_gelu(groups, tanh, sum, x, before, "com.microsoft.FastGelu")) return;
  }
}

/// x * sigmoid(a * x).
void fuse_sigmoid_gelu(FusionGroups& groups, OpId sigmoid) {
  const OpId product = groups.sole_reader(sigmoid);
  if (!groups.is(product, {"Mul"}) || groups.num_inputs(product) != 2) return;
  const ir::ValueId x = groups.input(product, groups.producer(product, 0) == sigmoid ? 1 : 0);
  const OpId scale = groups.producer(sigmoid, 0);
  const uint32_t i = groups.is(scale, {"Mul"}) ? groups.beside_constant(scale, true) : kNone;
  if (groups.input(sigmoid, 0) == x)
    unite(groups, sigmoid, {}, {product}, "com.microsoft.QuickGelu");
  else if (i != kNone && groups.input(scale, i) == x)
    unite(groups, sigmoid, {scale}, {product}, "com.microsoft.QuickGelu");
}

/// A bias along the last axis in front of Gelu or FastGelu.
void absorb_bias(FusionGroups& groups, OpId main, OpId add) {
  const bool gelu = groups.is(main, {"Gelu"}) || groups.kernel(main) == "com.microsoft.Gelu";
  if (!gelu && groups.kernel(main) != "com.microsoft.FastGelu") return;
  const uint32_t data = groups.is(add, {"Add"}) && groups.alone(add) ? groups.beside_constant(add, false) : kNone;
  if (data == kNone || groups.type(groups.input(add, 1 - data)).dims.size() != 1) return;
  const bool tanh = groups.is(main, {"Gelu"}) && groups.node(main).string_or("approximate", "none") == "tanh";
  if (!tanh) groups.prepend(main, add, gelu ? "com.microsoft.BiasGelu" : "com.microsoft.FastGelu");
}

bool read_by_group_alone(const FusionGroups& groups, OpId op) {
  if (groups.graph().outputs[op].size() != 1) return false;
  const TensorId tensor = groups.graph().outputs[op][0];
  if (groups.graph().is_output[tensor]) return false;
  const auto readers = groups.graph().consumers[tensor];
  for (const OpId reader : readers)
    if (groups.main(reader) != groups.main(readers[0])) return false;
  return true;
}

/// The sum of two values of one shape in front of a norm, and the bias of one of them.
void absorb_skip(FusionGroups& groups, OpId norm, OpId sum) {
  const bool plain = groups.kernel(norm) == "LayerNormalization";
  if (!groups.is(sum, {"Add"}) || !groups.alone(sum) || !read_by_group_alone(groups, sum)) return;
  const auto &a = groups.type(groups.input(sum, 0)), &b = groups.type(groups.input(sum, 1));
  if (a.dims != b.dims || a.dims.size() < 2 || groups.beside_constant(sum, false) != kNone) return;
  const char* kernel =
      plain ? "com.microsoft.SkipLayerNormalization" : "com.microsoft.SkipSimplifiedLayerNormalization";
  groups.prepend(norm, sum, kernel);
  for (const size_t side : {0u, 1u}) {
    const OpId bias = groups.producer(sum, side);
    if (!groups.is(bias, {"Add"}) || !groups.alone(bias) || groups.sole_reader(bias) != sum) continue;
    const uint32_t data = groups.beside_constant(bias, false);
    if (data == kNone || groups.type(groups.input(bias, 1 - data)).dims.size() != 1) continue;
    return groups.prepend(norm, bias, kernel);
  }
}

}  // namespace

void fuse_layer_norms(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    if (groups.is(op, {"Div"})) fuse_layer_norm(groups, op);
    if (groups.is(op, {"Div", "Mul"}) && groups.alone(op)) fuse_rms_norm(groups, op);
  }
}

void fuse_gelus(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    if (!groups.alone(op)) continue;
    if (groups.is(op, {"Erf"})) fuse_erf_gelu(groups, op);
    if (groups.is(op, {"Tanh"})) fuse_tanh_gelu(groups, op);
    if (groups.is(op, {"Sigmoid"})) fuse_sigmoid_gelu(groups, op);
  }
  for (OpId op = 0; op < groups.size(); ++op)
    if (groups.is(op, {"Add"}) && groups.alone(op) && read_by_group_alone(groups, op))
      absorb_bias(groups, groups.main(groups.graph().consumers[groups.graph().outputs[op][0]][0]), op);
}

void fuse_skips(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    if (groups.kernel(op) == "SimplifiedLayerNormalization" || groups.is(op, {"RMSNormalization"}))
      absorb_skip(groups, op, groups.producer(op, 0));
    if (groups.kernel(op) != "LayerNormalization") continue;
    const OpId data = groups.is(op, {"Div"}) ? groups.producer(groups.producer(op, 0), 0) : groups.producer(op, 0);
    absorb_skip(groups, op, data);
  }
}

}  // namespace allot::graph
