// SPDX-License-Identifier: Apache-2.0
#include "sim/simulator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "sim/ledger.h"
#include "sim/ready_queue.h"
#include "sim/timers.h"
#include "sim/wires.h"

namespace allot::sim {
namespace {

using graph::kNone;
using graph::OpId;
using graph::ParamId;
using graph::TensorId;

constexpr uint32_t kMaxDevices = 64;  // a set of devices is one word
constexpr DeviceId kEverywhere = kMaxDevices;

uint64_t bit(DeviceId device) { return uint64_t{1} << device; }

/// A tensor on a device that did not make it, or on its way there.
struct Copy {
  int64_t start_ps, end_ps;
  TensorId tensor;
  uint32_t readers = 0;   // consumers there that have not ended, and the end of the run for an output
  uint32_t next = kNone;  // behind it in its lane
  DeviceId to;
};

struct Lane {
  uint32_t head = kNone, tail = kNone;  // copies on the way, in order of their ends
  bool started = false;                 // the head has its memory; followed only while memory is tracked
};

struct OpState {
  uint32_t pending;  // tensors that are not present yet
  DeviceId device;
};

struct TensorState {
  uint64_t sent = 0;        // devices with a copy
  uint32_t first_copy = 0;  // the copies follow one another, by device
  uint32_t readers = 0;     // at home: consumers and transfers that have not ended, and the end of the run
  DeviceId home = kEverywhere;
};

uint32_t most_copies(const graph::OpGraph& graph, TensorId tensor, uint32_t devices) {
  return std::min<uint32_t>(devices, graph.consumers[tensor].size() + (graph.is_output[tensor] ? 1 : 0));
}

/// Throws if a run could outgrow the 64-bit clock or the byte counts.
void require_representable(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster) {
  double time_ps = 0, bytes = 0, latency_ps = 0, ps_per_byte = 0;
  for (size_t pair = 0; pair < cluster.routes.size(); ++pair) {
    const cluster::Route& route = cluster.routes[pair];
    if (pair % (cluster.size() + 1) == 0) continue;  // from a device to itself
    latency_ps = std::max(latency_ps, static_cast<double>(route.latency_ps));
    if (!route.channels.empty()) ps_per_byte = std::max(ps_per_byte, 1e12 / route.bandwidth_bytes_per_s);
  }
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const double copies = most_copies(graph, tensor, cluster.size()),
                 size = static_cast<double>(costs.tensor_bytes[tensor]);
    bytes += (copies + 1) * size;
    time_ps += copies * (latency_ps + size * ps_per_byte);
  }
  for (const int64_t time : costs.time_ps)
    if (time != cost::kCannotRun) time_ps += static_cast<double>(time);
  for (const int64_t size : graph.param_bytes) bytes += cluster.size() * static_cast<double>(size);
  for (const int64_t size : costs.workspace_bytes) bytes += static_cast<double>(size);
  for (const int64_t size : costs.resident_bytes) bytes += static_cast<double>(size);
  constexpr double kMost = 4.6e18;
  if (time_ps < kMost && bytes < kMost) return;
  throw base::Error(base::ErrorKind::malformed, cluster.path,
                    "the times or sizes of this graph on this cluster are too large to simulate",
                    "check the model's dimensions and the units of times, latencies and bandwidths");
}

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
  void send(TensorId tensor, DeviceId from, DeviceId to);
  void set_lane_timer(uint32_t lane);
  void lane_event(uint32_t lane);
  void end_loose_copy();
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

  // -- of a run
  Options options;
  int64_t now = 0;
  uint32_t ended_ops = 0;
  std::vector<OpState> ops;
  std::vector<TensorState> tensors;
  std::vector<int64_t> duration_ps, start_ps;  // by op
  std::vector<Copy> copies;
  uint32_t first_transfer = 0;  // copies before it are graph inputs that are present everywhere
  std::vector<Lane> lanes;
  std::vector<std::pair<int64_t, uint32_t>> loose;  // a heap: (end, copy) of those that share no channel
  std::vector<ReadyQueue> queues;
  std::vector<OpId> queue_slots;
  std::vector<OpId> last_op;  // by device: runs, or ran last
  std::vector<OpId> due;
  uint64_t idle = 0, waiting = 0;  // devices that run nothing; devices with ready ops
  std::vector<uint64_t> param_at;  // devices that hold a parameter
  Timers timers;                   // op ends by device, then lanes, then the loose copies
  Wires wires;
  Ledger ledger;
  Outcome outcome;
};

Simulator::State::State(const graph::OpGraph& g, const cost::CostTable& t, const cluster::Cluster& c)
    : graph(g), costs(t), cluster(c), devices(c.size()), timers(c.size() + c.num_channels + 1), wires(c), ledger(c) {
  ALLOT_ASSERT(devices > 0 && devices <= kMaxDevices && costs.devices == devices);
  ALLOT_ASSERT(costs.time_ps.size() == size_t{graph.num_ops()} * devices);
  ALLOT_ASSERT(costs.tensor_bytes.size() == graph.num_tensors());
  require_representable(graph, costs, cluster);
  ops.resize(graph.num_ops());
  tensors.resize(graph.num_tensors());
  duration_ps.resize(graph.num_ops());
  start_ps.resize(graph.num_ops());
  size_t copies_at_most = 0;
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor)
    copies_at_most += most_copies(graph, tensor, devices);
  copies.reserve(copies_at_most);
  loose.reserve(copies_at_most);
  lanes.resize(wires.lanes());
  queues.resize(devices);
  queue_slots.resize(graph.num_ops());
  last_op.resize(devices);
  due.reserve(devices);
  param_at.resize(graph.num_params());
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
    const int64_t next = timers.earliest();
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
  copies.clear();
  first_transfer = 0;
  loose.clear();
  std::fill(lanes.begin(), lanes.end(), Lane{});
  std::fill(last_op.begin(), last_op.end(), kNone);
  timers.clear();
  wires.clear();
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
  const bool inputs_travel = cluster.io_device.has_value();
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const DeviceId device = placement[op];
    ALLOT_ASSERT(device < devices);
    duration_ps[op] = costs.time(op, device);
    ALLOT_ASSERT(duration_ps[op] != cost::kCannotRun);
    outcome.busy_ps[device] += duration_ps[op];
    ++count[device];
    ops[op] = {.pending = static_cast<uint32_t>(graph.inputs[op].size()), .device = device};
    if (inputs_travel) continue;
    for (const TensorId tensor : graph.inputs[op]) ops[op].pending -= graph.producer[tensor] == kNone;
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

/// Graph inputs are numbered first.
void Simulator::State::offer_inputs() {
  for (TensorId tensor = 0; tensor < graph.num_tensors() && graph.producer[tensor] == kNone; ++tensor) {
    if (!cluster.io_device) {
      if (options.memory) present_everywhere(tensor);
      continue;
    }
    if (options.memory) ledger.take(*cluster.io_device, ledger.block(costs.tensor_bytes[tensor], *cluster.io_device));
    publish(tensor, *cluster.io_device);
  }
  if (!cluster.io_device) first_transfer = static_cast<uint32_t>(copies.size());
}

void Simulator::State::end_what_is_due() {
  while (timers.earliest() == now) {
    due.clear();
    while (timers.earliest() == now) {
      const size_t timer = timers.first();
      if (timer < devices) {
        due.push_back(last_op[timer]);
        timers.set(timer, Timers::kNever);
        idle |= bit(static_cast<DeviceId>(timer));
      } else if (timer < devices + lanes.size()) {
        lane_event(static_cast<uint32_t>(timer - devices));
      } else {
        end_loose_copy();
      }
    }
    if (due.size() > 1) std::sort(due.begin(), due.end());
    for (const OpId op : due) finish(op);
  }
}

void Simulator::State::start_idle_devices() {
  for (uint64_t starting = idle & waiting; starting != 0; starting &= starting - 1)
    start(static_cast<DeviceId>(std::countr_zero(starting)));
}

void Simulator::State::start(DeviceId device) {
  const OpId op = queues[device].pop();
  if (queues[device].empty()) waiting &= ~bit(device);
  idle &= ~bit(device);
  last_op[device] = op;
  start_ps[op] = now;
  timers.set(device, now + duration_ps[op]);
  if (!options.memory) return;
  int64_t bytes = ledger.block(costs.workspace_bytes[op], device);
  for (const TensorId tensor : graph.outputs[op]) bytes += ledger.block(costs.tensor_bytes[tensor], device);
  ledger.take(device, bytes);
}

void Simulator::State::finish(OpId op) {
  const DeviceId device = ops[op].device;
  ++ended_ops;
  for (const TensorId tensor : graph.outputs[op]) publish(tensor, device);
  if (!options.memory) return;
  ledger.give_back(device, ledger.block(costs.workspace_bytes[op], device), start_ps[op], now);
  for (const TensorId tensor : graph.inputs[op]) input_used(op, tensor);
}

/// `tensor` is there now: tells the consumers at home and sends it to the others.
void Simulator::State::publish(TensorId tensor, DeviceId home) {
  uint64_t readers_at = 0;
  uint32_t local = 0;
  for (const OpId consumer : graph.consumers[tensor]) {
    OpState& state = ops[consumer];
    const bool here = state.device == home;
    readers_at |= bit(state.device);
    local += here;
    state.pending -= here;
    if (here & (state.pending == 0)) make_ready(consumer, home);
  }
  uint64_t targets = readers_at;
  if (graph.is_output[tensor] && cluster.io_device) targets |= bit(*cluster.io_device);
  targets &= ~bit(home);

  const auto transfers = static_cast<uint32_t>(std::popcount(targets));
  const bool stays = graph.is_output[tensor] && cluster.io_device.value_or(home) == home;
  tensors[tensor] = {.sent = targets,
                     .first_copy = static_cast<uint32_t>(copies.size()),
                     .readers = 1 + local + transfers + stays,
                     .home = home};
  if (targets != 0) {
    const bool input = graph.producer[tensor] == kNone;
    const uint32_t crossings = input ? 0 : static_cast<uint32_t>(std::popcount(targets & readers_at));
    outcome.crossings += crossings;
    outcome.io_transfers += transfers - crossings;
    outcome.bytes_moved += transfers * costs.tensor_bytes[tensor];
    for (; targets != 0; targets &= targets - 1) send(tensor, home, static_cast<DeviceId>(std::countr_zero(targets)));
  }
  if (options.memory) release(tensor);
}

/// A graph input without io device: each device that reads it has its own from the start.
void Simulator::State::present_everywhere(TensorId tensor) {
  std::array<uint32_t, kMaxDevices> readers{};
  uint64_t at = 0;
  for (const OpId consumer : graph.consumers[tensor]) {
    const DeviceId device = ops[consumer].device;
    ++readers[device];
    at |= bit(device);
  }
  tensors[tensor] = {.sent = at, .first_copy = static_cast<uint32_t>(copies.size())};
  for (; at != 0; at &= at - 1) {
    const auto device = static_cast<DeviceId>(std::countr_zero(at));
    copies.push_back({.start_ps = 0, .end_ps = 0, .tensor = tensor, .readers = readers[device], .to = device});
    ledger.take(device, ledger.block(costs.tensor_bytes[tensor], device));
  }
}

void Simulator::State::send(TensorId tensor, DeviceId from, DeviceId to) {
  const Interval interval = wires.reserve(from, to, costs.tensor_bytes[tensor], now);
  const auto index = static_cast<uint32_t>(copies.size());
  copies.push_back({.start_ps = interval.start_ps, .end_ps = interval.end_ps, .tensor = tensor, .to = to});
  const uint32_t lane_id = wires.lane(from, to);
  if (lane_id == Wires::kNoLane) {
    if (options.memory) ledger.take(to, ledger.block(costs.tensor_bytes[tensor], to));
    loose.emplace_back(interval.end_ps, index);
    std::push_heap(loose.begin(), loose.end(), std::greater<>());
    timers.set(devices + lanes.size(), loose.front().first);
    return;
  }
  Lane& lane = lanes[lane_id];
  (lane.head == kNone ? lane.head : copies[lane.tail].next) = index;
  lane.tail = index;
  if (lane.head == index) set_lane_timer(lane_id);
}

/// The next thing to happen in a lane is the end of its head or, where memory is tracked, its start.
void Simulator::State::set_lane_timer(uint32_t lane_id) {
  Lane& lane = lanes[lane_id];
  int64_t next = Timers::kNever;
  if (lane.head != kNone) {
    const Copy& copy = copies[lane.head];
    if (options.memory && !lane.started && copy.start_ps == now) {
      lane.started = true;
      ledger.take(copy.to, ledger.block(costs.tensor_bytes[copy.tensor], copy.to));
    }
    next = options.memory && !lane.started ? copy.start_ps : copy.end_ps;
  }
  timers.set(devices + lane_id, next);
}

void Simulator::State::lane_event(uint32_t lane_id) {
  Lane& lane = lanes[lane_id];
  if (lane.started || !options.memory) {
    Copy& copy = copies[lane.head];
    lane.head = copy.next;
    lane.started = false;
    arrive(copy);
  }
  set_lane_timer(lane_id);
}

void Simulator::State::end_loose_copy() {
  const uint32_t copy = loose.front().second;
  std::pop_heap(loose.begin(), loose.end(), std::greater<>());
  loose.pop_back();
  timers.set(devices + lanes.size(), loose.empty() ? Timers::kNever : loose.front().first);
  arrive(copies[copy]);
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
  Copy& copy = copies[state.first_copy + static_cast<uint32_t>(std::popcount(state.sent & (bit(device) - 1)))];
  if (--copy.readers == 0)
    ledger.give_back(device, ledger.block(costs.tensor_bytes[tensor], device), copy.start_ps, now);
}

/// One reason less to keep a tensor where it was made.
void Simulator::State::release(TensorId tensor) {
  TensorState& state = tensors[tensor];
  if (--state.readers > 0) return;
  const OpId producer = graph.producer[tensor];
  const int64_t since = producer == kNone ? 0 : start_ps[producer];
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
  for (size_t i = first_transfer; i < copies.size(); ++i) {
    const Copy& copy = copies[i];
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
  return graph.producer[copy.tensor] == kNone ||
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
