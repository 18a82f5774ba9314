// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>

namespace allot::cost::ops {
namespace {

// Input i is read only as far as `elements` of it; all others whole.
void read_part(const Context& c, OpCost& cost, size_t part, double elements) {
  double bytes = 0;
  for (size_t i = 0; i < c.num_inputs(); ++i)
    bytes += i == part ? std::min(bytes_of(c.in(i), elements), static_cast<double>(c.in(i).bytes()))
                       : static_cast<double>(c.in(i).bytes());
  cost.bytes_read = to_bytes(bytes);
}

// Axes of size 1 may go anywhere: the others keep their order.
bool moves_nothing(const shape::ValueType& type, const std::vector<int64_t>& perm) {
  int64_t last = -1;
  for (int64_t i = 0; i < rank(type); ++i) {
    const int64_t axis = perm.empty() ? rank(type) - 1 - i : i < static_cast<int64_t>(perm.size()) ? perm[i] : i;
    if (dim(type, axis) == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

}  // namespace

// The output is the input under another name or shape: no work, no traffic.
void alias(const Context& c, OpCost& cost) {
  cost = OpCost{};
  cost.op_class = cluster::OpClass::alias;
  cost.launches = 0;
  cost.precision = precision_of(c.in(0).elem);
}

void transpose(const Context& c, OpCost& cost) {
  if (rank(c.in(0)) > 0 && moves_nothing(c.in(0), c.node().ints("perm"))) alias(c, cost);
}

void copy(const Context&, OpCost&) {}

void slice(const Context& c, OpCost& cost) { read_part(c, cost, 0, c.n_out()); }

// Reads the rows it takes, not the table.
void gather(const Context& c, OpCost& cost) { read_part(c, cost, 0, c.n_out()); }

void gather_block_quantized(const Context& c, OpCost& cost) {
  const double packed = static_cast<double>(c.node().int_or("bits", 4)) / 8;
  read_part(c, cost, 0, c.n_out() * (c.in(0).elem == ir::DataType::uint8 ? packed : 1));
  cost.vector_ops = 2 * c.n_out();
}

// A copy of the data, then the updates; with a reduction one operation for each update.
void scatter(const Context& c, OpCost& cost) {
  if (c.node().string_or("reduction", "none") != "none") cost.vector_ops = c.n_in(2);
}

// Strings, sequences, maps, image files: what it costs is the call.
void host_call(const Context&, OpCost& cost) { cost.host_only = true; }

}  // namespace allot::cost::ops
