// SPDX-License-Identifier: Apache-2.0
#include "place/robustness.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
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

/// What two placements are compared by, with costs wrong in one way: the interval of a pipeline or the makespan, as a
/// weighted mean over the scenarios.
std::pair<double, double> compared(const Problem& problem, std::span<const DeviceId> ours,
                                   std::span<const DeviceId> other, const std::vector<uint32_t>& kind_of,
                                   const base::Rng& rng) {
  const auto costs = wrong_costs(problem, kind_of, rng);
  if (problem.objective() == Objective::throughput) {
    SteadyInterval interval(problem.graph(), costs, problem.cluster());
    return {interval(ours), interval(other)};
  }
  sim::Simulator simulator(problem.graph(), costs, problem.cluster());
  const auto makespan_ps = [&](auto placement) { return simulator.run(placement, {.memory = false}).makespan_ps; };
  return {makespan_ps(ours), makespan_ps(other)};
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
  const bool time_counts = problem.objective() == Objective::latency || problem.objective() == Objective::throughput;
  if (!next || !time_counts || (budget.stop && budget.stop->load())) return std::nullopt;
  const auto chosen = problem.as_written(comparison.methods[comparison.best].placement);
  const auto other = problem.as_written(next->placement);
  const auto kind_of = kinds(problem.cluster());

  const uint64_t visits = 2 * std::max<uint64_t>(1, problem.graph().num_ops()) * (1 + problem.others().size());
  std::vector<char> better(std::clamp(kOpVisits / visits, kFewest, kMost));
  base::parallel_for(better.size(), budget.threads, [&](size_t draw) {
    auto [ours, others] =
        compared(problem, chosen, other, kind_of, base::Rng(budget.seed, kStream, static_cast<uint32_t>(draw)));
    ours *= problem.weight(), others *= problem.weight();
    for (size_t i = 0; i < problem.others().size(); ++i) {
      const auto& [weight, scenario] = problem.others()[i];
      const base::Rng rng(budget.seed, kStream + 1 + static_cast<uint32_t>(i), static_cast<uint32_t>(draw));
      const auto [mine, theirs] = compared(*scenario, chosen, other, kind_of, rng);
      ours += weight * mine, others += weight * theirs;
    }
    better[draw] = ours <= others;
  });
  return Robustness{next->method, static_cast<uint32_t>(better.size()),
                    static_cast<uint32_t>(std::count(better.begin(), better.end(), 1))};
}

}  // namespace allot::place
