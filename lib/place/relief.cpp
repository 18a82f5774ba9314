// SPDX-License-Identifier: Apache-2.0
#include "place/relief.h"

#include <algorithm>
#include <functional>
#include <queue>

#include "place/holdings.h"

namespace allot::place {
namespace {

using graph::kNone;
using graph::ParamId;
using graph::TensorId;

class Relief {
 public:
  Relief(const Problem& problem, UnitPlacement placement, const sim::Outcome& outcome, DeviceId from,
         const std::vector<char>& barred);
  std::vector<Move> moves(int64_t bytes);

 private:
  struct Candidate {
    double ps_per_byte;
    Move move;
    bool operator>(const Candidate& other) const {
      return ps_per_byte != other.ps_per_byte ? ps_per_byte > other.ps_per_byte : move.unit > other.move.unit;
    }
  };

  void measure();
  void offer(UnitId unit);
  void offer_neighbours(UnitId unit);
  double cost_ps(UnitId unit, DeviceId to) const;
  int64_t crossing_ps(UnitId unit, DeviceId at) const;
  void apply(Move move);

  const Problem& problem_;
  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  UnitPlacement placement_;
  const sim::Outcome& outcome_;
  const DeviceId from_;
  const std::vector<char>& barred_;
  std::vector<double> frees_;            // by unit on `from_`
  std::vector<int64_t> room_, busy_ps_;  // by device
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue_;
};

Relief::Relief(const Problem& problem, UnitPlacement placement, const sim::Outcome& outcome, DeviceId from,
               const std::vector<char>& barred)
    : problem_(problem),
      graph_(problem.graph()),
      costs_(problem.costs()),
      placement_(std::move(placement)),
      outcome_(outcome),
      from_(from),
      barred_(barred),
      frees_(graph_.num_units(), 0),
      busy_ps_(outcome.busy_ps) {
  for (DeviceId device = 0; device < problem.devices(); ++device)
    room_.push_back(problem.cluster().devices[device].usable_bytes() - outcome.peak_bytes[device]);
  measure();
}

/// What a device holds for several units is freed by each in equal parts.
void Relief::measure() {
  std::vector<UnitId> units;
  const auto share = [&](int64_t bytes) {
    std::sort(units.begin(), units.end());
    units.erase(std::unique(units.begin(), units.end()), units.end());
    for (const UnitId unit : units) frees_[unit] += static_cast<double>(bytes) / static_cast<double>(units.size());
  };
  const auto add = [&](OpId op) {
    if (placement_[graph_.unit_of[op]] == from_) units.push_back(graph_.unit_of[op]);
  };
  for (const TensorId tensor : holdings_at_peak(problem_, placement_, outcome_, from_).tensors) {
    units.clear();
    if (graph_.producer[tensor] != kNone) add(graph_.producer[tensor]);
    for (const OpId consumer : graph_.consumers[tensor]) add(consumer);
    share(costs_.tensor_bytes[tensor]);
  }
  const base::Csr<OpId> users = base::transpose(graph_.params, graph_.num_params());
  for (ParamId param = 0; param < graph_.num_params(); ++param) {
    units.clear();
    for (const OpId user : users[param]) add(user);
    share(graph_.param_bytes[param]);
  }
  for (OpId op = 0; op < graph_.num_ops(); ++op)
    frees_[graph_.unit_of[op]] += static_cast<double>(costs_.resident_bytes[op]);
}

std::vector<Move> Relief::moves(int64_t bytes) {
  for (UnitId unit = 0; unit < placement_.size(); ++unit) offer(unit);
  std::vector<Move> result;
  auto missing = static_cast<double>(bytes);
  while (missing > 0 && !queue_.empty()) {
    const Candidate best = queue_.top();
    queue_.pop();
    const UnitId unit = best.move.unit;
    if (placement_[unit] != from_) continue;
    const bool stale = static_cast<double>(room_[best.move.to]) < frees_[unit] ||
                       cost_ps(unit, best.move.to) > best.ps_per_byte * frees_[unit] * 1.001;
    if (stale) {
      offer(unit);
      continue;
    }
    missing -= frees_[unit];
    apply(best.move);
    result.push_back(best.move);
    offer_neighbours(unit);
  }
  return result;
}

/// The cheapest device with room for `unit`, if any.
void Relief::offer(UnitId unit) {
  if (placement_[unit] != from_ || barred_[unit] || frees_[unit] <= 0) return;
  Candidate best{0, {unit, kNone}};
  for (const DeviceId to : problem_.choices(unit)) {
    if (to == from_ || static_cast<double>(room_[to]) < frees_[unit]) continue;
    const double ps_per_byte = cost_ps(unit, to) / frees_[unit];
    if (best.move.to == kNone || ps_per_byte < best.ps_per_byte) best = {ps_per_byte, {unit, to}};
  }
  if (best.move.to != kNone) queue_.push(best);
}

/// They may have become cheaper. Those with many neighbours hardly have, and pricing them each time would be quadratic.
void Relief::offer_neighbours(UnitId unit) {
  constexpr size_t kMany = 32;
  const auto offer_unit_of = [&](OpId op) {
    if (graph_.predecessors[op].size() + graph_.successors[op].size() <= kMany) offer(graph_.unit_of[op]);
  };
  for (const OpId op : graph_.members[unit]) {
    for (const OpId other : graph_.predecessors[op]) offer_unit_of(other);
    for (const OpId other : graph_.successors[op]) offer_unit_of(other);
  }
}

double Relief::cost_ps(UnitId unit, DeviceId to) const {
  const int64_t slower = std::max<int64_t>(0, problem_.unit_time_ps(unit, to) - problem_.unit_time_ps(unit, from_));
  const int64_t crossing = std::max<int64_t>(0, crossing_ps(unit, to) - crossing_ps(unit, from_));
  const int64_t busiest = *std::max_element(busy_ps_.begin(), busy_ps_.end());
  const int64_t overload = std::max<int64_t>(0, busy_ps_[to] + problem_.unit_time_ps(unit, to) - busiest);
  return static_cast<double>(slower + crossing + overload);
}

/// Transfers between `unit`, if it were at `at`, and its neighbours where they are.
int64_t Relief::crossing_ps(UnitId unit, DeviceId at) const {
  int64_t sum = 0;
  for (const OpId op : graph_.members[unit]) {
    for (const TensorId tensor : graph_.inputs[op]) {
      const OpId producer = graph_.producer[tensor];
      if (producer == kNone || graph_.unit_of[producer] == unit) continue;
      sum += problem_.cluster().transfer_ps(placement_[graph_.unit_of[producer]], at, costs_.tensor_bytes[tensor]);
    }
    for (const TensorId tensor : graph_.outputs[op])
      for (const OpId consumer : graph_.consumers[tensor])
        if (graph_.unit_of[consumer] != unit)
          sum += problem_.cluster().transfer_ps(at, placement_[graph_.unit_of[consumer]], costs_.tensor_bytes[tensor]);
  }
  return sum;
}

void Relief::apply(Move move) {
  placement_[move.unit] = move.to;
  room_[move.to] -= static_cast<int64_t>(frees_[move.unit]);
  busy_ps_[move.to] += problem_.unit_time_ps(move.unit, move.to);
  busy_ps_[from_] -= problem_.unit_time_ps(move.unit, from_);
}

}  // namespace

std::vector<Move> relief(const Problem& problem, const UnitPlacement& placement, const sim::Outcome& outcome,
                         DeviceId from, int64_t bytes, const std::vector<char>& barred) {
  return Relief(problem, placement, outcome, from, barred).moves(bytes);
}

}  // namespace allot::place
