// SPDX-License-Identifier: Apache-2.0
// Many placements of one problem, evaluated on many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sim/order_evaluator.h"
#include "sim/simulator.h"

namespace allot::sim {

/// Each thread has an evaluator of its own, kept from call to call, and takes an equal share of neighbouring
/// placements. What one gives does not depend on those before it, so the results are the same at any number of threads.
/// The graph, costs and cluster are shared and must outlive it. A call starts threads: worth it from about a
/// millisecond of work.
class Batch {
 public:
  using Placements = std::span<const std::vector<DeviceId>>;
  struct Score {
    int64_t makespan_ps = 0, overflow_bytes = 0;
    bool operator==(const Score&) const = default;
  };

  /// threads: 0 = all cores.
  Batch(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
        unsigned threads = 0);

  /// What Simulator says of each placement; without `memory` overflow_bytes is 0. scores [placements].
  /// Errors: those of Simulator, for the first placement that has one.
  void exact(Placements placements, bool memory, std::span<Score> scores);

  /// Makespans by OrderEvaluator, in order of op ids. makespans_ps [placements]. Errors: likewise.
  void in_order(Placements placements, std::span<int64_t> makespans_ps);

 private:
  template <typename Evaluator, typename Evaluate>
  void share(size_t placements, std::vector<std::unique_ptr<Evaluator>>& evaluators, const Evaluate& evaluate);

  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const cluster::Cluster& cluster_;
  std::vector<std::unique_ptr<Simulator>> simulators_;             // by thread, made by it when first needed
  std::vector<std::unique_ptr<OrderEvaluator>> order_evaluators_;  // likewise
};

}  // namespace allot::sim
