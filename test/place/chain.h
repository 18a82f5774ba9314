// SPDX-License-Identifier: Apache-2.0
// A chain of ops on two devices, with every figure in plain sight, for tests of stored placements.
#pragma once

#include <numeric>
#include <string>
#include <vector>

#include "place/sidecar.h"

namespace allot::test {

/// op_0 -> op_1 -> ...; op_i is of type A (even) or B (odd) and makes tensor t_i of 1 MB; every op is a unit.
inline graph::OpGraph chain(uint32_t ops, const std::string& prefix = "t_") {
  graph::OpGraph graph;
  graph.type_names = {"A", "B"};
  graph.producer = {graph::kNone};
  graph.tensor_names = {"input"};
  for (uint32_t op = 0; op < ops; ++op) {
    graph.inputs.add_row(std::vector<graph::TensorId>{op});
    graph.outputs.add_row(std::vector<graph::TensorId>{op + 1});
    graph.params.end_row();
    graph.producer.push_back(op);
    graph.tensor_names.push_back(prefix + std::to_string(op));
    graph.type.push_back(static_cast<uint16_t>(op % 2));
    graph.op_names.push_back("op_" + std::to_string(op));
    graph.node.push_back(op);
  }
  graph.tensor_bytes.assign(ops + 1, 1'000'000);
  graph.is_output.assign(ops + 1, 0);
  graph.is_output.back() = 1;
  graph::derive_neighbours(graph);
  std::vector<uint32_t> label(ops);
  std::iota(label.begin(), label.end(), 0u);
  graph::set_units(graph, label);
  graph::check_invariants(graph);
  return graph;
}

/// cpu0 and gpu0, 1 GB/s between them without latency: a tensor of the chain takes 1 ms.
inline cluster::Cluster two_devices(const std::string& gpu_memory = "16GiB", const std::string& gpu_name = "gpu0") {
  return cluster::parse(
      "schema: allot.cluster/1\n"
      "devices:\n"
      "  - {name: cpu0, preset: epyc-7763, memory: 256GiB}\n"
      "  - {name: " +
          gpu_name + ", preset: a100-40, memory: " + gpu_memory +
          "}\n"
          "links:\n"
          "  default: {bandwidth: 1GB/s, latency: 0us}\n",
      "cluster.yaml");
}

/// Every op takes `cpu_ms` on the first device and `gpu_ms` on the second.
inline place::Problem chain_problem(graph::OpGraph graph, cluster::Cluster cluster, int64_t cpu_ms = 10,
                                    int64_t gpu_ms = 2) {
  constexpr int64_t kMs = 1'000'000'000;
  std::vector<int64_t> time_ps;
  for (uint32_t op = 0; op < graph.num_ops(); ++op) time_ps.insert(time_ps.end(), {cpu_ms * kMs, gpu_ms * kMs});
  cost::CostTable costs = cost::table_from(graph, 2, std::move(time_ps));
  return place::Problem(std::move(graph), std::move(cluster), std::move(costs));
}

/// "f0", "f1", ...
inline std::vector<std::string> numbered(uint32_t ops) {
  std::vector<std::string> names;
  for (uint32_t i = 0; i < ops; ++i) names.push_back("f" + std::to_string(i));
  return names;
}

/// `placement` as a stored one, its graph hash telling the number of ops.
inline place::Sidecar stored(const place::Problem& problem, const place::UnitPlacement& placement) {
  const graph::OpGraph& graph = problem.graph();
  place::Sidecar sidecar;
  sidecar.graph_hash = sidecar.model_hash = "chain of " + std::to_string(graph.num_ops());
  sidecar.costs_hash = std::to_string(graph.num_ops());
  for (const int64_t time : problem.costs().time_ps) sidecar.costs_hash += " " + std::to_string(time);
  sidecar.cluster_hash = cluster::hash(problem.cluster());
  sidecar.cluster_text = cluster::dump(problem.cluster());
  sidecar.cost_model_version = 1;
  sidecar.method = "by hand";
  sidecar.metrics = place::metrics_of(problem, place::Evaluator(problem).outcome(placement));
  for (graph::OpId op = 0; op < graph.num_ops(); ++op)
    sidecar.placement.push_back({"",
                                 std::string(graph.op_names[op]),
                                 graph.type_names[graph.type[op]],
                                 problem.cluster().devices[placement[graph.unit_of[op]]].name,
                                 "f" + std::to_string(op),
                                 op,
                                 {std::string(graph.tensor_names[graph.outputs[op].front()])}});
  return sidecar;
}

}  // namespace allot::test
