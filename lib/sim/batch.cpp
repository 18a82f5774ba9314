// SPDX-License-Identifier: Apache-2.0
#include "sim/batch.h"

#include "base/error.h"
#include "base/parallel.h"

namespace allot::sim {

Batch::Batch(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
             unsigned threads)
    : graph_(graph),
      costs_(costs),
      cluster_(cluster),
      simulators_(base::resolve_threads(threads)),
      order_evaluators_(simulators_.size()) {}

template <typename Evaluator, typename Evaluate>
void Batch::share(size_t placements, std::vector<std::unique_ptr<Evaluator>>& evaluators, const Evaluate& evaluate) {
  const size_t threads = evaluators.size();
  base::parallel_for(threads, static_cast<unsigned>(threads), [&](size_t thread) {
    const size_t begin = placements * thread / threads, end = placements * (thread + 1) / threads;
    if (begin == end) return;
    if (!evaluators[thread]) evaluators[thread] = std::make_unique<Evaluator>(graph_, costs_, cluster_);
    for (size_t i = begin; i < end; ++i) evaluate(*evaluators[thread], i);
  });
}

void Batch::exact(Placements placements, bool memory, std::span<Score> scores) {
  ALLOT_ASSERT(scores.size() == placements.size());
  share(placements.size(), simulators_, [&](Simulator& simulator, size_t i) {
    const Outcome& outcome = simulator.run(placements[i], {.memory = memory});
    scores[i] = {outcome.makespan_ps, outcome.overflow_bytes};
  });
}

void Batch::in_order(Placements placements, std::span<int64_t> makespans_ps) {
  ALLOT_ASSERT(makespans_ps.size() == placements.size());
  share(placements.size(), order_evaluators_,
        [&](OrderEvaluator& evaluator, size_t i) { makespans_ps[i] = evaluator.run(placements[i]); });
}

}  // namespace allot::sim
