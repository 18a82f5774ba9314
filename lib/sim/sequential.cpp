// SPDX-License-Identifier: Apache-2.0
#include "sim/sequential.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "sim/ledger.h"
#include "sim/limits.h"

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::ParamId;
using graph::TensorId;

namespace {

uint64_t bit(DeviceId device) { return uint64_t{1} << device; }
DeviceId lowest(uint64_t set) { return static_cast<DeviceId>(std::countr_zero(set)); }

constexpr DeviceId kEverywhere = kMaxDevices;  // home of graph inputs when there is no io device

[[noreturn]] void no_route(const cluster::Cluster& cluster, DeviceId from, DeviceId to) {
  throw base::Error(base::ErrorKind::unavailable, cluster.path,
                    fmt::format("no route from device '{}' to '{}', but the placement sends a tensor that way",
                                cluster.devices[from].name, cluster.devices[to].name),
                    "add a path between them or a default link to the cluster");
}

/// A node as what another one waited for.
struct NodeRef {
  uint32_t id = kNone;
  bool copy = false;
};

/// A tensor where it was made.
struct Home {
  DeviceId device;
  uint32_t readers;     // ops and copies that have not run, and the end of the run for an output
  uint32_t first_copy;  // one a device, following one another
};

/// A tensor on another device.
struct Copy {
  TensorId tensor;
  DeviceId from, to;
  uint32_t readers = 0;  // as Home's
  bool io = false;
  bool visited = false;
  int64_t start_ps = 0, end_ps = 0;
  NodeRef before = {};
};

/// A node that the search of rule 3 has to look at, or to run.
struct Visit {
  uint32_t id;
  bool copy, runs;
};

}  // namespace

struct Sequential::State {
  State(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster, bool blocking);

  const Outcome& run(std::span<const DeviceId> placement, const Options& options);

  void clear();
  void hold_what_stays();
  void find_homes();
  void plan_copies(TensorId tensor);
  void count_readers(TensorId tensor, uint64_t elsewhere);
  void offer_inputs();
  void walk();
  void visit_op(OpId op);
  void visit_copy(uint32_t index);
  void run_op(OpId op);
  void bring(uint32_t index);
  void run_copy(uint32_t index);
  void start_copy(Copy& copy, int64_t duration_ps);
  NodeRef blocker(DeviceId queue) const;
  void take_outputs();
  void settle(int64_t now, uint32_t op);
  void release(TensorId tensor, DeviceId device);
  void report();
  void report_timeline();
  void report_critical();

  uint32_t copy_at(TensorId tensor, DeviceId device) const;
  bool local(TensorId tensor, DeviceId device) const { return homes[tensor].device == device; }
  bool on_host_thread(DeviceId device) const { return (host_thread & bit(device)) != 0; }
  int64_t block(TensorId tensor, DeviceId device) const { return ledger.block(costs.tensor_bytes[tensor], device); }

  const graph::OpGraph& graph;
  const cost::CostTable& costs;
  const cluster::Cluster& cluster;
  const bool blocking_uploads;
  uint64_t host_thread = 0;      // devices of kind cpu
  std::optional<DeviceId> host;  // the first of them
  TensorId num_inputs = 0;       // of the graph: the first tensors
  std::vector<OpId> last_ops;    // without successors

  // -- of a run
  Options options;
  std::span<const DeviceId> placement;
  int64_t host_ps = 0;            // h of rule 1
  std::vector<int64_t> queue_ps;  // g of rule 1, by device
  std::vector<Home> homes;        // by tensor
  std::vector<Copy> copies;
  std::vector<char> visited;  // by op
  std::vector<Visit> stack;
  std::vector<int64_t> start_ps, end_ps;  // by op
  NodeRef last_on_host;                   // that moved h
  std::vector<NodeRef> last_in_queue;     // that moved g, by device
  std::vector<NodeRef> before;            // by op: what it waited for
  std::vector<uint64_t> param_at;         // parameter -> devices that hold it
  Ledger ledger;
  Outcome outcome;
};

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

const Outcome& Sequential::State::run(std::span<const DeviceId> device_of_op, const Options& run_options) {
  ALLOT_ASSERT(device_of_op.size() == graph.num_ops());
  options = run_options;
  placement = device_of_op;
  clear();
  if (options.memory) hold_what_stays();
  find_homes();
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) plan_copies(tensor);
  offer_inputs();
  walk();
  take_outputs();
  report();
  return outcome;
}

void Sequential::State::clear() {
  host_ps = 0;
  std::fill(queue_ps.begin(), queue_ps.end(), 0);
  last_on_host = {};
  std::fill(last_in_queue.begin(), last_in_queue.end(), NodeRef{});
  std::fill(visited.begin(), visited.end(), 0);
  copies.clear();
  for (auto* by_device : {&outcome.busy_ps, &outcome.peak_bytes, &outcome.param_bytes})
    std::fill(by_device->begin(), by_device->end(), 0);
  outcome.crossings = outcome.io_transfers = 0;
  outcome.bytes_moved = outcome.overflow_bytes = 0;
  outcome.out_of_memory.clear();
  outcome.start_ps.clear();
  outcome.end_ps.clear();
  outcome.transfers.clear();
  outcome.stream.clear();
  outcome.critical.clear();
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

/// Rule 6, first half.
void Sequential::State::offer_inputs() {
  const auto end = num_inputs < homes.size() ? homes[num_inputs].first_copy : static_cast<uint32_t>(copies.size());
  if (options.memory) {
    for (TensorId tensor = 0; tensor < num_inputs; ++tensor)
      if (const DeviceId home = homes[tensor].device; home != kEverywhere) ledger.take(home, block(tensor, home));
    for (uint32_t index = 0; index < end; ++index)
      if (const Copy& copy = copies[index]; copy.visited) ledger.take(copy.to, block(copy.tensor, copy.to));
    settle(0, kNone);
    for (TensorId tensor = 0; tensor < num_inputs; ++tensor)
      if (const Home& home = homes[tensor]; home.device != kEverywhere && home.readers == 0)
        ledger.give_back(home.device, block(tensor, home.device), -1, 0);
  }
  for (uint32_t index = 0; index < end; ++index) bring(index);
}

/// Rule 3.
void Sequential::State::walk() {
  for (const OpId op : last_ops) stack.push_back({op, false, false});
  while (!stack.empty()) {
    const Visit visit = stack.back();
    stack.pop_back();
    if (visit.runs)
      visit.copy ? run_copy(visit.id) : run_op(visit.id);
    else
      visit.copy ? visit_copy(visit.id) : visit_op(visit.id);
  }
}

void Sequential::State::visit_op(OpId op) {
  if (visited[op]) return;
  visited[op] = 1;
  stack.push_back({op, false, true});
  const DeviceId device = placement[op];
  const auto inputs = graph.inputs[op];
  bool all_local = true;
  for (const TensorId tensor : inputs) {
    if (tensor < num_inputs) continue;
    if (!local(tensor, device))
      all_local = false;
    else if (!visited[graph.producer[tensor]])
      stack.push_back({graph.producer[tensor], false, false});
  }
  if (all_local) return;
  for (const TensorId tensor : inputs)
    if (tensor >= num_inputs && !local(tensor, device)) stack.push_back({copy_at(tensor, device), true, false});
}

void Sequential::State::visit_copy(uint32_t index) {
  Copy& copy = copies[index];
  if (copy.visited) return;
  copy.visited = true;
  stack.push_back({index, true, true});
  if (local(copy.tensor, copy.from))
    stack.push_back({graph.producer[copy.tensor], false, false});
  else
    stack.push_back({copy_at(copy.tensor, copy.from), true, false});
}

/// Rule 4.
void Sequential::State::run_op(OpId op) {
  const DeviceId device = placement[op];
  const int64_t duration_ps = costs.time(op, device);
  const bool here = on_host_thread(device);
  if (!here) host_ps += std::min(cluster.devices[device].overhead_ps, duration_ps);
  start_ps[op] = here ? host_ps : std::max(host_ps, queue_ps[device]);
  end_ps[op] = start_ps[op] + duration_ps;
  before[op] = here ? last_on_host : blocker(device);
  (here ? host_ps : queue_ps[device]) = end_ps[op];
  (here ? last_on_host : last_in_queue[device]) = {op, false};
  outcome.busy_ps[device] += duration_ps;
  if (!options.memory) return;
  const int64_t workspace = ledger.block(costs.workspace_bytes[op], device);
  int64_t bytes = workspace;
  for (const TensorId tensor : graph.outputs[op]) bytes += block(tensor, device);
  ledger.take(device, bytes);
  settle(start_ps[op], op);
  ledger.give_back(device, workspace, -1, 0);
  for (const TensorId tensor : graph.outputs[op])
    if (homes[tensor].readers == 0) ledger.give_back(device, block(tensor, device), -1, 0);
  for (const TensorId tensor : graph.inputs[op]) release(tensor, device);
}

/// Runs a copy, and before it the one it reads, if they have not run.
void Sequential::State::bring(uint32_t index) {
  Copy& copy = copies[index];
  if (copy.visited) return;
  copy.visited = true;
  if (!local(copy.tensor, copy.from)) bring(copy_at(copy.tensor, copy.from));
  run_copy(index);
}

void Sequential::State::run_copy(uint32_t index) {
  Copy& copy = copies[index];
  const int64_t bytes = costs.tensor_bytes[copy.tensor];
  if (!cluster.route(copy.from, copy.to).reachable) no_route(cluster, copy.from, copy.to);
  const int64_t duration_ps = cluster.transfer_ps(copy.from, copy.to, bytes);
  start_copy(copy, duration_ps);
  ++(copy.io ? outcome.io_transfers : outcome.crossings);
  outcome.bytes_moved += bytes;
  if (!options.memory) return;
  ledger.take(copy.to, block(copy.tensor, copy.to));
  settle(copy.start_ps, kNone);
  release(copy.tensor, copy.from);
}

/// Rule 5.
void Sequential::State::start_copy(Copy& copy, int64_t duration_ps) {
  const NodeRef self{static_cast<uint32_t>(&copy - copies.data()), true};
  const bool queued = !on_host_thread(copy.from);
  const bool waits_its_turn = !queued && !on_host_thread(copy.to) && !blocking_uploads;
  const DeviceId queue = queued ? copy.from : copy.to;
  const bool in_queue = queued || waits_its_turn;
  copy.start_ps = in_queue ? std::max(host_ps, queue_ps[queue]) : host_ps;
  copy.end_ps = copy.start_ps + duration_ps;
  copy.before = in_queue ? blocker(queue) : last_on_host;
  if (!waits_its_turn) host_ps = copy.end_ps, last_on_host = self;
  if (in_queue) queue_ps[queue] = copy.end_ps, last_in_queue[queue] = self;
}

/// What a node of a queue waits for: the node before it there, or what the host did last.
NodeRef Sequential::State::blocker(DeviceId queue) const {
  return queue_ps[queue] > host_ps ? last_in_queue[queue] : last_on_host;
}

/// Rule 6, second half.
void Sequential::State::take_outputs() {
  if (!cluster.io_device) return;
  for (TensorId tensor = num_inputs; tensor < graph.num_tensors(); ++tensor)
    if (graph.is_output[tensor] && !local(tensor, *cluster.io_device)) bring(copy_at(tensor, *cluster.io_device));
}

uint32_t Sequential::State::copy_at(TensorId tensor, DeviceId device) const {
  uint32_t index = homes[tensor].first_copy;
  while (copies[index].to != device) ++index;
  return index;
}

void Sequential::State::settle(int64_t now, uint32_t op) {
  ledger.settle(now, [&](DeviceId) { return op; });
}

/// Rule 7: one reader less on `device`.
void Sequential::State::release(TensorId tensor, DeviceId device) {
  uint32_t& readers = local(tensor, device) ? homes[tensor].readers : copies[copy_at(tensor, device)].readers;
  if (--readers == 0) ledger.give_back(device, block(tensor, device), -1, 0);
}

/// Rule 8.
void Sequential::State::report() {
  outcome.makespan_ps = std::max(host_ps, *std::max_element(queue_ps.begin(), queue_ps.end()));
  if (options.memory) ledger.report(outcome);
  if (options.timeline) report_timeline();
  if (options.critical) report_critical();
}

void Sequential::State::report_timeline() {
  outcome.start_ps = start_ps;
  outcome.end_ps = end_ps;
  outcome.stream.assign(graph.num_ops(), 0);
  for (const Copy& copy : copies)
    if (copy.from != copy.to)
      outcome.transfers.push_back({copy.tensor, copy.from, copy.to, copy.start_ps, copy.end_ps, copy.io});
  const auto key = [](const Transfer& t) { return std::tuple(t.start_ps, t.tensor, t.to); };
  std::sort(outcome.transfers.begin(), outcome.transfers.end(),
            [&](const Transfer& a, const Transfer& b) { return key(a) < key(b); });
}

/// From what ends the run back to its beginning. Launches fill the gaps in front of ops in queues.
void Sequential::State::report_critical() {
  const auto last = std::max_element(queue_ps.begin(), queue_ps.end());
  NodeRef node = *last > host_ps ? last_in_queue[static_cast<size_t>(last - queue_ps.begin())] : last_on_host;
  auto& chain = outcome.critical;
  while (node.id != kNone) {
    CriticalStep step;
    const NodeRef earlier = node.copy ? copies[node.id].before : before[node.id];
    step.wait = earlier.id == kNone ? CriticalStep::Wait::none : CriticalStep::Wait::device;
    if (node.copy) {
      const Copy& copy = copies[node.id];
      step.tensor = copy.tensor, step.device = copy.from, step.to = copy.to;
      step.start_ps = copy.start_ps, step.end_ps = copy.end_ps;
    } else {
      step.op = node.id, step.device = step.to = placement[node.id];
      step.start_ps = start_ps[node.id], step.end_ps = end_ps[node.id];
    }
    chain.push_back(step);
    node = earlier;
  }
  std::reverse(chain.begin(), chain.end());
}

Sequential::Sequential(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                       bool blocking_uploads)
    : state_(std::make_unique<State>(graph, costs, cluster, blocking_uploads)) {}
Sequential::~Sequential() = default;
Sequential::Sequential(Sequential&&) noexcept = default;

const Outcome& Sequential::run(std::span<const DeviceId> placement, const Options& options) {
  return state_->run(placement, options);
}

}  // namespace allot::sim
