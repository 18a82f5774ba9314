// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include <algorithm>
#include <unordered_map>

namespace allot::cost::ops {
namespace {

double arithmetic(const OpCost& cost) { return cost.mac_flops + cost.vector_ops; }

double weight_of(const OpCost& cost) {
  return arithmetic(cost) + static_cast<double>(cost.bytes_read) + static_cast<double>(cost.bytes_written);
}

// Most bytes that the body's own values occupy at once; its outputs are the owner's.
int64_t peak_bytes(const graph::PlanningModel& planning, const ir::Values::GraphRef& body) {
  const auto& values = planning.values;
  std::unordered_map<ir::ValueId, size_t> last_use;
  for (size_t i = 0; i < body.order.size(); ++i) {
    for (const ir::ValueId output : values.outputs[body.order[i]])
      if (output != ir::kNone) last_use[output] = i;
    for (const ir::ValueId input : values.inputs[body.order[i]])
      if (const auto use = last_use.find(input); use != last_use.end()) use->second = i;
  }
  for (const ir::ValueId output : body.outputs) last_use.erase(output);
  std::vector<double> freed(body.order.size(), 0);
  double live = 0, peak = 0;
  for (size_t i = 0; i < body.order.size(); ++i) {
    for (const ir::ValueId output : values.outputs[body.order[i]]) {
      const auto use = last_use.find(output);
      if (use == last_use.end() || planning.constant(output)) continue;
      const auto bytes = static_cast<double>(planning.shapes.types[output].bytes());
      live += bytes;
      freed[use->second] += bytes;
    }
    peak = std::max(peak, live);
    live -= freed[i];
  }
  return to_bytes(peak);
}

// One run of a body: the sum of its nodes, of the class and precision of the one that computes most. Constants are
// made once, before. Bodies nest at most as deep as the reader allows.
OpCost body_cost(const graph::PlanningModel& planning, ir::GraphId id) {
  const auto& body = planning.values.graphs[id];
  OpCost sum;
  sum.op_class = cluster::OpClass::control;
  sum.launches = 0;
  double most = 0, read = 0, written = 0;
  for (const ir::NodeId node : body.order) {
    if (planning.constant_node(node)) continue;
    const OpCost cost = op_cost(planning, node);
    sum.mac_flops += cost.mac_flops;
    sum.vector_ops += cost.vector_ops;
    read += static_cast<double>(cost.bytes_read);
    written += static_cast<double>(cost.bytes_written);
    sum.launches += cost.launches;
    sum.workspace_bytes = std::max(sum.workspace_bytes, cost.workspace_bytes);
    sum.known &= cost.known;
    sum.host_only |= cost.host_only;
    if (arithmetic(cost) <= most) continue;
    most = arithmetic(cost);
    sum.op_class = cost.op_class;
    sum.precision = cost.precision;
  }
  sum.bytes_read = to_bytes(read);
  sum.bytes_written = to_bytes(written);
  sum.workspace_bytes =
      to_bytes(static_cast<double>(sum.workspace_bytes) + static_cast<double>(peak_bytes(planning, body)));
  return sum;
}

// The decision itself is one call more.
OpCost repeated(OpCost body, double times) {
  body.mac_flops *= times;
  body.vector_ops *= times;
  body.bytes_read = to_bytes(static_cast<double>(body.bytes_read) * times);
  body.bytes_written = to_bytes(static_cast<double>(body.bytes_written) * times);
  body.launches = body.launches * times + 1;
  return body;
}

// Nothing for a branch that is missing.
OpCost branch_cost(const Context& c, ir::Str name) {
  const auto& values = c.planning().values;
  const ir::Graph* graph = c.node().graph(name);
  for (const ir::GraphId body : values.bodies[c.id()])
    if (values.graphs[body].graph == graph) return body_cost(c.planning(), body);
  OpCost nothing;
  nothing.op_class = cluster::OpClass::control;
  nothing.launches = 0;
  return nothing;
}

// The mean of the branches, of the class of the dearer.
OpCost weighted(const OpCost& then, const OpCost& otherwise, const OpCost& dearer, double share) {
  const auto mean = [share](auto a, auto b) {
    return static_cast<decltype(a)>(share * static_cast<double>(a) + (1 - share) * static_cast<double>(b));
  };
  OpCost cost = dearer;
  cost.mac_flops = mean(then.mac_flops, otherwise.mac_flops);
  cost.vector_ops = mean(then.vector_ops, otherwise.vector_ops);
  cost.bytes_read = mean(then.bytes_read, otherwise.bytes_read);
  cost.bytes_written = mean(then.bytes_written, otherwise.bytes_written);
  cost.launches = mean(then.launches, otherwise.launches) + 1;
  return cost;
}

void run_body(const Context& c, OpCost& cost, double times) {
  const auto bodies = c.planning().values.bodies[c.id()];
  if (!bodies.empty()) cost = repeated(body_cost(c.planning(), bodies[0]), times);
}

}  // namespace

void if_(const Context& c, OpCost& cost) {
  const OpCost then = branch_cost(c, "then_branch"), otherwise = branch_cost(c, "else_branch");
  const OpCost& dearer = weight_of(then) < weight_of(otherwise) ? otherwise : then;
  const auto& shares = c.planning().shapes.then_shares;
  const auto share = shares.find(c.id());
  if (const auto condition = c.scalar(0))
    cost = repeated(*condition != 0 ? then : otherwise, 1);
  else if (share != shares.end())
    cost = weighted(then, otherwise, dearer, share->second);
  else
    cost = repeated(dearer, 1);
  if (c.scalar(0)) return;
  cost.workspace_bytes = std::max(then.workspace_bytes, otherwise.workspace_bytes);
  cost.known = then.known && otherwise.known;
  cost.host_only = then.host_only || otherwise.host_only;
}

void loop(const Context& c, OpCost& cost) {
  const bool never = c.scalar(1).value_or(1) == 0;
  run_body(c, cost, never ? 0 : trip_count(c).value_or(1));
}

void scan(const Context& c, OpCost& cost) { run_body(c, cost, trip_count(c).value_or(1)); }

void sequence_map(const Context& c, OpCost& cost) {
  run_body(c, cost, 1);
  cost.host_only = true;
}

std::optional<double> trip_count(const Context& c) {
  constexpr double kUnbounded = 2147483647;  // exporters write a large number for "while"
  if (c.node().op_type == "Loop") {
    const auto trips = c.scalar(0);
    const auto& hints = c.planning().shapes.trip_counts;
    if (const auto hint = hints.find(c.id()); hint != hints.end())
      return trips ? std::clamp(*trips, 0.0, hint->second) : hint->second;
    return trips && *trips >= 0 && *trips < kUnbounded ? trips : std::nullopt;
  }
  const auto scanned = static_cast<size_t>(std::clamp<int64_t>(c.node().int_or("num_scan_inputs", 1), 1, 1 << 20));
  if (scanned > c.num_inputs()) return std::nullopt;
  const auto& input = c.in(c.num_inputs() - scanned);
  if (!input.has_rank) return std::nullopt;
  if (c.opset() < 9) return dim(input, 0) * dim(input, 1);  // [batch, sequence, ...]
  const auto& axes = c.node().ints("scan_input_axes");
  return dim(input, axes.empty() ? 0 : axes[0]);
}

}  // namespace allot::cost::ops
