// SPDX-License-Identifier: Apache-2.0
// What a model is placed for: one inference, or one training step.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster.h"
#include "config/binder.h"
#include "cost/cost_table.h"
#include "graph/build.h"

namespace allot::plan {

struct WorkloadOptions {
  std::string workload = "inference";
  std::vector<std::string> frozen;
  int64_t checkpoint_every = 0;
  bool given = false;  // `workload` was set, be it to its default

  void bind(config::Binder& binder);
};

/// The graph that is placed and its costs: the model's own, or a training step of it whose first ops are the model's.
std::pair<graph::OpGraph, cost::CostTable> make_workload(const WorkloadOptions& options,
                                                         const graph::PlanningModel& planning,
                                                         const graph::Built& built, const cluster::Cluster& cluster);

}  // namespace allot::plan
