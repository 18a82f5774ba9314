// SPDX-License-Identifier: Apache-2.0
// Before a run of sequential.h: what stays in memory, where tensors are made, and which copies are needed.
#include <algorithm>

#include "base/error.h"
#include "sim/limits.h"
#include "sim/sequential_state.h"

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::ParamId;
using graph::TensorId;

Sequential::State::State(const graph::OpGraph& g, const cost::CostTable& t, const cluster::Cluster& c, bool blocking)
    : graph(g), costs(t), cluster(c), blocking_uploads(blocking), ledger(c) {
  require_simulable(graph, costs, cluster);
  for (DeviceId device = 0; device < cluster.size(); ++device) {
    if (cluster.devices[device].kind != "cpu") continue;
    host_thread |= bit(device);
    if (!host) host = device;
  }
  while (num_inputs < graph.num_tensors() && graph.producer[num_inputs] == kNone) ++num_inputs;
  for (OpId op = 0; op < graph.num_ops(); ++op)
    if (graph.successors[op].empty()) last_ops.push_back(op);
  size_t most = 0;
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor)
    most += most_copies(graph, tensor, cluster.size()) + 1;  // and a step over the host
  copies.reserve(most);
  stack.reserve(last_ops.size() + graph.num_ops() + graph.inputs.items.size() + 2 * most);
  queue_ps.resize(cluster.size());
  last_in_queue.resize(cluster.size());
  before.resize(graph.num_ops());
  homes.resize(graph.num_tensors());
  visited.resize(graph.num_ops());
  start_ps.resize(graph.num_ops());
  end_ps.resize(graph.num_ops());
  param_at.resize(graph.num_params());
  for (auto* by_device : {&outcome.busy_ps, &outcome.peak_bytes, &outcome.param_bytes})
    by_device->resize(cluster.size());
}

/// Parameters, once a device, and resident bytes.
void Sequential::State::hold_what_stays() {
  ledger.clear(options.timeline);
  std::fill(param_at.begin(), param_at.end(), 0);
  auto& held = outcome.param_bytes;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const DeviceId device = placement[op];
    held[device] += ledger.block(costs.resident_bytes[op], device);
    for (const ParamId param : graph.params[op]) {
      if (param_at[param] & bit(device)) continue;
      param_at[param] |= bit(device);
      held[device] += ledger.block(graph.param_bytes[param], device);
    }
  }
  for (DeviceId device = 0; device < cluster.size(); ++device) ledger.take(device, held[device]);
}

void Sequential::State::find_homes() {
  for (TensorId tensor = 0; tensor < num_inputs; ++tensor)
    homes[tensor].device = cluster.io_device.value_or(kEverywhere);
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    ALLOT_ASSERT(placement[op] < cluster.size() && costs.time(op, placement[op]) != cost::kCannotRun);
    for (const TensorId tensor : graph.outputs[op]) homes[tensor].device = placement[op];
  }
}

/// Rule 2. Inputs that are everywhere are copies that exist already.
void Sequential::State::plan_copies(TensorId tensor) {
  Home& home = homes[tensor];
  home.readers = 0;
  home.first_copy = static_cast<uint32_t>(copies.size());
  uint64_t wanted = 0;
  for (const OpId consumer : graph.consumers[tensor]) wanted |= bit(placement[consumer]);
  if (graph.is_output[tensor] && cluster.io_device) wanted |= bit(*cluster.io_device);
  const bool everywhere = home.device == kEverywhere;
  if (!everywhere) wanted &= ~bit(home.device);
  const bool over_host = !everywhere && host && !on_host_thread(home.device) && (wanted & ~host_thread) != 0;
  if (over_host) wanted |= bit(*host);
  for (uint64_t rest = wanted; rest != 0; rest &= rest - 1) {
    const DeviceId to = lowest(rest);
    const DeviceId from = everywhere ? to : over_host && !on_host_thread(to) ? *host : home.device;
    copies.push_back({.tensor = tensor, .from = from, .to = to, .visited = everywhere});
  }
  count_readers(tensor, wanted);
}

void Sequential::State::count_readers(TensorId tensor, uint64_t elsewhere) {
  Home& home = homes[tensor];
  if (elsewhere == 0) {
    home.readers = static_cast<uint32_t>(graph.consumers[tensor].size()) + (graph.is_output[tensor] ? 1 : 0);
    return;
  }
  const auto readers = [&](DeviceId device) -> uint32_t& {
    return home.device == device ? home.readers : copies[copy_at(tensor, device)].readers;
  };
  for (const OpId consumer : graph.consumers[tensor]) ++readers(placement[consumer]);
  for (uint32_t index = home.first_copy; index < copies.size(); ++index)
    if (copies[index].from != copies[index].to) ++readers(copies[index].from);
  for (uint32_t index = home.first_copy; index < copies.size(); ++index)
    copies[index].io = tensor < num_inputs || copies[index].readers == 0;
  if (graph.is_output[tensor] && home.device != kEverywhere) ++readers(cluster.io_device.value_or(home.device));
}

}  // namespace allot::sim
