// SPDX-License-Identifier: Apache-2.0
#include "place/stage_cost.h"

#include <algorithm>

namespace allot::place {
namespace {

using graph::TensorId;

/// The quickest way into or out of `device`; 0 where there is none.
int64_t quickest_ps(const cluster::Cluster& cluster, DeviceId device, int64_t bytes, bool in) {
  int64_t best = cluster::kNever;
  for (DeviceId other = 0; other < cluster.size(); ++other)
    if (other != device)
      best = std::min(best, in ? cluster.transfer_ps(other, device, bytes) : cluster.transfer_ps(device, other, bytes));
  return best == cluster::kNever ? 0 : best;
}

}  // namespace

StageCost::StageCost(const Problem& problem, std::vector<DeviceId> devices)
    : problem_(problem),
      devices_(std::move(devices)),
      tensors_(problem.graph().num_tensors()),
      param_users_(problem.graph().num_params()),
      sums_(devices_.size()) {
  const auto& graph = problem.graph();
  const auto& cluster = problem.cluster();
  const auto io = cluster.io_device;
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const int64_t bytes = problem.costs().tensor_bytes[tensor];
    const bool input = graph.producer[tensor] == graph::kNone;
    for (const DeviceId device : devices_) {
      arrival_ps_.push_back(!input ? quickest_ps(cluster, device, bytes, true)
                            : io   ? cluster.transfer_ps(*io, device, bytes)
                                   : 0);
      departure_ps_.push_back(input ? 0 : quickest_ps(cluster, device, bytes, false));
    }
  }
}

void StageCost::change(UnitId unit, int sign) {
  const auto& graph = problem_.graph();
  for (const OpId op : graph.members[unit]) {
    for (const TensorId tensor : graph.inputs[op]) {
      count_traffic(tensor, -1);
      tensors_[tensor].readers += static_cast<uint32_t>(sign);
      count_traffic(tensor, 1);
    }
    for (const TensorId tensor : graph.outputs[op]) {
      count_traffic(tensor, -1);
      tensors_[tensor].produced = sign > 0;
      count_traffic(tensor, 1);
    }
    for (const graph::ParamId param : graph.params[op]) {
      uint32_t& users = param_users_[param];
      const bool held = users > 0;
      users += static_cast<uint32_t>(sign);
      if (held != (users > 0)) held_bytes_ += sign * graph.param_bytes[param];
    }
    held_bytes_ += sign * problem_.costs().resident_bytes[op];
  }
  for (size_t i = 0; i < devices_.size(); ++i) {
    if (problem_.allowed(unit, devices_[i]))
      sums_[i].compute_ps += sign * problem_.unit_time_ps(unit, devices_[i]);
    else
      sums_[i].barred += static_cast<uint32_t>(sign);
  }
}

/// Adds or takes away what a tensor costs as the set is now.
void StageCost::count_traffic(TensorId tensor, int sign) {
  const auto& graph = problem_.graph();
  const Tensor& state = tensors_[tensor];
  const bool leaves = state.produced && (state.readers < graph.consumers[tensor].size() ||
                                         (graph.is_output[tensor] && problem_.cluster().io_device));
  const bool enters = !state.produced && state.readers > 0;
  if (!leaves && !enters) return;
  const int64_t* const time_ps = (leaves ? departure_ps_ : arrival_ps_).data() + tensor * devices_.size();
  for (size_t i = 0; i < devices_.size(); ++i) (leaves ? sums_[i].out_ps : sums_[i].in_ps) += sign * time_ps[i];
}

bool StageCost::too_much(size_t i) const {
  return sums_[i].barred > 0 || held_bytes_ > problem_.cluster().devices[devices_[i]].usable_bytes();
}

int64_t StageCost::load_ps(size_t i) const {
  if (too_much(i)) return cost::kCannotRun;
  const auto& [compute_ps, in_ps, out_ps, barred] = sums_[i];
  const auto& simulation = problem_.cluster().simulation;
  if (simulation.blocks_senders()) return compute_ps + in_ps + out_ps;
  const int64_t busy_ps = simulation.blocks_receivers() ? compute_ps + in_ps : compute_ps;
  if (simulation.contention == cluster::Contention::free) return busy_ps;
  const bool one_port = simulation.contention == cluster::Contention::port;
  return std::max(busy_ps, one_port ? in_ps + out_ps : std::max(in_ps, out_ps));
}

}  // namespace allot::place
