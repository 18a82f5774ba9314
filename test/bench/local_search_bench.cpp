// SPDX-License-Identifier: Apache-2.0
// place::LocalSearch beside annealing with as many evaluations, 20 a unit, on generated graphs and four equal devices:
// from a list scheduler's placement, from that with a tenth of the units moved, and from a random one. Mean values over
// the lower bound, and the ratio of the two.
//   local_search_bench [STARTS] -> JSON, a line a graph and kind of start, and one over all
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "graph/generate.h"
#include "place/local_search.h"
#include "place/placer.h"
#include "support/random_placement.h"
#include "support/simple_cluster.h"

namespace {

using namespace allot;

constexpr uint32_t kDevices = 4;
constexpr std::array kStarts = {"heft", "disturbed", "random"};

place::Problem problem_of(graph::OpGraph graph) {
  base::Rng rng(9);
  std::vector<int64_t> time_ps(graph.num_ops());
  for (int64_t& time : time_ps) time = 1'000'000 + rng.below(99'000'000);
  auto costs = test::uniform_costs(graph, kDevices, time_ps);
  auto cluster =
      test::simple_cluster({.devices = kDevices, .latency_ps = 2'000'000, .bytes_per_s = 25e9, .align_bytes = 256});
  return place::Problem(std::move(graph), std::move(cluster), std::move(costs));
}

std::vector<place::UnitPlacement> starts(const place::Problem& problem, const std::string& kind, uint32_t count) {
  if (kind == "random") return test::random_placements(problem, count, 5);
  base::Rng rng(5);
  std::vector<place::UnitPlacement> result(count, place::find_placer("heft").place(problem, {}));
  for (auto& placement : result)
    for (auto& device : placement)
      if (kind == "disturbed" && rng.uniform() < 0.1) device = rng.below(kDevices);
  return result;
}

/// Logarithm of the ratio of the mean values.
double measure(const std::string& name, const place::Problem& problem, const std::string& kind, uint32_t count) {
  const auto from = starts(problem, kind, count);
  place::Evaluator evaluator(problem);
  place::LocalSearch search(problem, {.seed = 1});
  double start = 0, local = 0, annealed = 0;
  const auto improved = search.improve(from, 0);
  for (uint32_t i = 0; i < count; ++i) {
    place::Budget budget;
    budget.evaluations = improved[i].evaluations;
    budget.seed = i;
    budget.threads = 1;
    budget.start = &from[i];
    start += static_cast<double>(evaluator.score(from[i]).value);
    local += static_cast<double>(improved[i].score.value);
    annealed += static_cast<double>(evaluator.score(place::find_placer("anneal").place(problem, budget)).value);
  }
  const double bound = static_cast<double>(problem.bounds().best()) * count;
  std::printf(
      "{\"schema\": \"allot.bench/1\", \"graph\": \"%s\", \"start\": \"%s\", \"started\": %.4f, "
      "\"local_search\": %.4f, \"annealing\": %.4f, \"ratio\": %.4f}\n",
      name.c_str(), kind.c_str(), start / bound, local / bound, annealed / bound, local / annealed);
  return std::log(local / annealed);
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<uint32_t>(argc > 1 ? std::max(1, std::atoi(argv[1])) : 6);
  const std::vector<std::pair<std::string, graph::OpGraph>> graphs = {
      {"layered", graph::layered({.ops = 256, .width = 8, .seed = 3})},
      {"random_dag", graph::random_dag(256, 12, 4)},
      {"giph", graph::giph(500, 1.0, 0.1, 5)},
      {"grid", graph::grid(8, 32, 1 << 20)},
      {"branches", graph::branches(9, 4, 6, 1 << 20)},
      {"fork_join", graph::fork_join(1000, 8, 2)}};
  double sum = 0;
  for (const auto& [name, graph] : graphs) {
    const auto problem = problem_of(graph);
    for (const char* kind : kStarts) sum += measure(name, problem, kind, count);
  }
  std::printf("{\"schema\": \"allot.bench/1\", \"graph\": \"all\", \"ratio\": %.4f}\n",
              std::exp(sum / static_cast<double>(graphs.size() * kStarts.size())));
  return 0;
}
