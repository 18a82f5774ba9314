// SPDX-License-Identifier: Apache-2.0
// Stages of a pipeline by dynamic programming over ideals. After: Tarnawski et al., NeurIPS 2020.
#include <algorithm>
#include <numeric>
#include <optional>

#include "place/ideals.h"
#include "place/methods.h"
#include "place/repair.h"
#include "place/stage_cost.h"
#include "place/unit_graph.h"

namespace allot::place {
namespace {

constexpr size_t kMostIdeals = 60'000, kMostCuts = 500, kFewCuts = 50, kMostStates = 1'024;
constexpr uint64_t kMostPairs = 100'000'000;  // of ideals: some ten seconds

/// Whether `unit` takes no time wherever `other` may be.
bool is_free_beside(const Problem& problem, UnitId unit, UnitId other) {
  const auto devices = problem.choices(other);
  return std::all_of(devices.begin(), devices.end(),
                     [&](DeviceId device) { return problem.unit_time_ps(unit, device) == 0; });
}

/// For each unit the one beside which it costs least, or itself: what takes no time and exchanges tensors with one
/// other unit alone, as often as that applies to what is left. Only a lack of memory could part them. Keeps the ideals
/// few (Tarnawski et al., NeurIPS 2020).
std::vector<UnitId> leaders(const Problem& problem) {
  std::vector<UnitId> leader(problem.graph().num_units());
  std::iota(leader.begin(), leader.end(), UnitId{0});
  if (problem.cluster().io_device) return leader;  // graph inputs and outputs cost, too
  const UnitGraph graph = unit_graph(problem);
  std::vector<size_t> degree;
  for (UnitId unit = 0; unit < leader.size(); ++unit) degree.push_back(graph.neighbours[unit].size());
  std::vector<UnitId> open = leader;
  while (!open.empty()) {
    const UnitId unit = open.back();
    open.pop_back();
    if (degree[unit] != 1 || leader[unit] != unit) continue;
    const auto neighbours = graph.neighbours[unit];
    const UnitId other =
        *std::find_if(neighbours.begin(), neighbours.end(), [&](UnitId each) { return leader[each] == each; });
    if (!is_free_beside(problem, unit, other)) continue;
    leader[unit] = other;
    --degree[other];
    open.push_back(other);
  }
  for (UnitId& each : leader)
    while (leader[each] != each) each = leader[each];
  return leader;
}

bool interchangeable(const Problem& problem, DeviceId a, DeviceId b) {
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    if (problem.unit_time_ps(unit, a) != problem.unit_time_ps(unit, b)) return false;
  const auto& cluster = problem.cluster();
  return cluster.devices[a].usable_bytes() == cluster.devices[b].usable_bytes() && cluster.io_device != a &&
         cluster.io_device != b;
}

/// Devices in lists of such that nothing tells apart.
std::vector<std::vector<DeviceId>> kinds_of_devices(const Problem& problem) {
  std::vector<std::vector<DeviceId>> kinds;
  for (DeviceId device = 0; device < problem.devices(); ++device) {
    const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& devices) {
      return interchangeable(problem, devices.front(), device);
    });
    if (kind == kinds.end())
      kinds.push_back({device});
    else
      kind->push_back(device);
  }
  return kinds;
}

std::vector<DeviceId> firsts(const std::vector<std::vector<DeviceId>>& kinds) {
  std::vector<DeviceId> devices;
  for (const auto& kind : kinds) devices.push_back(kind.front());
  return devices;
}

/// Which devices have a stage already. Of a kind they are taken in order, so that only their number counts; where that
/// leaves too many states, devices are taken or passed over in the order of kinds.
class States {
 public:
  struct Choice {
    uint32_t before;  // state
    uint32_t kind;    // that the stage behind it gets
    DeviceId device;
  };

  explicit States(const std::vector<std::vector<DeviceId>>& kinds) {
    size_t states = 1;
    for (const auto& kind : kinds) states = std::min(states * (kind.size() + 1), kMostStates + 1);
    if (states > kMostStates)
      in_order(kinds);
    else
      by_numbers(kinds, static_cast<uint32_t>(states));
  }

  uint32_t size() const { return choices_.rows(); }
  std::span<const Choice> choices(uint32_t state) const { return choices_[state]; }

 private:
  void in_order(const std::vector<std::vector<DeviceId>>& kinds) {
    choices_.end_row();
    for (uint32_t kind = 0; kind < kinds.size(); ++kind)
      for (const DeviceId device : kinds[kind])
        choices_.add_row(std::vector<Choice>{{choices_.rows() - 1, kind, device}});
  }
  void by_numbers(const std::vector<std::vector<DeviceId>>& kinds, uint32_t states) {
    for (uint32_t state = 0; state < states; ++state) {
      uint32_t place = 1;
      for (uint32_t kind = 0; kind < kinds.size(); ++kind) {
        const auto radix = static_cast<uint32_t>(kinds[kind].size() + 1);
        if (const uint32_t taken = state / place % radix; taken > 0)
          choices_.push({state - place, kind, kinds[kind][taken - 1]});
        place *= radix;
      }
      choices_.end_row();
    }
  }

  base::Csr<Choice> choices_;
};

/// The least largest load with which the units of each ideal can be spread over the devices of each state.
class Stages {
 public:
  Stages(const Problem& problem, const Ideals& ideals, const Budget& budget, int64_t bound_ps)
      : problem_(problem),
        ideals_(ideals),
        budget_(budget),
        bound_ps_(bound_ps),
        kinds_(kinds_of_devices(problem)),
        states_(kinds_),
        cost_(problem, firsts(kinds_)),
        load_ps_(kinds_.size()),
        best_(size_t{states_.size()} * ideals.size()),
        seen_(ideals.size(), graph::kNone) {}

  /// The placement, if one has no larger load than the bound, and the search was not too long.
  std::optional<UnitPlacement> solve() {
    for (uint32_t state = 0; state < states_.size(); ++state) at(state, 0).load_ps = 0;
    for (uint32_t ideal = 1; ideal < ideals_.size(); ++ideal) {
      if (pairs_ > kMostPairs || (budget_.stop && budget_.stop->load(std::memory_order_relaxed))) return std::nullopt;
      pass_on(ideal);
      try_stages_below(ideal);
    }
    const Entry& whole = at(states_.size() - 1, ideals_.size() - 1);
    if (whole.load_ps > bound_ps_) return std::nullopt;
    return trace_back();
  }
  int64_t load_ps() { return at(states_.size() - 1, ideals_.size() - 1).load_ps; }

 private:
  struct Entry {
    int64_t load_ps = cost::kCannotRun;
    uint32_t before_state = 0, before_ideal = 0;
    DeviceId device = graph::kNone;  // of the stage between; kNone: one is passed over
  };
  Entry& at(uint32_t state, uint32_t ideal) { return best_[size_t{ideal} * states_.size() + state]; }

  /// Devices may stay empty.
  void pass_on(uint32_t ideal) {
    for (uint32_t state = 0; state < states_.size(); ++state)
      for (const auto& choice : states_.choices(state))
        if (const int64_t load = at(choice.before, ideal).load_ps; load < at(state, ideal).load_ps)
          at(state, ideal) = {load, choice.before, ideal, graph::kNone};
  }

  /// Every stage that ends with `ideal`, in depth-first order, so that each differs by one step from the one before.
  void try_stages_below(uint32_t ideal) {
    struct Frame {
      uint32_t smaller, next;  // its next step to follow
      UnitId unit;             // whose removal led here
    };
    std::vector<Frame> path = {{ideal, 0, graph::kNone}};
    while (!path.empty()) {
      Frame& frame = path.back();
      const auto steps = ideals_.steps(frame.smaller);
      if (frame.next == steps.size()) {
        if (frame.unit != graph::kNone)
          for (const UnitId unit : ideals_.units(frame.unit)) cost_.remove(unit);
        path.pop_back();
        continue;
      }
      const Ideals::Step step = steps[frame.next++];
      if (seen_[step.smaller] == ideal) continue;
      seen_[step.smaller] = ideal;
      for (const UnitId unit : ideals_.units(step.unit)) cost_.add(unit);
      const bool hopeless = !use_stage(step.smaller, ideal);
      path.push_back(
          {step.smaller, hopeless ? static_cast<uint32_t>(ideals_.steps(step.smaller).size()) : 0, step.unit});
    }
  }

  /// Puts the stage behind every way to reach `smaller`. False if no larger stage can be any good.
  bool use_stage(uint32_t smaller, uint32_t ideal) {
    ++pairs_;
    bool hope = false;
    for (size_t kind = 0; kind < kinds_.size(); ++kind) {
      hope |= cost_.compute_ps(kind) <= bound_ps_;
      load_ps_[kind] = cost_.load_ps(kind);
    }
    if (!hope) return false;
    for (uint32_t state = 1; state < states_.size(); ++state) {
      for (const auto& choice : states_.choices(state)) {
        const int64_t load = std::max(at(choice.before, smaller).load_ps, load_ps_[choice.kind]);
        if (load < at(state, ideal).load_ps) at(state, ideal) = {load, choice.before, smaller, choice.device};
      }
    }
    return true;
  }

  UnitPlacement trace_back() {
    UnitPlacement placement(problem_.graph().num_units());
    uint32_t state = states_.size() - 1, ideal = ideals_.size() - 1;
    while (ideal != 0) {
      const Entry& entry = at(state, ideal);
      if (entry.device != graph::kNone)
        for (const UnitId unit : units_between(entry.before_ideal, ideal)) placement[unit] = entry.device;
      state = entry.before_state;
      ideal = entry.before_ideal;
    }
    return placement;
  }

  /// What `larger` has beyond `smaller`, which it contains: the units of any way down.
  std::vector<UnitId> units_between(uint32_t smaller, uint32_t larger) const {
    std::vector<std::pair<uint32_t, Ideals::Step>> way(ideals_.size(),
                                                       {graph::kNone, {}});  // by ideal: from where, how
    std::vector<uint32_t> open = {larger};
    while (way[smaller].first == graph::kNone) {
      const uint32_t ideal = open.back();
      open.pop_back();
      for (const auto& step : ideals_.steps(ideal)) {
        if (step.smaller < smaller || way[step.smaller].first != graph::kNone) continue;
        way[step.smaller] = {ideal, step};
        open.push_back(step.smaller);
      }
    }
    std::vector<UnitId> units;
    for (uint32_t ideal = smaller; ideal != larger; ideal = way[ideal].first) {
      const auto added = ideals_.units(way[ideal].second.unit);
      units.insert(units.end(), added.begin(), added.end());
    }
    return units;
  }

  const Problem& problem_;
  const Ideals& ideals_;
  const Budget& budget_;
  const int64_t bound_ps_;
  const std::vector<std::vector<DeviceId>> kinds_;
  const States states_;
  StageCost cost_;
  std::vector<int64_t> load_ps_;  // of the stage in hand, by kind
  std::vector<Entry> best_;
  std::vector<uint32_t> seen_;  // ideal -> the last one it was seen below
  uint64_t pairs_ = 0;
};

}  // namespace

UnitPlacement place_pipeline(const Problem& problem, const Budget& budget) {
  UnitPlacement best;
  int64_t bound_ps = cost::kCannotRun - 1;
  const auto improve = [&](const Ideals& ideals) {
    Stages stages(problem, ideals, budget, bound_ps);
    auto placement = stages.solve();
    if (!placement) return false;
    best = std::move(*placement);
    bound_ps = stages.load_ps();
    return true;
  };
  // Few cuts give a bound that keeps the stages between many cuts short.
  for (const size_t cuts : {kFewCuts, kMostCuts}) {
    const Ideals along_one_order(problem.graph(), cuts);
    if (!improve(along_one_order) && best.empty()) return place_contiguous(problem, budget);  // none fits into memory
    if (along_one_order.complete()) return repaired(problem, best, budget);
  }
  if (problem.objective() == Objective::throughput)
    if (const Ideals all(problem.graph(), kMostIdeals, leaders(problem)); all.complete()) improve(all);
  return repaired(problem, std::move(best), budget);
}

}  // namespace allot::place
