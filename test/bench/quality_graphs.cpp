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

cluster::Cluster gpus(int count, bool two_speeds) {
  std::string text = "schema: allot.cluster/1\ndevices:\n";
  for (int i = 0; i < count; ++i)
    text += fmt::format("  - {{name: gpu{}, preset: {}}}\n", i, two_speeds && i % 2 ? "v100-16" : "a100-40");
  return cluster::parse(text + "links: {default: {bandwidth: 25GB/s, latency: 5us}}\n", "generated");
}

QualityCase generated(const std::string& recipe, int devices, bool two_speeds) {
  const ir::Model model = graph::generate(graph::parse_recipe(recipe));
  const auto planning = graph::prepare(model, {});
  auto built = graph::build(planning, {});
  auto cluster = gpus(devices, two_speeds);
  auto costs = cost::make_table(built.graph, cost::op_costs(planning, built.graph), cluster);
  QualityCase result{fmt::format("{} x{}{}", recipe, devices, two_speeds ? " of two speeds" : ""), nullptr};
  result.problem = std::make_shared<place::Problem>(std::move(built.graph), std::move(cluster), std::move(costs));
  ALLOT_ASSERT(result.problem->bounds().parallelism >= 1.5);
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
    for (const int devices : kDevices) cases.push_back(generated(recipe, devices, cases.size() % 2 == 1));
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
