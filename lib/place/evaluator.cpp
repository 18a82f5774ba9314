// SPDX-License-Identifier: Apache-2.0
#include "place/evaluator.h"

#include <algorithm>
#include <cmath>

#include "sim/ledger.h"

namespace allot::place {
namespace {

/// Could any placement exceed some device's memory? Not if everything there is fits into each of them at once.
bool memory_may_run_out(const Problem& problem) {
  const auto& graph = problem.graph();
  const auto& costs = problem.costs();
  for (const cluster::Device& device : problem.cluster().devices) {
    int64_t everything = 0;
    for (const auto* sizes : {&graph.param_bytes, &costs.tensor_bytes, &costs.workspace_bytes, &costs.resident_bytes})
      for (const int64_t bytes : *sizes) everything += sim::block_bytes(bytes, device.align_bytes);
    if (everything > device.usable_bytes()) return true;
  }
  return false;
}

}  // namespace

Evaluator::Evaluator(const Problem& problem) : problem_(&problem), ops_(problem.graph().num_ops()) {
  if (problem.make_scorer()) scorer_ = problem.make_scorer()();
  double weights = problem.weight();
  for (const auto& [weight, other] : problem.others()) weights += weight;
  add(problem, problem.weight() / weights);
  for (const auto& [weight, other] : problem.others()) add(*other, weight / weights);
}

void Evaluator::add(const Problem& problem, double share) {
  runs_.push_back({.problem = &problem,
                   .share = share,
                   .simulator = sim::Simulator(problem.graph(), problem.costs(), problem.cluster()),
                   .interval = SteadyInterval(problem.graph(), problem.costs(), problem.cluster()),
                   .memory = problem_->objective() == Objective::memory || memory_may_run_out(problem)});
}

Score Evaluator::score(const UnitPlacement& placement) {
  expand(placement);
  return score_ops();
}

Score Evaluator::score_as_written(const UnitPlacement& placement) {
  ops_ = problem_->as_written(placement);
  return score_ops();
}

Score Evaluator::score_ops() {
  ++evaluations_;
  if (scorer_) return scorer_(ops_);
  const Objective objective = problem_->objective();
  Score score;
  double value = 0, makespan_ps = 0;
  for (Run& run : runs_) {
    const sim::Outcome& outcome = run.simulator.run(ops_, {.memory = run.memory});
    const int64_t own = objective_value(run, outcome);
    if (runs_.size() == 1) return {outcome.overflow_bytes, own, outcome.makespan_ps};
    score.overflow_bytes += outcome.overflow_bytes;
    score.value = std::max(score.value, own);
    value += run.share * static_cast<double>(own);
    makespan_ps += run.share * static_cast<double>(outcome.makespan_ps);
  }
  const bool mean = objective == Objective::latency || objective == Objective::throughput;  // else the worst counts
  if (mean) score.value = std::llround(value);
  score.makespan_ps = std::llround(makespan_ps);
  return score;
}

int64_t Evaluator::objective_value(Run& run, const sim::Outcome& outcome) {
  switch (problem_->objective()) {
    case Objective::throughput:
      return run.interval(ops_);
    case Objective::devices:
      return count_devices(ops_);
    case Objective::memory:
      return largest_memory_share(outcome, run.problem->cluster());
    case Objective::latency:
      break;
  }
  return outcome.makespan_ps;
}

sim::Outcome Evaluator::outcome(const UnitPlacement& placement, bool timeline) {
  ++evaluations_;
  expand(placement);
  return runs_.front().simulator.run(ops_, {.memory = true, .timeline = timeline});
}

sim::Outcome Evaluator::outcome_as_written(const UnitPlacement& placement) {
  ++evaluations_;
  ops_ = problem_->as_written(placement);
  return runs_.front().simulator.run(ops_, {.memory = true});
}

std::vector<sim::CriticalStep> Evaluator::critical(const UnitPlacement& placement) {
  ++evaluations_;
  expand(placement);
  return runs_.front().simulator.run(ops_, {.memory = false, .critical = true}).critical;
}

void Evaluator::expand(const UnitPlacement& placement) {
  const auto& unit_of = problem_->graph().unit_of;
  for (OpId op = 0; op < ops_.size(); ++op) ops_[op] = placement[unit_of[op]];
}

}  // namespace allot::place
