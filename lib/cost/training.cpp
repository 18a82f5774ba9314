// SPDX-License-Identifier: Apache-2.0
#include "cost/training.h"

#include "cost/context.h"
#include "cost/weights.h"

namespace allot::cost {
namespace {

using cluster::OpClass;
using cluster::Precision;
using graph::OpId;
using Role = graph::Training::Role;

double element_bytes(Precision precision) {
  switch (precision) {
    case Precision::float64:
      return 8;
    case Precision::float16:
    case Precision::bfloat16:
      return 2;
    default:
      return 4;
  }
}

class Pricer {
 public:
  Pricer(const graph::Training& training, const std::vector<OpCost>& forward)
      : training_(training), graph_(training.graph), forward_(forward) {}

  OpCost price(OpId op) const {
    const OpCost& forward = forward_[training_.forward_op[op]];
    if (training_.role[op] == Role::forward || training_.role[op] == Role::recompute) return forward;
    OpCost cost;
    cost.precision = forward.precision;
    cost.host_only = forward.host_only;
    cost.op_class = OpClass::elementwise;
    cost.bytes_read = read_bytes(op);
    cost.bytes_written = written_bytes(op);
    if (training_.role[op] == Role::gradient) price_gradient(op, forward, cost);
    if (training_.role[op] == Role::sum)
      cost.vector_ops = elements(cost.bytes_written, cost) * static_cast<double>(graph_.inputs[op].size() - 1);
    if (training_.role[op] == Role::loss) cost.vector_ops = elements(cost.bytes_read, cost) * (4 + weight::kExp);
    if (training_.role[op] == Role::optimizer) price_optimizer(op, cost);
    return cost;
  }

 private:
  static double elements(int64_t bytes, const OpCost& cost) {
    return static_cast<double>(bytes) / element_bytes(cost.precision);
  }

  int64_t read_bytes(OpId op) const {
    double sum = 0;
    for (const auto tensor : graph_.inputs[op]) sum += static_cast<double>(graph_.tensor_bytes[tensor]);
    for (const auto param : graph_.params[op]) sum += static_cast<double>(graph_.param_bytes[param]);
    return to_bytes(sum);
  }

  int64_t written_bytes(OpId op) const {
    double sum = 0;
    for (const auto tensor : graph_.outputs[op]) sum += static_cast<double>(graph_.tensor_bytes[tensor]);
    return to_bytes(sum);
  }

  // How many times the forward op's products the gradient computes.
  double products(OpId op, const OpCost& forward) const {
    if (forward.op_class == OpClass::attention) return 2.5;
    if (forward.op_class == OpClass::rnn || forward.op_class == OpClass::control) return 2;
    return training_.products[op];
  }

  void price_gradient(OpId op, const OpCost& forward, OpCost& cost) const {
    cost.op_class = forward.op_class;
    if (forward.op_class == OpClass::alias) {
      cost.launches = 0;
      cost.bytes_read = cost.bytes_written = 0;
      return;
    }
    const double sides = products(op, forward);
    cost.mac_flops = sides * forward.mac_flops;
    cost.vector_ops = 2 * forward.vector_ops;
    cost.workspace_bytes = forward.workspace_bytes;
    cost.launches = forward.launches * (forward.mac_flops > 0 ? std::max(1.0, sides) : 1);
  }

  void price_optimizer(OpId op, OpCost& cost) const {
    const int64_t state = training_.resident_bytes[op];
    const auto numbers = static_cast<double>(training_.elements[op]);
    int64_t param_bytes = 0;  // its gradient and itself, once, however many forms show it
    if (!graph_.params[op].empty()) param_bytes = graph_.param_bytes[graph_.params[op].front()];
    const auto type = graph_.type_names[graph_.type[op]];
    const double parts = static_cast<double>(graph_.inputs[op].size());
    cost.precision = Precision::float32;
    cost.vector_ops = numbers * ((type == "SGD" ? 2 : type == "Momentum" ? 4 : 16) + parts - 1);
    cost.bytes_read = to_bytes(static_cast<double>(param_bytes) * (parts + 1) + static_cast<double>(state));
    cost.bytes_written = param_bytes + state;
  }

  const graph::Training& training_;
  const graph::OpGraph& graph_;
  const std::vector<OpCost>& forward_;
};

}  // namespace

std::vector<OpCost> training_costs(const graph::Training& training, const std::vector<OpCost>& forward) {
  const Pricer pricer(training, forward);
  std::vector<OpCost> costs;
  costs.reserve(training.graph.num_ops());
  for (OpId op = 0; op < training.graph.num_ops(); ++op) costs.push_back(pricer.price(op));
  return costs;
}

}  // namespace allot::cost
