// SPDX-License-Identifier: Apache-2.0
#include "sim/pipeline.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "sim/simulator.h"

namespace allot::sim {
namespace {

using graph::OpGraph;
using graph::OpId;
using graph::TensorId;

/// `runs` copies of a graph, op i of copy r being op r * ops + i. Tensors are numbered graph inputs of all copies first.
class Copies {
 public:
  Copies(const OpGraph& graph, const cost::CostTable& costs, uint32_t runs) : one_(graph), runs_(runs) {
    while (inputs_ < graph.num_tensors() && graph.producer[inputs_] == graph::kNone) ++inputs_;
    add_tensors(costs);
    for (uint32_t run = 0; run < runs; ++run)
      for (OpId op = 0; op < graph.num_ops(); ++op) add_op(costs, run, op);
    all_.param_bytes = graph.param_bytes;
    all_.param_names = base::Names(graph.num_params());
    all_.type_names = graph.type_names;
    all_.op_names = base::Names(size_t{runs} * graph.num_ops());
    table_.devices = costs.devices;
    graph::derive_neighbours(all_);
    std::vector<uint32_t> label(all_.num_ops());
    std::iota(label.begin(), label.end(), 0u);
    graph::set_units(all_, label);
  }

  const OpGraph& graph() const { return all_; }
  const cost::CostTable& costs() const { return table_; }

 private:
  TensorId tensor(uint32_t run, TensorId tensor) const {
    const TensorId made = one_.num_tensors() - inputs_;
    return tensor < inputs_ ? run * inputs_ + tensor : runs_ * inputs_ + run * made + (tensor - inputs_);
  }

  void add_tensors(const cost::CostTable& costs) {
    const auto add = [&](uint32_t run, TensorId tensor) {
      const OpId producer = one_.producer[tensor];
      all_.producer.push_back(producer == graph::kNone ? graph::kNone : run * one_.num_ops() + producer);
      all_.is_output.push_back(one_.is_output[tensor]);
      all_.tensor_bytes.push_back(one_.tensor_bytes[tensor]);
      table_.tensor_bytes.push_back(costs.tensor_bytes[tensor]);
    };
    for (uint32_t run = 0; run < runs_; ++run)
      for (TensorId tensor = 0; tensor < inputs_; ++tensor) add(run, tensor);
    for (uint32_t run = 0; run < runs_; ++run)
      for (TensorId tensor = inputs_; tensor < one_.num_tensors(); ++tensor) add(run, tensor);
    all_.tensor_names = base::Names(all_.producer.size());
  }

  void add_op(const cost::CostTable& costs, uint32_t run, OpId op) {
    for (const TensorId input : one_.inputs[op]) all_.inputs.push(tensor(run, input));
    all_.inputs.end_row();
    for (const TensorId output : one_.outputs[op]) all_.outputs.push(tensor(run, output));
    all_.outputs.end_row();
    all_.params.add_row(one_.params[op]);
    all_.type.push_back(one_.type[op]);
    all_.node.push_back(one_.node[op]);
    for (cluster::DeviceId device = 0; device < costs.devices; ++device)
      table_.time_ps.push_back(costs.time(op, device));
    table_.workspace_bytes.push_back(costs.workspace_bytes[op]);
    table_.resident_bytes.push_back(run == 0 ? costs.resident_bytes[op] : 0);
    table_.measured.push_back(0);
    if (!costs.ops.empty()) table_.ops.push_back(costs.ops[op]);
  }

  const OpGraph& one_;
  const uint32_t runs_;
  TensorId inputs_ = 0;
  OpGraph all_;
  cost::CostTable table_;
};

}  // namespace

Pipeline pipeline(const OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                  std::span<const cluster::DeviceId> placement, uint32_t runs) {
  ALLOT_ASSERT(runs >= 2);
  if (graph.num_ops() == 0) return {.runs = runs};
  const Copies copies(graph, costs, runs);
  std::vector<cluster::DeviceId> devices;
  for (uint32_t run = 0; run < runs; ++run) devices.insert(devices.end(), placement.begin(), placement.end());
  std::vector<int64_t> priority(devices.size());
  for (size_t op = 0; op < priority.size(); ++op) priority[op] = runs - static_cast<int64_t>(op / graph.num_ops());
  cluster::Cluster oldest_first = cluster;
  oldest_first.simulation.queue = cluster::Queue::priority;
  Simulator simulator(copies.graph(), copies.costs(), oldest_first);
  const Outcome& outcome = simulator.run(devices, {.memory = false, .timeline = true, .priority = priority});
  std::vector<int64_t> done_ps(runs, 0);
  for (OpId op = 0; op < copies.graph().num_ops(); ++op)
    done_ps[op / graph.num_ops()] = std::max(done_ps[op / graph.num_ops()], outcome.end_ps[op]);
  const uint32_t half = runs / 2;
  return {.runs = runs, .first_ps = done_ps[0], .interval_ps = (done_ps[runs - 1] - done_ps[runs - 1 - half]) / half};
}

}  // namespace allot::sim
