// SPDX-License-Identifier: Apache-2.0
#include "bench/quality_graphs.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/core.h>

#include "base/error.h"
#include "cost/op_cost.h"
#include "graph/build.h"
#include "graph/generate_model.h"
#include "plan/input.h"

namespace allot::bench {
namespace {

constexpr std::array kRecipes = {"layered:ops=200,width=8,seed=1",
                                 "layered:ops=500,width=16,seed=2",
                                 "random:ops=200,width=12,seed=3",
                                 "random:ops=400,width=20,seed=4",
                                 "giph:ops=200,width=8,seed=5",
                                 "giph:ops=400,width=12,seed=6",
                                 "fork-join:ops=300,width=8,seed=7",
                                 "fork-join:ops=150,width=6,seed=8",
                                 "inception:ops=400,width=6",
                                 "rnn:ops=200,width=6",
                                 "rnn:ops=400,width=4",
                                 "matmul:ops=200,width=8"};
constexpr std::array kDevices = {2, 4, 8};

struct Machine {
  int gpus;
  bool two_speeds;
  const char* bandwidth = "25GB/s";
  bool host = false;  // the CPU is a device, too, where inputs come from
  double memory = 0;  // of all GPUs together: times what the graph needs; 0: plenty
};

cluster::Cluster cluster_of(const Machine& machine, int64_t graph_bytes) {
  std::string text = "schema: allot.cluster/1\ndevices:\n";
  if (machine.host) text += "  - {name: cpu0, preset: epyc-7763, memory: 1TiB}\n";
  std::string memory;
  if (machine.memory > 0)
    memory = fmt::format(", memory: {:.0f}", machine.memory * static_cast<double>(graph_bytes) / machine.gpus);
  for (int i = 0; i < machine.gpus; ++i)
    text += fmt::format("  - {{name: gpu{}, preset: {}{}}}\n", i, machine.two_speeds && i % 2 ? "v100-16" : "a100-40",
                        memory);
  text += fmt::format("links: {{default: {{bandwidth: {}, latency: 5us}}}}\n", machine.bandwidth);
  if (machine.host) text += "io_device: cpu0\n";
  return cluster::parse(text, "generated");
}

/// Weights and the largest tensor, about.
int64_t bytes_of(const graph::OpGraph& graph) {
  int64_t weights = 0, largest = 0;
  for (const int64_t bytes : graph.param_bytes) weights += bytes;
  for (const int64_t bytes : graph.tensor_bytes) largest = std::max(largest, bytes);
  return weights + 8 * largest;
}

QualityCase generated(const std::string& recipe, const Machine& machine) {
  const ir::Model model = graph::generate(graph::parse_recipe(recipe));
  const auto planning = graph::prepare(model, {});
  auto built = graph::build(planning, {});
  auto cluster = cluster_of(machine, bytes_of(built.graph));
  auto costs = cost::make_table(built.graph, cost::op_costs(planning, built.graph), cluster);
  QualityCase result{fmt::format("{} x{}{}", recipe, machine.gpus, machine.two_speeds ? " of two speeds" : ""),
                     nullptr};
  result.problem = std::make_shared<place::Problem>(std::move(built.graph), std::move(cluster), std::move(costs));
  return result;
}

QualityCase published(const std::filesystem::path& model) {
  const std::string stem = (model.parent_path() / model.stem()).string();
  plan::InputOptions options;
  options.costs = stem + ".costs.json";
  options.cluster = stem + ".cluster.yaml";
  if (std::filesystem::exists(stem + ".constraints.yaml")) options.constraints = stem + ".constraints.yaml";
  options.colocation = "none";
  const std::shared_ptr<plan::Input> input = plan::load(model.string(), options);
  return {model.parent_path().filename().string() + "/" + model.stem().string(), {input, input->problem.get()}};
}

}  // namespace

std::vector<QualityCase> generated_cases() {
  std::vector<QualityCase> cases;
  for (const char* recipe : kRecipes)
    for (const int devices : kDevices)
      cases.push_back(generated(recipe, {.gpus = devices, .two_speeds = cases.size() % 2 == 1}));
  for (const auto& test : cases) ALLOT_ASSERT(test.problem->bounds().parallelism >= 1.5);
  return cases;
}

std::vector<QualityCase> training_cases() {
  constexpr std::array kKinds = {"layered", "random", "giph", "fork-join"};
  constexpr std::array kBandwidths = {"25GB/s", "12GB/s", "100GB/s"};
  constexpr std::array kMemories = {0.0, 1.3, 2.0};
  std::vector<QualityCase> cases;
  for (size_t i = 0; i < 24; ++i) {
    const std::string recipe =
        fmt::format("{}:ops={},width={},seed={}", kKinds[i % 4], 150 + 60 * (i % 5), 6 + 2 * (i % 6), 100 + i);
    cases.push_back(generated(recipe, {.gpus = kDevices[i / 4 % 3],
                                       .two_speeds = i % 2 == 1,
                                       .bandwidth = kBandwidths[i % 3],
                                       .host = i % 5 < 3,
                                       .memory = kMemories[i / 8]}));
  }
  return cases;
}

std::vector<QualityCase> published_cases(const std::string& folder) {
  std::vector<std::filesystem::path> models;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const auto& path = entry.path();
    if (path.extension() == ".onnx" &&
        std::filesystem::exists(std::filesystem::path(path).replace_extension(".costs.json")))
      models.push_back(path);
  }
  std::sort(models.begin(), models.end());
  std::vector<QualityCase> cases;
  for (const auto& model : models) cases.push_back(published(model));
  return cases;
}

}  // namespace allot::bench
