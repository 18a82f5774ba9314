// SPDX-License-Identifier: Apache-2.0
#include "plan/workload.h"

#include "cost/training.h"
#include "graph/training.h"

namespace allot::plan {

void WorkloadOptions::bind(config::Binder& binder) {
  binder
      .choice("workload", workload, "what the model runs: an inference, or a training step with that optimizer",
              {"inference", "training", "training:adam", "training:momentum", "training:sgd"})
      .tell_when_set(given);
  binder.list("frozen", frozen, "parameters that training leaves alone, by name pattern");
  binder.integer("checkpoint_every", checkpoint_every,
                 "training keeps activations only between segments of so many operations; 0 = keeps all", 0, 1 << 30);
}

std::pair<graph::OpGraph, cost::CostTable> make_workload(const WorkloadOptions& options,
                                                         const graph::PlanningModel& planning,
                                                         const graph::Built& built, const cluster::Cluster& cluster) {
  auto forward = cost::op_costs(planning, built.graph);
  if (options.workload == "inference") return {built.graph, cost::make_table(built.graph, std::move(forward), cluster)};
  using Optimizer = graph::TrainingOptions::Optimizer;
  graph::TrainingOptions training_options;
  training_options.optimizer = options.workload == "training:sgd"        ? Optimizer::sgd
                               : options.workload == "training:momentum" ? Optimizer::momentum
                                                                         : Optimizer::adam;
  training_options.frozen = options.frozen;
  training_options.checkpoint_every = static_cast<uint32_t>(options.checkpoint_every);
  graph::Training training = graph::expand_training(built, planning, training_options);
  auto costs = cost::make_table(training.graph, cost::training_costs(training, forward), cluster);
  costs.resident_bytes = std::move(training.resident_bytes);
  return {std::move(training.graph), std::move(costs)};
}

}  // namespace allot::plan
