// SPDX-License-Identifier: Apache-2.0
#include "place/robustness.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "base/rng.h"

namespace allot::place {
namespace {

constexpr uint32_t kStream = 0x726F6275;
constexpr double kSpread = 0.2;
constexpr uint64_t kOpVisits = 4'000'000;
constexpr uint64_t kFewest = 20, kMost = 200;

/// Kind of each device, numbered.
std::vector<uint32_t> kinds(const cluster::Cluster& cluster) {
  std::vector<uint32_t> kind_of;
  for (DeviceId device = 0; device < cluster.size(); ++device) {
    const auto same = [&](const cluster::Device& other) { return other.kind == cluster.devices[device].kind; };
    kind_of.push_back(static_cast<uint32_t>(std::find_if(cluster.devices.begin(), cluster.devices.end(), same) -
                                            cluster.devices.begin()));
  }
  return kind_of;
}

cost::CostTable wrong_costs(const Problem& problem, const std::vector<uint32_t>& kind_of, base::Rng rng) {
  cost::CostTable costs = problem.costs();
  const auto vary = [](int64_t& figure, double factor) { figure = std::llround(static_cast<double>(figure) * factor); };
  std::vector<double> factors(problem.devices());
  for (OpId op = 0; op < problem.graph().num_ops(); ++op) {
    for (double& factor : factors) factor = 1 + kSpread * (2 * rng.uniform() - 1);
    for (DeviceId device = 0; device < problem.devices(); ++device)
      if (int64_t& time = costs.time_ps[op * size_t{costs.devices} + device]; time != cost::kCannotRun)
        vary(time, factors[kind_of[device]]);
  }
  for (int64_t& bytes : costs.tensor_bytes) vary(bytes, 1 + kSpread * (2 * rng.uniform() - 1));
  return costs;
}

/// The best among those that differ from the chosen one.
const MethodResult* next_best(const Comparison& comparison) {
  const MethodResult& chosen = comparison.methods[comparison.best];
  const MethodResult* next = nullptr;
  for (const MethodResult& method : comparison.methods)
    if (method.placement != chosen.placement && (!next || method.score < next->score)) next = &method;
  return next;
}

}  // namespace

std::optional<Robustness> robustness(const Problem& problem, const Comparison& comparison, const Budget& budget) {
  const MethodResult* const next = next_best(comparison);
  if (!next || (budget.stop && budget.stop->load())) return std::nullopt;
  const auto chosen = problem.expand(comparison.methods[comparison.best].placement);
  const auto other = problem.expand(next->placement);
  const auto kind_of = kinds(problem.cluster());

  const uint64_t visits = 2 * std::max<uint64_t>(1, problem.graph().num_ops());
  std::vector<char> better(std::clamp(kOpVisits / visits, kFewest, kMost));
  base::parallel_for(better.size(), budget.threads, [&](size_t draw) {
    const auto costs = wrong_costs(problem, kind_of, base::Rng(budget.seed, kStream, static_cast<uint32_t>(draw)));
    sim::Simulator simulator(problem.graph(), costs, problem.cluster());
    const int64_t ours_ps = simulator.run(chosen, {.memory = false}).makespan_ps;
    better[draw] = ours_ps <= simulator.run(other, {.memory = false}).makespan_ps;
  });
  return Robustness{next->method, static_cast<uint32_t>(better.size()),
                    static_cast<uint32_t>(std::count(better.begin(), better.end(), 1))};
}

}  // namespace allot::place
