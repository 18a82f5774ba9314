// SPDX-License-Identifier: Apache-2.0
// The course of a run: what happens at an instant, in the order of the rules of simulator.h.
#include "sim/simulator.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.h"
#include "sim/simulator_state.h"

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::TensorId;

namespace {

DeviceId lowest(uint64_t set) { return static_cast<DeviceId>(std::countr_zero(set)); }

}  // namespace

const Outcome& Simulator::State::run(std::span<const DeviceId> placement, const Options& run_options) {
  begin(placement, run_options);
  advance(Timers::kNever);
  ALLOT_ASSERT(ended_ops == graph.num_ops());
  report();
  return outcome;
}

/// Up to the end of the first instant.
void Simulator::State::begin(std::span<const DeviceId> placement, const Options& run_options) {
  options = run_options;
  clear();
  place(placement);
  if (options.memory) hold_what_stays();
  push_sources();
  offer_inputs();
  instant();
}

/// On to the last instant before `until`, or to where the run is cut off.
void Simulator::State::advance(int64_t until) {
  for (int64_t next; (next = next_end()) < until;) {
    now = next;
    instant();
    if (prospect != nullptr && prospect->hopeless()) return;
  }
}

/// Rule 5.
void Simulator::State::instant() {
  do {
    end_what_is_due();
    start_idle_devices();
  } while (next_end() == now);
  if (!options.memory) return;
  ledger.settle(now, [&](DeviceId device) {
    const OpId op = last_op[device];
    return op != kNone && start_ps[op] + duration_ps[op] >= now ? op : kNone;
  });
}

/// Ops that wait for nothing.
void Simulator::State::push_sources() {
  for (OpId op = 0; op < graph.num_ops(); ++op)
    if (ops[op].pending == 0) make_ready(op, ops[op].device);
}

/// Rule 2.
void Simulator::State::offer_inputs() {
  for (TensorId tensor = 0; tensor < num_inputs; ++tensor) {
    if (cluster.io_device) {
      const DeviceId home = *cluster.io_device;
      if (options.memory) ledger.take(home, ledger.block(costs.tensor_bytes[tensor], home));
      publish(tensor, home);
    } else if (options.memory) {
      present_everywhere(tensor);
    }
  }
  first_transfer = cluster.io_device ? 0 : network.size();
}

/// Rule 5, first half: transfers, then ops by id, until nothing more ends now.
void Simulator::State::end_what_is_due() {
  for (;;) {
    while (network.earliest() == now) handle(network.take());
    if (op_ends.earliest() != now) return;
    due.clear();
    while (op_ends.earliest() == now) {
      const auto device = static_cast<DeviceId>(op_ends.first());
      op_ends.set(device, Timers::kNever);
      due.push_back(last_op[device]);
    }
    std::sort(due.begin(), due.end());
    for (const OpId op : due) finish(op);
  }
}

/// Rule 5, second half.
void Simulator::State::start_idle_devices() {
  for (uint64_t starting = idle & waiting; starting != 0; starting &= starting - 1) start(lowest(starting));
}

void Simulator::State::start(DeviceId device) {
  const OpId op = queues[device].pop();
  if (queues[device].empty()) waiting &= ~bit(device);
  idle &= ~bit(device);
  last_op[device] = op;
  start_ps[op] = now;
  op_ends.set(device, now + duration_ps[op]);
  if (prospect != nullptr) prospect->start(op, device, duration_ps[op], now + duration_ps[op]);
  if (!options.memory) return;
  int64_t bytes = ledger.block(costs.workspace_bytes[op], device);
  for (const TensorId tensor : graph.outputs[op]) bytes += ledger.block(costs.tensor_bytes[tensor], device);
  ledger.take(device, bytes);
}

void Simulator::State::finish(OpId op) {
  const DeviceId device = ops[op].device;
  idle |= bit(device);
  ++ended_ops;
  for (const TensorId tensor : graph.outputs[op]) publish(tensor, device);
  if (!options.memory) return;
  ledger.give_back(device, ledger.block(costs.workspace_bytes[op], device), start_ps[op], now);
  for (const TensorId tensor : graph.inputs[op]) input_used(op, tensor);
}

/// Rule 3: `tensor` is there now; tells its consumers at home and sends it to the other devices.
void Simulator::State::publish(TensorId tensor, DeviceId home) {
  uint64_t read_at = 0;
  uint32_t local = 0;
  for (const OpId consumer : graph.consumers[tensor]) {
    OpState& state = ops[consumer];
    const bool here = state.device == home;
    read_at |= bit(state.device);
    local += here;
    state.pending -= here;
    if (here & (state.pending == 0)) make_ready(consumer, home);
  }
  const bool output = graph.is_output[tensor], stays = output && cluster.io_device.value_or(home) == home;
  tensors[tensor] = {.home = home, .readers = 1 + local + stays, .first_copy = network.size()};
  uint64_t targets = (output && cluster.io_device ? read_at | bit(*cluster.io_device) : read_at) & ~bit(home);
  for (; targets != 0; targets &= targets - 1) send(tensor, lowest(targets), (read_at & bit(lowest(targets))) != 0);
  if (options.memory) release(tensor);
}

/// A graph input without io device: each device that reads it has its own from the start.
void Simulator::State::present_everywhere(TensorId tensor) {
  std::array<uint32_t, kMaxDevices> readers{};
  uint64_t at = 0;
  for (const OpId consumer : graph.consumers[tensor]) {
    ++readers[ops[consumer].device];
    at |= bit(ops[consumer].device);
  }
  tensors[tensor] = {.home = kEverywhere, .first_copy = network.size()};
  for (; at != 0; at &= at - 1) {
    network.add({.tensor = tensor, .to = lowest(at), .readers = readers[lowest(at)]});
    ledger.take(lowest(at), ledger.block(costs.tensor_bytes[tensor], lowest(at)));
  }
}

void Simulator::State::send(TensorId tensor, DeviceId to, bool read_there) {
  TensorState& state = tensors[tensor];
  const int64_t bytes = costs.tensor_bytes[tensor];
  const bool starts = network.send(tensor, state.home, to, bytes, now);
  ++state.readers;
  ++(read_there && tensor >= num_inputs ? outcome.crossings : outcome.io_transfers);
  outcome.bytes_moved += bytes;
  if (options.memory && starts) ledger.take(to, ledger.block(bytes, to));
}

void Simulator::State::handle(Network::Event event) {
  Copy& copy = network[event.copy];
  if (event.ends) return arrive(copy);
  ledger.take(copy.to, ledger.block(costs.tensor_bytes[copy.tensor], copy.to));
}

/// A copy is there now: tells its consumers.
void Simulator::State::arrive(Copy& copy) {
  for (const OpId consumer : graph.consumers[copy.tensor]) {
    OpState& state = ops[consumer];
    const bool here = state.device == copy.to;
    copy.readers += here;
    state.pending -= here;
    if (here & (state.pending == 0)) make_ready(consumer, copy.to);
  }
  if (!options.memory) return;
  copy.readers += graph.is_output[copy.tensor] && cluster.io_device == copy.to;
  release(copy.tensor);
}

/// Rule 6: `op` has ended and needs `tensor` no more.
void Simulator::State::input_used(OpId op, TensorId tensor) {
  const TensorState& state = tensors[tensor];
  const DeviceId device = ops[op].device;
  if (state.home == device) return release(tensor);
  uint32_t index = state.first_copy;
  while (network[index].to != device) ++index;
  Copy& copy = network[index];
  if (--copy.readers == 0)
    ledger.give_back(device, ledger.block(costs.tensor_bytes[tensor], device), copy.start_ps, now);
}

/// Rule 6: one reason less to keep a tensor where it was made.
void Simulator::State::release(TensorId tensor) {
  TensorState& state = tensors[tensor];
  if (--state.readers > 0) return;
  const int64_t since = tensor < num_inputs ? 0 : start_ps[graph.producer[tensor]];
  ledger.give_back(state.home, ledger.block(costs.tensor_bytes[tensor], state.home), since, now);
}

void Simulator::State::make_ready(OpId op, DeviceId device) {
  queues[device].push(op, now);
  waiting |= bit(device);
}

Simulator::Simulator(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster)
    : state_(std::make_unique<State>(graph, costs, cluster)) {}
Simulator::~Simulator() = default;
Simulator::Simulator(Simulator&&) noexcept = default;

const Outcome& Simulator::run(std::span<const DeviceId> placement, const Options& options) {
  return state_->run(placement, options);
}

}  // namespace allot::sim
