// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "place/memory_estimate.h"
#include "place/methods.h"
#include "sim/ledger.h"
#include "sim/wires.h"

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

template <typename T>
using MinHeap = std::priority_queue<T, std::vector<T>, std::greater<>>;

/// The ready ops that one device could run next.
struct Candidates {
  MinHeap<std::pair<int64_t, OpId>> waiting;    // by when their tensors arrive, which is after free_ps
  MinHeap<std::pair<int64_t, OpId>> available;  // by handicap
  int64_t free_ps = 0;
};

struct Choice {
  int64_t time_ps = std::numeric_limits<int64_t>::max();  // of the start, plus the handicap
  OpId op = kNone;
  DeviceId device = 0;
  bool waits = false;
  friend auto operator<=>(const Choice&, const Choice&) = default;
};

/// List scheduling: of all ready ops and devices take the pair that can start first. A device that runs an op slower
/// than the fastest one is handicapped by the difference; among equal devices, as in the paper, there is none.
class Schedule {
 public:
  explicit Schedule(const Problem& problem);
  UnitPlacement run();

 private:
  static constexpr uint8_t kMostDelays = 8;  // bounds the work where many ops wait for one channel

  /// A tensor brought to another device.
  struct Arrival {
    int64_t time_ps;
    DeviceId device;
    uint32_t next;  // of the same tensor, or kNone
  };

  void offer(OpId op);
  bool step();
  Choice first_on(DeviceId device);
  bool is_open(OpId op, DeviceId device) const;
  void schedule(OpId op, DeviceId device);
  DeviceId roomiest(UnitId unit) const;
  int64_t handicap_ps(OpId op, DeviceId device) const;
  int64_t ready_ps(OpId op, DeviceId device) const;
  int64_t arrival_ps(TensorId tensor, DeviceId device) const;
  int64_t bring(TensorId tensor, DeviceId device);
  void free(TensorId tensor);
  DeviceId home(TensorId tensor, DeviceId reader) const;
  int64_t made_ps(TensorId tensor) const;
  int64_t block_bytes(TensorId tensor, DeviceId device) const;

  const Problem& problem_;
  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  UnitPlacement placement_;
  std::vector<int64_t> fastest_ps_;     // by unit
  std::vector<int64_t> end_ps_;         // by op; -1 = not scheduled
  std::vector<uint32_t> pending_;       // op -> predecessors that are not scheduled
  std::vector<uint32_t> open_devices_;  // op -> devices that were not ruled out
  std::vector<uint8_t> delays_;         // op -> how often it turned out later than it looked
  std::vector<uint32_t> unread_;        // tensor -> consumers that are not scheduled
  std::vector<uint32_t> copies_;        // tensor -> its last arrival
  std::vector<Arrival> arrivals_;
  std::vector<Candidates> devices_;
  std::vector<int64_t> live_bytes_;  // by device: tensors
  MemoryEstimate memory_;
  sim::Wires wires_;
};

Schedule::Schedule(const Problem& problem)
    : problem_(problem),
      graph_(problem.graph()),
      costs_(problem.costs()),
      placement_(graph_.num_units(), kNone),
      end_ps_(graph_.num_ops(), -1),
      open_devices_(graph_.num_ops(), 0),
      delays_(graph_.num_ops(), 0),
      copies_(graph_.num_tensors(), kNone),
      devices_(problem.devices()),
      live_bytes_(problem.devices(), 0),
      memory_(problem),
      wires_(problem.cluster()) {
  for (UnitId unit = 0; unit < graph_.num_units(); ++unit)
    fastest_ps_.push_back(problem.unit_time_ps(unit, problem.fastest(unit)));
  for (OpId op = 0; op < graph_.num_ops(); ++op)
    pending_.push_back(static_cast<uint32_t>(graph_.predecessors[op].size()));
  for (TensorId tensor = 0; tensor < graph_.num_tensors(); ++tensor)
    unread_.push_back(static_cast<uint32_t>(graph_.consumers[tensor].size()));
}

UnitPlacement Schedule::run() {
  for (OpId op = 0; op < graph_.num_ops(); ++op)
    if (pending_[op] == 0) offer(op);
  for (uint32_t left = graph_.num_ops(); left > 0;) left -= step();
  return std::move(placement_);
}

void Schedule::offer(OpId op) {
  const DeviceId& fixed = placement_[graph_.unit_of[op]];
  const auto devices = fixed == kNone ? problem_.choices(graph_.unit_of[op]) : std::span(&fixed, 1);
  open_devices_[op] = static_cast<uint32_t>(devices.size());
  for (const DeviceId device : devices) devices_[device].waiting.emplace(ready_ps(op, device), op);
}

/// Takes the best pair, and schedules it unless it is later than it looked or its unit does not fit there.
bool Schedule::step() {
  Choice best;
  for (DeviceId device = 0; device < devices_.size(); ++device) best = std::min(best, first_on(device));
  ALLOT_ASSERT(best.op != kNone);
  Candidates& candidates = devices_[best.device];
  (best.waits ? candidates.waiting : candidates.available).pop();
  const int64_t ready = ready_ps(best.op, best.device);
  const int64_t time = std::max(ready, candidates.free_ps) + handicap_ps(best.op, best.device);
  if (time > best.time_ps && delays_[best.op] < kMostDelays) {  // the channels it needs have been taken since
    ++delays_[best.op];
    candidates.waiting.emplace(ready, best.op);
    return false;
  }
  const UnitId unit = graph_.unit_of[best.op];
  if (placement_[unit] == kNone && !memory_.fits(unit, best.device, live_bytes_[best.device])) {
    if (--open_devices_[best.op] > 0) return false;
    best.device = roomiest(unit);
  }
  schedule(best.op, best.device);
  return true;
}

Choice Schedule::first_on(DeviceId device) {
  auto& [waiting, available, free_ps] = devices_[device];
  for (; !waiting.empty(); waiting.pop()) {
    const auto [ready, op] = waiting.top();
    if (!is_open(op, device)) continue;
    if (ready > free_ps) break;
    available.emplace(handicap_ps(op, device), op);
  }
  while (!available.empty() && !is_open(available.top().second, device)) available.pop();
  Choice first;
  if (!available.empty()) {
    const OpId op = available.top().second;
    first = {free_ps + handicap_ps(op, device), op, device, false};
  }
  if (!waiting.empty()) {
    const auto [ready, op] = waiting.top();
    first = std::min(first, {ready + handicap_ps(op, device), op, device, true});
  }
  return first;
}

bool Schedule::is_open(OpId op, DeviceId device) const {
  const DeviceId fixed = placement_[graph_.unit_of[op]];
  return end_ps_[op] < 0 && (fixed == kNone || fixed == device);
}

void Schedule::schedule(OpId op, DeviceId device) {
  const UnitId unit = graph_.unit_of[op];
  if (placement_[unit] == kNone) {
    placement_[unit] = device;
    memory_.add(unit, device);
    for (const OpId other : graph_.members[unit])  // this device may have been ruled out for some that are ready
      if (other != op && pending_[other] == 0 && end_ps_[other] < 0) offer(other);
  }
  int64_t start = devices_[device].free_ps;
  for (const TensorId tensor : graph_.inputs[op]) start = std::max(start, bring(tensor, device));
  devices_[device].free_ps = end_ps_[op] = start + costs_.time(op, device);
  for (const TensorId tensor : graph_.outputs[op]) live_bytes_[device] += block_bytes(tensor, device);
  for (const TensorId tensor : graph_.inputs[op])
    if (--unread_[tensor] == 0) free(tensor);
  for (const OpId next : graph_.successors[op])
    if (--pending_[next] == 0) offer(next);
}

/// The device on which the unit exceeds the memory least.
DeviceId Schedule::roomiest(UnitId unit) const {
  const auto excess = [&](DeviceId device) { return memory_.excess(unit, device, live_bytes_[device]); };
  const auto choices = problem_.choices(unit);
  return *std::min_element(choices.begin(), choices.end(),
                           [&](DeviceId a, DeviceId b) { return excess(a) < excess(b); });
}

int64_t Schedule::handicap_ps(OpId op, DeviceId device) const {
  const UnitId unit = graph_.unit_of[op];
  return placement_[unit] == kNone ? problem_.unit_time_ps(unit, device) - fastest_ps_[unit] : 0;
}

int64_t Schedule::ready_ps(OpId op, DeviceId device) const {
  int64_t ready = 0;
  for (const TensorId tensor : graph_.inputs[op]) ready = std::max(ready, arrival_ps(tensor, device));
  return ready;
}

/// When `tensor` is, or would be, on `device`.
int64_t Schedule::arrival_ps(TensorId tensor, DeviceId device) const {
  if (home(tensor, device) == device) return made_ps(tensor);
  for (uint32_t i = copies_[tensor]; i != kNone; i = arrivals_[i].next)
    if (arrivals_[i].device == device) return arrivals_[i].time_ps;
  return wires_.preview(home(tensor, device), device, costs_.tensor_bytes[tensor], made_ps(tensor)).end_ps;
}

/// The same, and sends it if it has not been sent.
int64_t Schedule::bring(TensorId tensor, DeviceId device) {
  const DeviceId from = home(tensor, device);
  if (from == device) return made_ps(tensor);
  for (uint32_t i = copies_[tensor]; i != kNone; i = arrivals_[i].next)
    if (arrivals_[i].device == device) return arrivals_[i].time_ps;
  const int64_t end = wires_.reserve(from, device, costs_.tensor_bytes[tensor], made_ps(tensor)).end_ps;
  arrivals_.push_back({end, device, copies_[tensor]});
  copies_[tensor] = static_cast<uint32_t>(arrivals_.size() - 1);
  live_bytes_[device] += block_bytes(tensor, device);
  return end;
}

/// Nobody will read `tensor` any more.
void Schedule::free(TensorId tensor) {
  for (uint32_t i = copies_[tensor]; i != kNone; i = arrivals_[i].next)
    live_bytes_[arrivals_[i].device] -= block_bytes(tensor, arrivals_[i].device);
  const OpId producer = graph_.producer[tensor];
  if (producer == kNone || graph_.is_output[tensor]) return;
  const DeviceId device = placement_[graph_.unit_of[producer]];
  live_bytes_[device] -= block_bytes(tensor, device);
}

/// Where a tensor is made; graph inputs are at the io device, or with whoever reads them.
DeviceId Schedule::home(TensorId tensor, DeviceId reader) const {
  const OpId producer = graph_.producer[tensor];
  if (producer == kNone) return problem_.cluster().io_device.value_or(reader);
  return placement_[graph_.unit_of[producer]];
}

int64_t Schedule::made_ps(TensorId tensor) const {
  const OpId producer = graph_.producer[tensor];
  return producer == kNone ? 0 : end_ps_[producer];
}

int64_t Schedule::block_bytes(TensorId tensor, DeviceId device) const {
  return sim::block_bytes(costs_.tensor_bytes[tensor], problem_.cluster().devices[device].align_bytes);
}

}  // namespace

UnitPlacement place_m_etf(const Problem& problem, const Budget&) { return Schedule(problem).run(); }

}  // namespace allot::place
