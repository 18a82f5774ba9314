// SPDX-License-Identifier: Apache-2.0
// The course of a run: what happens at an instant, in the order of the rules of simulator.h.
#include "sim/simulator.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.h"
#include "sim/sequential.h"
#include "sim/simulator_memory.h"
#include "sim/simulator_state.h"

namespace allot::sim {

using cluster::Send;
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
  const auto op_at = [&](DeviceId device) {
    const OpId op = last_op[device];
    return op != kNone && start_ps[op] + duration_ps[op] >= now ? op : kNone;
  };
  const auto held_at = [&](DeviceId device) { return options.timeline ? largest_held(device) : std::vector<Held>{}; };
  ledger.settle(now, op_at, held_at);
}

/// Ops that wait for nothing.
void Simulator::State::push_sources() {
  for (OpId op = 0; op < graph.num_ops(); ++op)
    if (ops[op].pending == 0) make_ready(op, ops[op].device, kNone);
}

/// Rule 2.
void Simulator::State::offer_inputs() {
  for (TensorId tensor = 0; tensor < num_inputs; ++tensor) {
    if (cluster.io_device) {
      const DeviceId home = *cluster.io_device;
      if (options.memory) {
        tensors[tensor].block = tensor;
        ledger.take(home, ledger.block(costs.tensor_bytes[tensor], home));
      }
      publish(tensor, home, kNone);
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
    if (unblocked.earliest() == now) unblock_devices();
    if (op_ends.earliest() != now) return;
    due.clear();
    do {
      const auto stream = static_cast<uint32_t>(op_ends.first());
      if (rules.op_gap_ps == 0 || !rests(stream)) free_stream(stream);
    } while (op_ends.earliest() == now);
    if (due.size() > 1) std::sort(due.begin(), due.end());
    for (const OpId op : due) finish(op);
  }
}

/// Whether the op of a stream ends now and the stream is to rest; else its rest has ended, or it needs none.
bool Simulator::State::rests(uint32_t stream) {
  const OpId op = stream_op[stream];
  if (duration_ps[op] == 0 || start_ps[op] + duration_ps[op] < now) return false;
  due.push_back(op);
  op_ends.set(stream, now + rules.op_gap_ps);
  return true;
}

void Simulator::State::free_stream(uint32_t stream) {
  const OpId op = stream_op[stream];
  const DeviceId device = stream_device[stream];
  op_ends.set(stream, Timers::kNever);
  free_streams[device] |= bit(stream - first_stream[device]);
  idle |= bit(device);
  if (rules.op_gap_ps == 0 || duration_ps[op] == 0) due.push_back(op);
  if (options.critical) critical.freed_by(device, op, now);
}

/// Rule 5, second half.
void Simulator::State::start_idle_devices() {
  for (uint64_t starting = idle & queues.startable() & ~blocked; starting != 0; starting &= starting - 1) {
    const DeviceId device = lowest(starting);
    do start(device);
    while (idle & queues.startable() & bit(device));
  }
}

void Simulator::State::start(DeviceId device) {
  const OpId op = queues.pop(device);
  const uint32_t stream = first_stream[device] + lowest(free_streams[device]);
  free_streams[device] &= free_streams[device] - 1;
  if (free_streams[device] == 0) idle &= ~bit(device);
  if (options.critical) critical.starts(op, device, last_op[device], now);
  last_op[device] = op;
  stream_op[stream] = op;
  start_ps[op] = now;
  const int64_t end = now + duration_ps[op];
  op_ends.set(stream, end);
  if (prospect != nullptr) prospect->start(op, device, duration_ps[op], end);
  if (rules.blocks_receivers()) {
    const int64_t rested = duration_ps[op] > 0 ? end + rules.op_gap_ps : end;
    if (options.critical) critical.occupies(network.wires(), device, op, rested);
    network.wires().occupy(device, rested);
  }
  if (options.timeline) outcome.stream[op] = stream - first_stream[device];
  if (options.memory) take_outputs(op);
}

void Simulator::State::finish(OpId op) {
  const DeviceId device = ops[op].device;
  ++ended_ops;
  outcome.makespan_ps = now;
  for (const TensorId tensor : graph.outputs[op]) publish(tensor, device, op);
  if (!options.memory) return;
  if (const int64_t bytes = costs.workspace_bytes[op]; bytes > 0)
    ledger.give_back(device, ledger.block(bytes, device), start_ps[op], now);
  for (const TensorId tensor : graph.inputs[op]) input_used(op, tensor);
}

/// Rule 3: `tensor` is there now; tells its consumers at home and sends it to the other devices.
void Simulator::State::publish(TensorId tensor, DeviceId home, OpId producer) {
  uint64_t read_at = 0;
  uint32_t local = 0;
  for (const OpId consumer : graph.consumers[tensor]) {
    OpState& state = ops[consumer];
    const bool here = state.device == home;
    read_at |= bit(state.device);
    local += here;
    state.pending -= here;
    if (here & (state.pending == 0)) make_ready(consumer, home, producer);
  }
  const bool output = graph.is_output[tensor], stays = output && cluster.io_device.value_or(home) == home;
  uint64_t targets = (output && cluster.io_device ? read_at | bit(*cluster.io_device) : read_at) & ~bit(home);
  TensorState& state = tensors[tensor];
  state.home = home;
  state.first_copy = network.size();
  if (rules.send == Send::once && targets != 0) {
    send_once(tensor, targets, read_at);
  } else {
    for (; targets != 0; targets &= targets - 1) send(tensor, lowest(targets), (read_at & bit(lowest(targets))) != 0);
  }
  if (options.memory) hold(tensor, local + stays + network.size() - state.first_copy);
}

/// A graph input without io device: each device that reads it has its own from the start.
void Simulator::State::present_everywhere(TensorId tensor) {
  std::array<uint32_t, kMaxDevices> read{};
  uint64_t at = 0;
  for (const OpId consumer : graph.consumers[tensor]) {
    ++read[ops[consumer].device];
    at |= bit(ops[consumer].device);
  }
  tensors[tensor] = {.home = kEverywhere, .first_copy = network.size(), .block = tensor};
  for (; at != 0; at &= at - 1) {
    network.add({.tensor = tensor, .to = lowest(at), .readers = read[lowest(at)]});
    ledger.take(lowest(at), ledger.block(costs.tensor_bytes[tensor], lowest(at)));
  }
}

void Simulator::State::send(TensorId tensor, DeviceId to, bool read_there) {
  const TensorState& state = tensors[tensor];
  const int64_t bytes = costs.tensor_bytes[tensor];
  if (options.critical)
    critical.asks(network.wires(), graph.producer[tensor], state.home, bit(to), network.size(), now);
  const bool starts = network.send(tensor, state.home, to, bytes, now);
  count_transfer(tensor, read_there);
  if (options.memory && starts) ledger.take(to, ledger.block(bytes, to));
  if (rules.blocks_receivers()) block_ends(state.home, to);
}

void Simulator::State::send_once(TensorId tensor, uint64_t targets, uint64_t read_at) {
  const TensorState& state = tensors[tensor];
  if (options.critical)
    critical.asks(network.wires(), graph.producer[tensor], state.home, targets, network.size(), now);
  const bool starts = network.send_once(tensor, state.home, targets, costs.tensor_bytes[tensor], now);
  for (; targets != 0; targets &= targets - 1) {
    const DeviceId to = lowest(targets);
    count_transfer(tensor, (read_at & bit(to)) != 0);
    if (options.memory && starts) ledger.take(to, ledger.block(costs.tensor_bytes[tensor], to));
    if (rules.blocks_receivers()) block_ends(state.home, to);
  }
}

void Simulator::State::count_transfer(TensorId tensor, bool read_there) {
  ++(read_there && tensor >= num_inputs ? outcome.crossings : outcome.io_transfers);
  outcome.bytes_moved += costs.tensor_bytes[tensor];
}

void Simulator::State::handle(Network::Event event) {
  if (event.ends != kNone) {
    outcome.makespan_ps = now;
    arrive(event.ends);
    for (uint32_t copy = event.ends; rules.send == Send::once && has_twin(copy); ++copy) arrive(copy + 1);
  }
  if (event.starts == kNone) return;
  receive(event.starts);
  for (uint32_t copy = event.starts; rules.send == Send::once && has_twin(copy); ++copy) receive(copy + 1);
}

/// Whether the next copy comes by the same transfer.
bool Simulator::State::has_twin(uint32_t copy) const {
  return copy + 1 < network.size() && network[copy + 1].tensor == network[copy].tensor;
}

void Simulator::State::receive(uint32_t index) {
  const Copy& copy = network[index];
  ledger.take(copy.to, ledger.block(costs.tensor_bytes[copy.tensor], copy.to));
}

/// A copy is there now: tells its consumers.
void Simulator::State::arrive(uint32_t index) {
  Copy& copy = network[index];
  for (const OpId consumer : graph.consumers[copy.tensor]) {
    OpState& state = ops[consumer];
    const bool here = state.device == copy.to;
    copy.readers += here;
    state.pending -= here;
    if (here & (state.pending == 0)) make_ready(consumer, copy.to, graph.num_ops() + index);
  }
  if (!options.memory) return;
  copy.readers += graph.is_output[copy.tensor] && cluster.io_device == copy.to;
  release(copy.tensor);
}

/// `node` brought the last tensor: an op, or num_ops + a copy.
void Simulator::State::make_ready(OpId op, DeviceId device, uint32_t node) {
  queues.push(op, device, now);
  if (options.critical) critical.ready(op, node, now);
}

/// A transfer that was just asked for holds the compute of its ends, or of the receiving one.
void Simulator::State::block_ends(DeviceId from, DeviceId to) {
  if (!network.wires().has_links(from, to)) return;
  for (const DeviceId device : {from, to}) {
    if (device == from && !rules.blocks_senders()) continue;
    const int64_t until = network.wires().free_at(network.wires().compute(device));
    if (until == now) continue;
    blocked |= bit(device);
    unblocked.set(device, until);
  }
}

void Simulator::State::unblock_devices() {
  while (unblocked.earliest() == now) {
    const auto device = static_cast<DeviceId>(unblocked.first());
    unblocked.set(device, Timers::kNever);
    blocked &= ~bit(device);
    if (options.critical) critical.unblocked(network.wires(), device, now);
  }
}

Simulator::Simulator(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster) {
  if (cluster.simulation.semantics == cluster::Semantics::ort)
    sequential_ = std::make_unique<Sequential>(graph, costs, cluster, cluster.simulation.blocks_receivers());
  else
    state_ = std::make_unique<State>(graph, costs, cluster);
}
Simulator::~Simulator() = default;
Simulator::Simulator(Simulator&&) noexcept = default;

const Outcome& Simulator::run(std::span<const DeviceId> placement, const Options& options) {
  return sequential_ ? sequential_->run(placement, options) : state_->run(placement, options);
}

}  // namespace allot::sim
