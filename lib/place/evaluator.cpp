// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "place/problem.h"
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

Evaluator::Evaluator(const Problem& problem)
    : problem_(&problem),
      simulator_(problem.graph(), problem.costs(), problem.cluster()),
      ops_(problem.graph().num_ops()),
      memory_matters_(memory_may_run_out(problem)) {}

Score Evaluator::score(const UnitPlacement& placement) {
  const sim::Outcome& outcome = run(placement, {.memory = memory_matters_});
  return {outcome.makespan_ps, outcome.overflow_bytes};
}

sim::Outcome Evaluator::outcome(const UnitPlacement& placement, bool timeline) {
  return run(placement, {.memory = true, .timeline = timeline});
}

const sim::Outcome& Evaluator::run(const UnitPlacement& placement, const sim::Options& options) {
  ++evaluations_;
  const auto& unit_of = problem_->graph().unit_of;
  for (OpId op = 0; op < ops_.size(); ++op) ops_[op] = placement[unit_of[op]];
  return simulator_.run(ops_, options);
}

}  // namespace allot::place
