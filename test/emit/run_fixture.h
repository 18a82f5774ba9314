// SPDX-License-Identifier: Apache-2.0
// Small problems with a simulated run, for tests of what is written about runs.
#pragma once

#include <string>
#include <vector>

#include "base/rng.h"
#include "graph/generate.h"
#include "place/problem.h"

namespace allot::test {

struct Run {
  place::Problem problem;
  std::vector<cluster::DeviceId> placement;
  sim::Outcome outcome;
};

/// `devices` devices, the first a host that holds graph inputs and outputs if `io`; `memory` each.
inline cluster::Cluster small_cluster(uint32_t devices, bool io = true, const std::string& memory = "16GiB",
                                      const std::string& contention = "link") {
  std::string text = "schema: allot.cluster/1\ndevices:\n";
  for (uint32_t d = 0; d < devices; ++d)
    text +=
        "  - {name: dev" + std::to_string(d) + ", kind: cpu, preset: epyc-7763, memory: " + memory + ", reserved: 0}\n";
  text += "links:\n  default: {bandwidth: 10GB/s, latency: 2us}\nsimulation: {contention: " + contention + "}\n";
  if (io) text += "io_device: dev0\n";
  return cluster::parse(text, "test.yaml");
}

/// Times of 0 to 20 us an op, the same on all devices; each tenth op takes no time; some workspace.
inline cost::CostTable random_costs(const graph::OpGraph& graph, uint32_t devices, uint64_t seed) {
  base::Rng rng(seed, 1);
  std::vector<int64_t> time_ps;
  for (uint32_t op = 0; op < graph.num_ops(); ++op) {
    const int64_t time = rng.below(10) == 0 ? 0 : 1 + static_cast<int64_t>(rng.below(20'000'000));
    time_ps.insert(time_ps.end(), devices, time);
  }
  cost::CostTable costs = cost::table_from(graph, devices, std::move(time_ps));
  costs.workspace_bytes.resize(graph.num_ops());
  for (auto& bytes : costs.workspace_bytes) bytes = rng.below(3) == 0 ? static_cast<int64_t>(rng.below(100'000)) : 0;
  return costs;
}

/// Every op on a random device.
inline Run random_run(graph::OpGraph graph, cluster::Cluster cluster, uint64_t seed) {
  cost::CostTable costs = random_costs(graph, cluster.size(), seed);
  place::Problem problem(std::move(graph), std::move(cluster), std::move(costs));
  base::Rng rng(seed, 2);
  place::UnitPlacement units;
  for (uint32_t unit = 0; unit < problem.graph().num_units(); ++unit)
    units.push_back(static_cast<cluster::DeviceId>(rng.below(problem.devices())));
  std::vector<cluster::DeviceId> placement = problem.expand(units);
  sim::Outcome outcome = sim::Simulator(problem.graph(), problem.costs(), problem.cluster())
                             .run(placement, {.memory = true, .timeline = true});
  return {std::move(problem), std::move(placement), std::move(outcome)};
}

inline graph::OpGraph layered_graph(uint32_t ops, uint64_t seed) {
  return graph::layered({.ops = ops, .width = 6, .heavy = 0.3, .seed = seed});
}

/// Names that try to leave every format they are put into.
inline void give_hostile_names(graph::OpGraph& graph) {
  const std::string names[] = {"</script><script>alert(1)</script>",
                               "quote\" apostrophe' back\\slash",
                               "bad\xFF\xC3utf8",
                               "line\nbreak\ttab\x01",
                               "]]> --> &amp; %s {}",
                               std::string(100'000, 'x')};
  const auto rename = [&](base::Names& of, uint32_t count) {
    of = {};
    for (uint32_t i = 0; i < count; ++i) of.push_back(names[i % std::size(names)]);
  };
  rename(graph.op_names, graph.num_ops());
  rename(graph.tensor_names, graph.num_tensors());
  for (auto& name : graph.type_names) name += names[0] + names[2];
}

}  // namespace allot::test
