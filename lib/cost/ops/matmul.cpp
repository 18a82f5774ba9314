// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>

#include "cost/weights.h"

namespace allot::cost::ops {
namespace {

constexpr double kRequantize = 3;  // scale, round, saturate

// Batch dimensions, the promotion of vectors and their squeezing are all in the output's element count.
void product(OpCost& cost, double outputs, double inner) { cost.mac_flops = 2 * outputs * inner; }

bool flag(const Context& c, ir::Str name) { return c.node().int_or(name, 0) != 0; }

}  // namespace

void matmul(const Context& c, OpCost& cost) { product(cost, c.n_out(), dim(c.in(0), -1)); }

void gemm(const Context& c, OpCost& cost) {
  product(cost, c.n_out(), dim(c.in(0), flag(c, "transA") ? 0 : 1));
  if (c.node().float_or("alpha", 1) != 1) cost.vector_ops += c.n_out();
  if (c.has_in(2)) cost.vector_ops += c.n_out() * (c.node().float_or("beta", 1) != 1 ? 2 : 1);
  cost.vector_ops += c.n_out() * weight::activation(c.node().string_or("activation", ""));
}

// transBatchA moves the first axis behind the batch axes; transA then swaps the last two.
void fused_matmul(const Context& c, OpCost& cost) {
  const int64_t inner = !flag(c, "transA") ? -1 : flag(c, "transBatchA") ? 0 : -2;
  product(cost, c.n_out(), dim(c.in(0), inner));
  if (c.node().float_or("alpha", 1) != 1) cost.vector_ops += c.n_out();
  cost.vector_ops += c.n_out() * weight::activation(c.node().string_or("activation", ""));
}

void matmul_integer(const Context& c, OpCost& cost) {
  matmul(c, cost);
  cost.precision = cluster::Precision::int8;
  cost.vector_ops += kRequantize * c.n_out();
}

// A is quantized on the fly: its range, then its elements.
void dynamic_quantize_matmul(const Context& c, OpCost& cost) {
  matmul_integer(c, cost);
  cost.vector_ops += 5 * c.n_in();
  cost.workspace_bytes = to_bytes(c.n_in());
}

void qlinear_matmul(const Context& c, OpCost& cost) { matmul_integer(c, cost); }

void qgemm(const Context& c, OpCost& cost) {
  product(cost, c.n_out(), dim(c.in(0), flag(c, "transA") ? 0 : 1));
  cost.precision = cluster::Precision::int8;
  cost.vector_ops += (kRequantize + (c.has_in(6) ? 1 : 0)) * c.n_out();
}

// The weight is dequantized once a call; the product runs in A's type.
void matmul_nbits(const Context& c, OpCost& cost) {
  const auto inner = static_cast<double>(c.node().int_or("K", 0));
  const auto columns = static_cast<double>(c.node().int_or("N", 0));
  product(cost, c.n_out(), inner);
  cost.vector_ops = 2 * columns * inner;
}

void det(const Context& c, OpCost& cost) { cost.vector_ops = 2.0 / 3 * c.n_in() * dim(c.in(0), -1); }

void inverse(const Context& c, OpCost& cost) { cost.vector_ops = 2 * c.n_in() * dim(c.in(0), -1); }

// Inputs: x [tokens.., D], router probabilities [tokens, E] (the router's product is a node of its own), then a
// first, a second and perhaps a third weight with their companions. Of E experts at most tokens * k are read.
void mixture_of_experts(const Context& c, OpCost& cost) {
  const bool quantized = c.node().op_type == "QMoE";
  const size_t step = quantized ? 3 : 2;  // weight, (scales,) bias
  const double width = dim(c.in(0), -1), experts = dim(c.in(2), 0);
  if (width <= 0 || experts <= 0) return;
  const double tokens = c.n_in() / width;
  const double active = tokens * static_cast<double>(c.node().int_or("k", 1));
  const double bits = static_cast<double>(quantized ? c.node().int_or("expert_weight_bits", 4) : 8);
  double weights = 0;  // elements of one expert
  for (size_t i = 2; i < 2 + 3 * step; i += step) weights += c.n_in(i) * 8 / bits / experts;
  cost.mac_flops = 2 * active * weights;
  const double inner = c.n_in(2) * 8 / bits / experts / width;
  cost.vector_ops = active * inner * weight::activation(c.node().string_or("activation_type", "relu"));
  if (quantized) cost.vector_ops += 2 * std::min(experts, active) * weights;
  double all = 0;
  for (size_t i = 2; i < c.num_inputs(); ++i) all += static_cast<double>(c.in(i).bytes());
  cost.bytes_read = to_bytes(static_cast<double>(cost.bytes_read) - all * (1 - std::min(experts, active) / experts));
}

}  // namespace allot::cost::ops
