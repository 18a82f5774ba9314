// SPDX-License-Identifier: Apache-2.0
#include "place/repair.h"

#include <algorithm>

#include "base/rng.h"
#include "place/evaluator.h"
#include "place/relief.h"
#include "place/stop.h"
#include "sim/ledger.h"

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

constexpr uint64_t kOpVisits = 4'000'000;  // spent on simulations
constexpr uint32_t kStream = 0x72657061, kLongestRun = 9;
constexpr int64_t kDetour = 32;  // part of the first overflow
constexpr uint64_t kLeastTries = 8, kMostTries = 1000;

/// Whether each device could hold all at once that is ever there: spares the simulation in the usual case.
bool surely_fits(const Problem& problem, const UnitPlacement& placement) {
  const auto& graph = problem.graph();
  const auto& costs = problem.costs();
  std::vector<int64_t> held(problem.devices(), 0);
  const auto hold = [&](DeviceId device, int64_t bytes) {
    held[device] += sim::block_bytes(bytes, problem.cluster().devices[device].align_bytes);
  };
  const auto hold_at = [&](uint64_t devices, int64_t bytes) {
    for (; devices != 0; devices &= devices - 1) hold(static_cast<DeviceId>(__builtin_ctzll(devices)), bytes);
  };
  const auto at = [&](OpId op) { return uint64_t{1} << placement[graph.unit_of[op]]; };
  std::vector<uint64_t> param_at(graph.num_params(), 0);
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    hold_at(at(op), costs.resident_bytes[op]);
    hold_at(at(op), costs.workspace_bytes[op]);
    for (const graph::ParamId param : graph.params[op]) param_at[param] |= at(op);
  }
  for (graph::ParamId param = 0; param < graph.num_params(); ++param)
    hold_at(param_at[param], graph.param_bytes[param]);
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    uint64_t devices = graph.producer[tensor] == kNone ? 0 : at(graph.producer[tensor]);
    for (const OpId consumer : graph.consumers[tensor]) devices |= at(consumer);
    if (const auto io = problem.cluster().io_device; io && (graph.is_output[tensor] || graph.producer[tensor] == kNone))
      devices |= uint64_t{1} << *io;
    hold_at(devices, costs.tensor_bytes[tensor]);
  }
  for (DeviceId device = 0; device < problem.devices(); ++device)
    if (held[device] > problem.cluster().devices[device].usable_bytes()) return false;
  return true;
}

/// Batches of moves, each kept only if the exact simulation finds the placement better.
class Repair {
 public:
  Repair(const Problem& problem, UnitPlacement placement, const Budget& budget)
      : problem_(problem),
        budget_(budget),
        evaluator_(problem),
        tries_left_(std::clamp(kOpVisits / std::max(1u, problem.graph().num_ops()), kLeastTries, kMostTries)),
        placement_(std::move(placement)),
        outcome_(evaluator_.outcome(placement_, true)),
        first_overflow_(outcome_.overflow_bytes) {}

  UnitPlacement run() {
    relieve();
    wander();
    return std::move(placement_);
  }

 private:
  /// Batches of moves that are cheap for what they free, halved until they help.
  void relieve() {
    std::vector<char> barred(placement_.size());  // units whose move alone did not help
    while (!outcome_.fits() && tries_left_ > 0) {
      const sim::OutOfMemory worst =
          *std::max_element(outcome_.out_of_memory.begin(), outcome_.out_of_memory.end(),
                            [](const auto& a, const auto& b) { return a.over_bytes < b.over_bytes; });
      std::vector<Move> moves = relief(problem_, placement_, outcome_, worst.device, worst.over_bytes, barred);
      if (moves.empty()) break;
      while (!moves.empty() && !improves(moves) && tries_left_ > 0) {
        if (moves.size() == 1) barred[moves.front().unit] = true;
        moves.resize(moves.size() / 2);
      }
    }
  }

  /// Random moves, taken unless they lead far from the best.
  void wander() {
    int64_t least = outcome_.overflow_bytes;
    const int64_t detour = first_overflow_ / kDetour;
    UnitPlacement current = placement_, trial;
    for (uint32_t step = 0; least > 0 && tries_left_ > 0; ++step, --tries_left_) {
      base::Rng rng(0, kStream, step);
      trial = current;
      scatter(rng, trial);
      end_if_stopped(budget_);
      const int64_t overflow = evaluator_.outcome(trial).overflow_bytes;
      if (overflow > least + detour) continue;
      std::swap(current, trial);
      if (overflow >= least) continue;
      least = overflow;
      placement_ = current;
    }
  }

  bool improves(const std::vector<Move>& moves) {
    UnitPlacement trial = placement_;
    for (const Move& move : moves) trial[move.unit] = move.to;
    --tries_left_;
    end_if_stopped(budget_);
    sim::Outcome outcome = evaluator_.outcome(trial, true);
    if (outcome.overflow_bytes >= outcome_.overflow_bytes) return false;
    placement_ = std::move(trial);
    outcome_ = std::move(outcome);
    return true;
  }

  /// Moves one unit, or a run of consecutive ones, to one device.
  void scatter(base::Rng& rng, UnitPlacement& trial) const {
    const auto units = static_cast<uint32_t>(trial.size());
    const UnitId first = rng.below(units);
    const auto choices = problem_.choices(first);
    const DeviceId device = choices[rng.below(static_cast<uint32_t>(choices.size()))];
    const UnitId end = std::min(units, first + 1 + (rng.below(2) ? 0 : rng.below(kLongestRun)));
    for (UnitId unit = first; unit < end; ++unit)
      if (problem_.allowed(unit, device)) trial[unit] = device;
  }

  const Problem& problem_;
  const Budget& budget_;
  Evaluator evaluator_;
  uint64_t tries_left_;
  UnitPlacement placement_;
  sim::Outcome outcome_;
  int64_t first_overflow_;
};

/// What its device needs at least while one of the unit's ops runs. Tensors may share blocks, so the largest counts.
int64_t least_bytes(const Problem& problem, UnitId unit) {
  const auto& graph = problem.graph();
  const auto& costs = problem.costs();
  std::vector<graph::ParamId> params;
  int64_t lasting = 0, running = 0;
  for (const OpId op : graph.members[unit]) {
    lasting += costs.resident_bytes[op];
    params.insert(params.end(), graph.params[op].begin(), graph.params[op].end());
    int64_t largest = 0;
    for (const auto& tensors : {graph.inputs[op], graph.outputs[op]})
      for (const TensorId tensor : tensors) largest = std::max(largest, costs.tensor_bytes[tensor]);
    running = std::max(running, costs.workspace_bytes[op] + largest);
  }
  std::sort(params.begin(), params.end());
  params.erase(std::unique(params.begin(), params.end()), params.end());
  for (const graph::ParamId param : params) lasting += graph.param_bytes[param];
  return lasting + running;
}

}  // namespace

bool cannot_fit(const Problem& problem) {
  const auto& graph = problem.graph();
  int64_t lasting = 0, room = 0;
  for (const int64_t bytes : graph.param_bytes) lasting += bytes;
  for (const int64_t bytes : problem.costs().resident_bytes) lasting += bytes;
  for (const auto& device : problem.cluster().devices) room += std::max<int64_t>(0, device.usable_bytes());
  if (lasting > room) return true;
  for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
    const int64_t bytes = least_bytes(problem, unit);
    const auto choices = problem.choices(unit);
    if (std::none_of(choices.begin(), choices.end(),
                     [&](DeviceId device) { return bytes <= problem.cluster().devices[device].usable_bytes(); }))
      return true;
  }
  return false;
}

UnitPlacement repaired(const Problem& problem, UnitPlacement placement, const Budget& budget) {
  if (!surely_fits(problem, placement) && !cannot_fit(problem))
    placement = Repair(problem, std::move(placement), budget).run();
  for (const auto& scenario : problem.others()) {
    UnitPlacement trial = repaired(*scenario.problem, placement, budget);
    if (trial == placement) continue;
    Evaluator evaluator(problem);
    if (evaluator.score(trial).overflow_bytes < evaluator.score(placement).overflow_bytes) placement = std::move(trial);
  }
  return placement;
}

}  // namespace allot::place
