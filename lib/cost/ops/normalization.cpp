// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include "cost/weights.h"

namespace allot::cost::ops {
namespace {

// Mean, variance, normalize, scale and shift: 8 an element, and a root and a division a row. RMS leaves the mean out.
constexpr double kNormalize = 8, kRms = 4, kPerRow = 4;

bool is_rms(const Context& c) {
  const ir::Str type = c.node().op_type;
  return type.find("Simplified") != ir::Str::npos || type.find("RMS") != ir::Str::npos;
}

void normalize(const Context& c, OpCost& cost, double rows) {
  cost.vector_ops += c.n_in() * (is_rms(c) ? kRms : kNormalize) + kPerRow * rows;
}

double rows_before(const shape::ValueType& type, int64_t axis) { return volume(type, 0, normal_axis(type, axis)); }

double groups(const Context& c, ir::Str attribute) {
  return dim(c.in(0), 0) * static_cast<double>(c.node().int_or(attribute, 1));
}

// Rows over which Softmax runs: one axis since opset 13, all from `axis` on before.
double softmax_rows(const Context& c) {
  const bool flattens = c.opset() < 13;
  const int64_t axis = normal_axis(c.in(0), c.node().int_or("axis", flattens ? 1 : -1));
  if (flattens) return volume(c.in(0), 0, axis);
  return volume(c.in(0), 0, axis) * volume(c.in(0), axis + 1);
}

}  // namespace

// In training mode the statistics take a second pass over the input. Before opset 14 extra outputs tell.
void batch_norm(const Context& c, OpCost& cost) {
  const bool training = c.opset() >= 14 ? c.node().int_or("training_mode", 0) != 0 : c.has_out(1);
  cost.vector_ops = (training ? 8 : 2) * c.n_in();
  if (training) cost.bytes_read += c.in(0).bytes();
}

void layer_norm(const Context& c, OpCost& cost) {
  normalize(c, cost, rows_before(c.in(0), c.node().int_or("axis", -1)));
}

void instance_norm(const Context& c, OpCost& cost) { normalize(c, cost, volume(c.in(0), 0, 2)); }

void group_norm(const Context& c, OpCost& cost) {
  const bool contrib = !c.node().domain.empty();
  normalize(c, cost, groups(c, contrib ? "groups" : "num_groups"));
  if (contrib && c.node().int_or("activation", 0) != 0) cost.vector_ops += weight::kSwish * c.n_out();
}

void mean_variance_norm(const Context& c, OpCost& cost) {
  const auto& axes = c.node().ints("axes");
  double reduced = 1;
  for (const int64_t axis : axes.empty() ? std::vector<int64_t>{0, 2, 3} : axes) reduced *= dim(c.in(0), axis);
  normalize(c, cost, reduced > 0 ? c.n_in() / reduced : 0);
}

// Power, sum, scale; one root a row.
void lp_norm(const Context& c, OpCost& cost) {
  const double length = dim(c.in(0), c.node().int_or("axis", -1));
  cost.vector_ops = 3 * c.n_in() + (length > 0 ? weight::kSqrt * c.n_in() / length : 0);
}

// x + skip (+ bias), then the norm. The bias is input 4, of the simplified form input 3.
void skip_layer_norm(const Context& c, OpCost& cost) {
  normalize(c, cost, rows_before(c.in(0), -1));
  cost.vector_ops += c.n_in() * (c.has_in(is_rms(c) ? 3 : 4) ? 2 : 1);
}

// x, gamma, beta, skip, bias.
void skip_group_norm(const Context& c, OpCost& cost) {
  group_norm(c, cost);
  cost.vector_ops += c.n_in() * (c.has_in(4) ? 2 : 1);
}

// Rows of two or three tables (inputs 2 to 4) are summed and normalized; the tables themselves are not read whole.
void embed_layer_norm(const Context& c, OpCost& cost) {
  double tables = 0, read = 0;
  for (size_t i = 0; i < c.num_inputs(); ++i) {
    const bool table = i >= 2 && i <= 4 && c.has_in(i);
    tables += table;
    read += static_cast<double>(table ? c.out(0).bytes() : c.in(i).bytes());
  }
  cost.bytes_read = to_bytes(read);
  cost.vector_ops = c.n_out() * (kNormalize + tables - 1) + kPerRow * rows_before(c.out(0), -1);
}

// Maximum, subtraction, exponential, sum, division.
void softmax(const Context& c, OpCost& cost) { cost.vector_ops = c.n_in() * (4 + weight::kExp + c.weight()); }

void log_softmax(const Context& c, OpCost& cost) {
  softmax(c, cost);
  cost.vector_ops += weight::kLog * softmax_rows(c);
}

void bias_softmax(const Context& c, OpCost& cost) {
  softmax(c, cost);
  cost.vector_ops += c.n_in();
}

}  // namespace allot::cost::ops
