// SPDX-License-Identifier: Apache-2.0
#include "sim/simulator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#include "base/error.h"
#include "sim/ledger.h"
#include "sim/limits.h"
#include "sim/network.h"
#include "sim/ready_queue.h"
#include "sim/timers.h"

namespace allot::sim {
namespace {

using graph::kNone;
using graph::OpId;
using graph::ParamId;
using graph::TensorId;

constexpr DeviceId kEverywhere = kMaxDevices;

uint64_t bit(DeviceId device) { return uint64_t{1} << device; }
DeviceId lowest(uint64_t set) { return static_cast<DeviceId>(std::countr_zero(set)); }

struct OpState {
  uint32_t pending;  // tensors that are not present yet
  DeviceId device;
};

struct TensorState {
  DeviceId home = kEverywhere;
  uint32_t readers = 0;     // at home: consumers and transfers that have not ended, and the end of the run
  uint32_t first_copy = 0;  // one a device, following one another
};

}  // namespace

struct Simulator::State {
  State(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster);

  const Outcome& run(std::span<const DeviceId> placement, const Options& options);

  void clear();
  void place(std::span<const DeviceId> placement);
  void hold_what_stays();
  void offer_inputs();
  void push_sources();
  void end_what_is_due();
  void start_idle_devices();
  void start(DeviceId device);
  void finish(OpId op);
  void publish(TensorId tensor, DeviceId home);
  void present_everywhere(TensorId tensor);
  void send(TensorId tensor, DeviceId to, bool read_there);
  void handle(Network::Event event);
  void arrive(Copy& copy);
  void input_used(OpId op, TensorId tensor);
  void release(TensorId tensor);
  void make_ready(OpId op, DeviceId device);
  void report();
  void report_timeline();
  bool is_io(const Copy& copy) const;

  const graph::OpGraph& graph;
  const cost::CostTable& costs;
  const cluster::Cluster& cluster;
  const uint32_t devices;
  uint32_t num_inputs = 0;      // of the graph: the first tensors
  std::vector<uint32_t> waits;  // op -> tensors that are not simply there from the start

  // -- of a run
  Options options;
  int64_t now = 0;
  uint32_t ended_ops = 0;
  std::vector<OpState> ops;
  std::vector<TensorState> tensors;
  std::vector<int64_t> duration_ps, start_ps;  // by op
  std::vector<uint64_t> param_at;              // parameter -> devices that hold it
  std::vector<OpId> last_op;                   // by device: runs, or ran last
  std::vector<ReadyQueue> queues;              // by device
  std::vector<OpId> queue_slots;               // theirs
  std::vector<OpId> due;                       // ops that end now
  uint64_t idle = 0, waiting = 0;              // devices that run nothing; devices with ready ops
  Timers op_ends;                              // by device
  Network network;
  uint32_t first_transfer = 0;  // copies before it are graph inputs, present from the start
  Ledger ledger;
  Outcome outcome;
};

size_t most_copies(const graph::OpGraph& graph, uint32_t devices) {
  size_t sum = 0;
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) sum += most_copies(graph, tensor, devices);
  return sum;
}

Simulator::State::State(const graph::OpGraph& g, const cost::CostTable& t, const cluster::Cluster& c)
    : graph(g),
      costs(t),
      cluster(c),
      devices(c.size()),
      op_ends(devices),
      network(c, most_copies(g, devices)),
      ledger(c) {
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
  queue_slots.resize(graph.num_ops());
  due.reserve(devices);
  for (auto* by_device : {&outcome.busy_ps, &outcome.peak_bytes, &outcome.param_bytes}) by_device->resize(devices);
  outcome.out_of_memory.reserve(devices);
}

const Outcome& Simulator::State::run(std::span<const DeviceId> placement, const Options& run_options) {
  options = run_options;
  clear();
  place(placement);
  if (options.memory) hold_what_stays();
  push_sources();
  offer_inputs();
  for (;;) {
    end_what_is_due();
    start_idle_devices();
    const int64_t next = std::min(op_ends.earliest(), network.earliest());
    if (next == now) continue;
    if (options.memory) {
      ledger.settle(now, [&](DeviceId device) {
        const OpId op = last_op[device];
        return op != kNone && start_ps[op] + duration_ps[op] >= now ? op : kNone;
      });
    }
    if (next == Timers::kNever) break;
    now = next;
  }
  ALLOT_ASSERT(ended_ops == graph.num_ops());
  report();
  return outcome;
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
  OpId* slots = queue_slots.data();
  for (DeviceId device = 0; device < devices; ++device) {
    queues[device].reset(slots);
    slots += count[device];
  }
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

void Simulator::State::push_sources() {
  for (OpId op = 0; op < graph.num_ops(); ++op)
    if (ops[op].pending == 0) make_ready(op, ops[op].device);
}

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

/// `tensor` is there now: tells the consumers at home and sends it to the others.
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

/// One reason less to keep a tensor where it was made.
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

Simulator::Simulator(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster)
    : state_(std::make_unique<State>(graph, costs, cluster)) {}
Simulator::~Simulator() = default;
Simulator::Simulator(Simulator&&) noexcept = default;

const Outcome& Simulator::run(std::span<const DeviceId> placement, const Options& options) {
  return state_->run(placement, options);
}

}  // namespace allot::sim
