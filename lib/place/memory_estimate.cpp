// SPDX-License-Identifier: Apache-2.0
#include "place/memory_estimate.h"

#include <algorithm>

#include "sim/ledger.h"

namespace allot::place {

int64_t unit_bytes(const Problem& problem, UnitId unit) {
  const auto& graph = problem.graph();
  const auto& costs = problem.costs();
  int64_t bytes = 0, workspace = 0;
  for (const OpId op : graph.members[unit]) {
    bytes += costs.resident_bytes[op];
    workspace = std::max(workspace, costs.workspace_bytes[op]);
    for (const graph::ParamId param : graph.params[op]) bytes += graph.param_bytes[param];
    for (const graph::TensorId tensor : graph.outputs[op]) bytes += costs.tensor_bytes[tensor];
  }
  return bytes + workspace;
}

MemoryEstimate::MemoryEstimate(const Problem& problem)
    : problem_(&problem),
      param_at_(problem.graph().num_params(), 0),
      lasting_(problem.devices(), 0),
      working_(problem.devices(), 0) {}

int64_t MemoryEstimate::excess(UnitId unit, DeviceId device, int64_t extra_bytes) const {
  const int64_t working = std::max(working_[device], working_bytes(unit, device));
  return lasting_[device] + lasting_bytes(unit, device) + working + extra_bytes -
         problem_->cluster().devices[device].usable_bytes();
}

void MemoryEstimate::add(UnitId unit, DeviceId device) {
  working_[device] = std::max(working_[device], working_bytes(unit, device));
  const auto& graph = problem_->graph();
  const int64_t align = problem_->cluster().devices[device].align_bytes;
  for (const OpId op : graph.members[unit]) {
    lasting_[device] += sim::block_bytes(problem_->costs().resident_bytes[op], align);
    for (const graph::ParamId param : graph.params[op]) {
      if (param_at_[param] >> device & 1) continue;
      param_at_[param] |= uint64_t{1} << device;
      lasting_[device] += sim::block_bytes(graph.param_bytes[param], align);
    }
  }
}

/// A parameter that two ops of the unit share counts twice: an upper bound is what is wanted here.
int64_t MemoryEstimate::lasting_bytes(UnitId unit, DeviceId device) const {
  const auto& graph = problem_->graph();
  const int64_t align = problem_->cluster().devices[device].align_bytes;
  int64_t bytes = 0;
  for (const OpId op : graph.members[unit]) {
    bytes += sim::block_bytes(problem_->costs().resident_bytes[op], align);
    for (const graph::ParamId param : graph.params[op])
      if (!(param_at_[param] >> device & 1)) bytes += sim::block_bytes(graph.param_bytes[param], align);
  }
  return bytes;
}

int64_t MemoryEstimate::working_bytes(UnitId unit, DeviceId device) const {
  const auto& graph = problem_->graph();
  const auto& costs = problem_->costs();
  const int64_t align = problem_->cluster().devices[device].align_bytes;
  int64_t most = 0;
  for (const OpId op : graph.members[unit]) {
    int64_t bytes = sim::block_bytes(costs.workspace_bytes[op], align);
    for (const auto& tensors : {graph.inputs[op], graph.outputs[op]})
      for (const graph::TensorId tensor : tensors) bytes += sim::block_bytes(costs.tensor_bytes[tensor], align);
    most = std::max(most, bytes);
  }
  return most;
}

}  // namespace allot::place
