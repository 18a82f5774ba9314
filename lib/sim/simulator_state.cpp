// SPDX-License-Identifier: Apache-2.0
// Before a run and after it.
#include "sim/simulator_state.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/error.h"
#include "sim/ranks.h"

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

size_t count_streams(const cluster::Cluster& cluster) {
  size_t sum = 0;
  for (const cluster::Device& device : cluster.devices) sum += device.streams;
  return sum;
}

}  // namespace

Course::Course(const graph::OpGraph& graph, const cluster::Cluster& cluster)
    : ops(graph.num_ops()),
      tensors(graph.num_tensors()),
      start_ps(graph.num_ops()),
      last_op(cluster.size()),
      stream_op(count_streams(cluster)),
      free_streams(cluster.size()),
      queues(cluster.simulation.queue, cluster.size(), graph.num_ops()),
      op_ends(stream_op.size()),
      unblocked(cluster.size()),
      network(cluster, most_copies_in_all(graph, cluster.size())),
      ledger(cluster) {}

Simulator::State::State(const graph::OpGraph& g, const cost::CostTable& t, const cluster::Cluster& c)
    : Course(g, c), graph(g), costs(t), cluster(c), rules(c.simulation), devices(c.size()) {
  require_simulable(graph, costs, cluster);
  while (num_inputs < graph.num_tensors() && graph.producer[num_inputs] == kNone) ++num_inputs;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const auto inputs = graph.inputs[op];
    const TensorId travel_from = cluster.io_device ? 0 : num_inputs;
    waits.push_back(static_cast<uint32_t>(inputs.end() - std::lower_bound(inputs.begin(), inputs.end(), travel_from)));
  }
  for (DeviceId device = 0; device < devices; ++device) {
    first_stream.push_back(static_cast<uint32_t>(stream_device.size()));
    stream_device.resize(stream_device.size() + cluster.devices[device].streams, device);
  }
  first_stream.push_back(static_cast<uint32_t>(stream_device.size()));
  find_reuse();
  duration_ps.resize(graph.num_ops());
  param_at.resize(graph.num_params());
  due.reserve(stream_device.size());
  for (auto* by_device : {&outcome.busy_ps, &outcome.peak_bytes, &outcome.param_bytes}) by_device->resize(devices);
  outcome.out_of_memory.reserve(devices);
}

/// Ops with one output that may live in the block of an input.
void Simulator::State::find_reuse() {
  if (costs.ops.empty()) return;
  reuse.resize(graph.num_ops());
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    if (graph.outputs[op].size() != 1) continue;
    const cluster::OpClass op_class = costs.ops[op].op_class;
    if (op_class == cluster::OpClass::alias) reuse[op] = Reuse::alias;
    if (op_class == cluster::OpClass::elementwise && rules.in_place) reuse[op] = Reuse::in_place;
    shares_blocks |= reuse[op] != Reuse::none;
  }
}

void Simulator::State::clear() {
  now = 0;
  flash_ps = -1;
  ended_ops = 0;
  std::fill(last_op.begin(), last_op.end(), kNone);
  std::fill(stream_op.begin(), stream_op.end(), kNone);
  for (DeviceId device = 0; device < devices; ++device)
    free_streams[device] = ~uint64_t{0} >> (64 - cluster.devices[device].streams);
  op_ends.clear();
  unblocked.clear();
  network.clear(options.memory);
  idle = ~uint64_t{0} >> (kMaxDevices - devices);
  blocked = 0;
  if (options.critical) critical.clear(graph.num_ops(), devices, network.wires().lanes());
  // What has no home yet is not held yet.
  if (options.timeline) std::fill(tensors.begin(), tensors.end(), TensorState{});
  for (auto* by_device : {&outcome.busy_ps, &outcome.peak_bytes, &outcome.param_bytes})
    std::fill(by_device->begin(), by_device->end(), 0);
  outcome.makespan_ps = 0;
  outcome.crossings = outcome.io_transfers = 0;
  outcome.bytes_moved = outcome.overflow_bytes = 0;
  outcome.out_of_memory.clear();
  outcome.start_ps.clear();
  outcome.end_ps.clear();
  outcome.stream.assign(options.timeline ? graph.num_ops() : 0, 0);
  outcome.transfers.clear();
  outcome.memory.clear();
  outcome.critical.clear();
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
  if (rules.queue == cluster::Queue::fifo) return queues.reset(count);
  if (options.priority.empty()) {
    ranks.resize(graph.num_ops());
    upward_ranks(graph, costs, cluster, placement, ranks);
    options.priority = ranks;
  }
  ALLOT_ASSERT(options.priority.size() == graph.num_ops());
  queues.reset(placement, options.priority);
}

/// Parameters, once a device, and resident bytes.
void Simulator::State::hold_what_stays() {
  ledger.clear(options.timeline);
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
  if (options.memory) ledger.report(outcome);
  if (options.timeline) report_timeline();
  if (options.critical) report_critical();
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
                                 .start_ps = network.sent_ps(i),
                                 .end_ps = copy.end_ps,
                                 .io = is_io(copy)});
  }
  const auto order = [](const Transfer& t) { return std::tuple(t.start_ps, t.tensor, t.to); };
  std::sort(outcome.transfers.begin(), outcome.transfers.end(),
            [&](const Transfer& a, const Transfer& b) { return order(a) < order(b); });
}

/// The chain that ends with the first op, or else copy, that ends last.
void Simulator::State::report_critical() {
  uint32_t last = 0;
  while (last < graph.num_ops() && start_ps[last] + duration_ps[last] != outcome.makespan_ps) ++last;
  if (last == graph.num_ops())
    while (last < graph.num_ops() + network.size() && network[last - graph.num_ops()].end_ps != outcome.makespan_ps)
      ++last;
  if (last == graph.num_ops() + network.size()) return;  // nothing ran
  outcome.critical = critical.chain(last, [&](uint32_t node) -> CriticalStep {
    if (node < graph.num_ops())
      return {.op = node,
              .device = ops[node].device,
              .to = ops[node].device,
              .start_ps = start_ps[node],
              .end_ps = start_ps[node] + duration_ps[node]};
    const uint32_t index = node - graph.num_ops();
    const Copy& copy = network[index];
    return {.tensor = copy.tensor,
            .device = tensors[copy.tensor].home,
            .to = copy.to,
            .start_ps = network.sent_ps(index),
            .end_ps = copy.end_ps};
  });
}

/// Not for an op: brings a graph input in or only takes a graph output out.
bool Simulator::State::is_io(const Copy& copy) const {
  const auto consumers = graph.consumers[copy.tensor];
  return copy.tensor < num_inputs ||
         std::none_of(consumers.begin(), consumers.end(), [&](OpId op) { return ops[op].device == copy.to; });
}

}  // namespace allot::sim
