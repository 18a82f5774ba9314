// SPDX-License-Identifier: Apache-2.0
#include "place/earliest_task_first.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "base/error.h"
#include "place/partial_schedule.h"
#include "place/stop.h"

namespace allot::place {
namespace {

using graph::kNone;

template <typename T>
using MinHeap = std::priority_queue<T, std::vector<T>, std::greater<>>;

/// The ready ops that one device could run next.
struct Candidates {
  MinHeap<std::pair<int64_t, OpId>> waiting;    // by when their tensors arrive, which is after the device is free
  MinHeap<std::pair<int64_t, OpId>> available;  // by handicap
};

struct Choice {
  enum From : uint8_t { kAvailable, kWaiting, kFavourite };
  int64_t time_ps = std::numeric_limits<int64_t>::max();  // of the start, plus the handicap
  OpId op = kNone;
  DeviceId device = 0;
  From from = kAvailable;
  friend auto operator<=>(const Choice&, const Choice&) = default;
};

class EarliestTaskFirst {
 public:
  EarliestTaskFirst(const Problem& problem, const std::vector<OpId>& favourite);
  UnitPlacement run(const Budget& budget);

 private:
  static constexpr uint8_t kMostDelays = 8;  // bounds the work where many ops wait for one channel

  void offer(OpId op);
  bool step();
  Choice first_on(DeviceId device);
  Choice keep_for_favourite(DeviceId device, Choice other) const;
  OpId awaited(DeviceId device) const;
  bool is_open(OpId op, DeviceId device) const;
  void add(OpId op, DeviceId device);
  int64_t handicap_ps(OpId op, DeviceId device) const;

  const Problem& problem_;
  const graph::OpGraph& graph_;
  const std::vector<OpId>& favourite_;
  PartialSchedule schedule_;
  std::vector<int64_t> fastest_ps_;     // by unit
  std::vector<uint32_t> pending_;       // op -> predecessors that are not scheduled
  std::vector<uint32_t> open_devices_;  // op -> devices that were not ruled out
  std::vector<uint8_t> delays_;         // op -> how often it turned out later than it looked
  std::vector<Candidates> devices_;
  std::vector<OpId> last_op_;  // by device
};

EarliestTaskFirst::EarliestTaskFirst(const Problem& problem, const std::vector<OpId>& favourite)
    : problem_(problem),
      graph_(problem.graph()),
      favourite_(favourite),
      schedule_(problem),
      open_devices_(graph_.num_ops(), 0),
      delays_(graph_.num_ops(), 0),
      devices_(problem.devices()),
      last_op_(problem.devices(), kNone) {
  for (UnitId unit = 0; unit < graph_.num_units(); ++unit)
    fastest_ps_.push_back(problem.unit_time_ps(unit, problem.fastest(unit)));
  for (OpId op = 0; op < graph_.num_ops(); ++op)
    pending_.push_back(static_cast<uint32_t>(graph_.predecessors[op].size()));
}

UnitPlacement EarliestTaskFirst::run(const Budget& budget) {
  for (OpId op = 0; op < graph_.num_ops(); ++op)
    if (pending_[op] == 0) offer(op);
  for (uint32_t left = graph_.num_ops(); left > 0; left -= step()) end_if_stopped(budget);
  return schedule_.take();
}

void EarliestTaskFirst::offer(OpId op) {
  const UnitId unit = graph_.unit_of[op];
  const DeviceId fixed = schedule_.device(unit);
  const auto devices = fixed == kNone ? problem_.choices(unit) : std::span(&fixed, 1);
  open_devices_[op] = static_cast<uint32_t>(devices.size());
  for (const DeviceId device : devices) devices_[device].waiting.emplace(schedule_.ready_ps(op, device), op);
}

/// Takes the best pair, and schedules it unless it is later than it looked or its unit does not fit there.
bool EarliestTaskFirst::step() {
  Choice best;
  for (DeviceId device = 0; device < devices_.size(); ++device) best = std::min(best, first_on(device));
  ALLOT_ASSERT(best.op != kNone);
  Candidates& candidates = devices_[best.device];
  if (best.from == Choice::kWaiting) candidates.waiting.pop();
  if (best.from == Choice::kAvailable) candidates.available.pop();
  const int64_t ready = schedule_.ready_ps(best.op, best.device);
  const int64_t time = std::max(ready, schedule_.free_ps(best.device)) + handicap_ps(best.op, best.device);
  if (time > best.time_ps && delays_[best.op] < kMostDelays) {  // the channels it needs have been taken since
    ++delays_[best.op];
    candidates.waiting.emplace(ready, best.op);
    return false;
  }
  const UnitId unit = graph_.unit_of[best.op];
  if (schedule_.device(unit) == kNone && !schedule_.fits(unit, best.device)) {
    if (--open_devices_[best.op] > 0) return false;
    best.device = schedule_.roomiest(unit);
  }
  add(best.op, best.device);
  return true;
}

Choice EarliestTaskFirst::first_on(DeviceId device) {
  auto& [waiting, available] = devices_[device];
  const int64_t free_ps = schedule_.free_ps(device);
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
    first = {free_ps + handicap_ps(op, device), op, device, Choice::kAvailable};
  }
  if (!waiting.empty()) {
    const auto [ready, op] = waiting.top();
    first = std::min(first, {ready + handicap_ps(op, device), op, device, Choice::kWaiting});
  }
  return favourite_.empty() ? first : keep_for_favourite(device, first);
}

/// The favourite successor of what `device` ran last, if that should come next.
OpId EarliestTaskFirst::awaited(DeviceId device) const {
  const OpId op = last_op_[device] == kNone ? kNone : favourite_[last_op_[device]];
  if (op == kNone || pending_[op] > 0 || !is_open(op, device)) return kNone;
  const UnitId unit = graph_.unit_of[op];
  const bool decided = schedule_.device(unit) != kNone;
  if (!decided && (!problem_.allowed(unit, device) || !schedule_.fits(unit, device))) return kNone;
  const int64_t here_ps = schedule_.ready_ps(op, device);
  for (const DeviceId other : problem_.choices(unit))
    if (!decided && schedule_.ready_ps(op, other) < here_ps) return kNone;
  return op;
}

Choice EarliestTaskFirst::keep_for_favourite(DeviceId device, Choice other) const {
  const OpId op = awaited(device);
  if (op == kNone) return other;
  const int64_t start_ps = std::max(schedule_.free_ps(device), schedule_.ready_ps(op, device));
  const Choice favourite{start_ps + handicap_ps(op, device), op, device, Choice::kFavourite};
  if (other.op == kNone || other.op == op) return favourite;
  const UnitId unit = graph_.unit_of[other.op];
  if (schedule_.device(unit) == kNone)  // until it is urgent
    for (const DeviceId each : problem_.choices(unit))
      other.time_ps = std::max(other.time_ps, schedule_.ready_ps(other.op, each));
  return std::min(favourite, other);
}

bool EarliestTaskFirst::is_open(OpId op, DeviceId device) const {
  const DeviceId fixed = schedule_.device(graph_.unit_of[op]);
  return !schedule_.has(op) && (fixed == kNone || fixed == device);
}

void EarliestTaskFirst::add(OpId op, DeviceId device) {
  const UnitId unit = graph_.unit_of[op];
  const bool decides = schedule_.device(unit) == kNone;
  schedule_.add(op, device);
  last_op_[device] = op;
  if (decides)
    for (const OpId other : graph_.members[unit])  // this device may have been ruled out for some that are ready
      if (other != op && pending_[other] == 0 && !schedule_.has(other)) offer(other);
  for (const OpId next : graph_.successors[op])
    if (--pending_[next] == 0) offer(next);
}

int64_t EarliestTaskFirst::handicap_ps(OpId op, DeviceId device) const {
  const UnitId unit = graph_.unit_of[op];
  return schedule_.device(unit) == kNone ? problem_.unit_time_ps(unit, device) - fastest_ps_[unit] : 0;
}

}  // namespace

UnitPlacement earliest_task_first(const Problem& problem, const Budget& budget, const std::vector<OpId>& favourite) {
  return EarliestTaskFirst(problem, favourite).run(budget);
}

}  // namespace allot::place
