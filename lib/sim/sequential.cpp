// SPDX-License-Identifier: Apache-2.0
#include "sim/sequential.h"

#include <algorithm>

#include "base/error.h"
#include "sim/sequential_state.h"

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::TensorId;

namespace {

[[noreturn]] void no_route(const cluster::Cluster& cluster, DeviceId from, DeviceId to) {
  throw base::Error(base::ErrorKind::unavailable, cluster.path,
                    fmt::format("no route from device '{}' to '{}', but the placement sends a tensor that way",
                                cluster.devices[from].name, cluster.devices[to].name),
                    "add a path between them or a default link to the cluster");
}

}  // namespace

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
Sequential::State::NodeRef Sequential::State::blocker(DeviceId queue) const {
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

Sequential::Sequential(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                       bool blocking_uploads)
    : state_(std::make_unique<State>(graph, costs, cluster, blocking_uploads)) {}
Sequential::~Sequential() = default;
Sequential::Sequential(Sequential&&) noexcept = default;

const Outcome& Sequential::run(std::span<const DeviceId> placement, const Options& options) {
  return state_->run(placement, options);
}

}  // namespace allot::sim
