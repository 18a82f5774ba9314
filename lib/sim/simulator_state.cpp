// SPDX-License-Identifier: Apache-2.0
// Before a run and after it.
#include "sim/simulator_state.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/error.h"

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::ParamId;
using graph::TensorId;

namespace {

size_t most_copies_in_all(const graph::OpGraph& graph, uint32_t devices) {
  size_t sum = 0;
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) sum += most_copies(graph, tensor, devices);
  return sum;
}

}  // namespace

Simulator::State::State(const graph::OpGraph& g, const cost::CostTable& t, const cluster::Cluster& c)
    : Course(c, most_copies_in_all(g, c.size())), graph(g), costs(t), cluster(c), devices(c.size()) {
  require_simulable(graph, costs, cluster);
  while (num_inputs < graph.num_tensors() && graph.producer[num_inputs] == kNone) ++num_inputs;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const auto inputs = graph.inputs[op];
    const TensorId travel_from = cluster.io_device ? 0 : num_inputs;
    waits.push_back(static_cast<uint32_t>(inputs.end() - std::lower_bound(inputs.begin(), inputs.end(), travel_from)));
  }
  ops.resize(graph.num_ops());
  tensors.resize(graph.num_tensors());
  duration_ps.resize(graph.num_ops());
  start_ps.resize(graph.num_ops());
  param_at.resize(graph.num_params());
  last_op.resize(devices);
  queues.resize(devices);
  due.reserve(devices);
  for (auto* by_device : {&outcome.busy_ps, &outcome.peak_bytes, &outcome.param_bytes}) by_device->resize(devices);
  outcome.out_of_memory.reserve(devices);
}

void Simulator::State::clear() {
  now = 0;
  ended_ops = 0;
  std::fill(last_op.begin(), last_op.end(), kNone);
  op_ends.clear();
  network.clear(options.memory);
  idle = ~uint64_t{0} >> (kMaxDevices - devices);
  waiting = 0;
  for (auto* by_device : {&outcome.busy_ps, &outcome.peak_bytes, &outcome.param_bytes})
    std::fill(by_device->begin(), by_device->end(), 0);
  outcome.crossings = outcome.io_transfers = 0;
  outcome.bytes_moved = outcome.overflow_bytes = 0;
  outcome.out_of_memory.clear();
  outcome.start_ps.clear();
  outcome.end_ps.clear();
  outcome.transfers.clear();
}

/// Fills what depends on the placement alone.
void Simulator::State::place(std::span<const DeviceId> placement) {
  ALLOT_ASSERT(placement.size() == graph.num_ops());
  std::array<uint32_t, kMaxDevices> count{};
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const DeviceId device = placement[op];
    ALLOT_ASSERT(device < devices);
    duration_ps[op] = costs.time(op, device);
    ALLOT_ASSERT(duration_ps[op] != cost::kCannotRun);
    outcome.busy_ps[device] += duration_ps[op];
    ++count[device];
    ops[op] = {.pending = waits[op], .device = device};
  }
  for (DeviceId device = 0; device < devices; ++device) queues[device].reset(count[device]);
}

/// Parameters, once a device, and resident bytes.
void Simulator::State::hold_what_stays() {
  ledger.clear();
  std::fill(param_at.begin(), param_at.end(), 0);
  auto& held = outcome.param_bytes;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const DeviceId device = ops[op].device;
    held[device] += ledger.block(costs.resident_bytes[op], device);
    for (const ParamId param : graph.params[op]) {
      if (param_at[param] & bit(device)) continue;
      param_at[param] |= bit(device);
      held[device] += ledger.block(graph.param_bytes[param], device);
    }
  }
  for (DeviceId device = 0; device < devices; ++device) ledger.take(device, held[device]);
}

void Simulator::State::report() {
  outcome.makespan_ps = now;
  if (options.memory) ledger.report(outcome);
  if (options.timeline) report_timeline();
}

void Simulator::State::report_timeline() {
  outcome.start_ps = start_ps;
  outcome.end_ps.resize(start_ps.size());
  for (OpId op = 0; op < graph.num_ops(); ++op) outcome.end_ps[op] = start_ps[op] + duration_ps[op];
  for (uint32_t i = first_transfer; i < network.size(); ++i) {
    const Copy& copy = network[i];
    outcome.transfers.push_back({.tensor = copy.tensor,
                                 .from = tensors[copy.tensor].home,
                                 .to = copy.to,
                                 .start_ps = copy.start_ps,
                                 .end_ps = copy.end_ps,
                                 .io = is_io(copy)});
  }
  const auto order = [](const Transfer& t) { return std::tuple(t.start_ps, t.tensor, t.to); };
  std::sort(outcome.transfers.begin(), outcome.transfers.end(),
            [&](const Transfer& a, const Transfer& b) { return order(a) < order(b); });
}

/// Not for an op: brings a graph input in or only takes a graph output out.
bool Simulator::State::is_io(const Copy& copy) const {
  const auto consumers = graph.consumers[copy.tensor];
  return copy.tensor < num_inputs ||
         std::none_of(consumers.begin(), consumers.end(), [&](OpId op) { return ops[op].device == copy.to; });
}

}  // namespace allot::sim
