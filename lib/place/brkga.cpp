// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "place/methods.h"
#include "place/partial_schedule.h"
#include "place/ranks.h"
#include "place/ready_list.h"
#include "place/search.h"

namespace allot::place {
namespace {

constexpr uint32_t kStream = 0x62726B67;
constexpr uint64_t kMostChromosomes = 100, kLeastChromosomes = 10, kGenerations = 20;
constexpr uint64_t kMostKeys = 50'000'000;  // in memory
constexpr double kElite = 0.2, kMutants = 0.1, kBias = 0.7;

/// Two keys in [0, 1) a unit: the first half of `device` leaves the choice to the decoder, the other half is divided
/// among the unit's devices; `priority` scales the upward rank from 0.5 to 1.5.
struct Chromosome {
  std::vector<float> device, priority;  // by unit
  Score score;
};

class Decoder {
 public:
  explicit Decoder(const Problem& problem) : problem_(problem), rank_(upward_ranks(problem)) {}

  /// List scheduling by priority, each op where it is done first, unless its key says where.
  UnitPlacement operator()(const Chromosome& keys) const {
    const auto& graph = problem_.graph();
    std::vector<double> urgency(rank_);
    for (OpId op = 0; op < urgency.size(); ++op)
      urgency[op] *= 0.5 + static_cast<double>(keys.priority[graph.unit_of[op]]);
    PartialSchedule schedule(problem_);
    for (ReadyList ready(graph, urgency); !ready.empty();) {
      const OpId op = ready.take();
      const UnitId unit = graph.unit_of[op];
      const bool told = schedule.device(unit) == graph::kNone && keys.device[unit] >= 0.5F;
      schedule.add(op, told ? forced(unit, keys.device[unit]) : schedule.quickest(op));
    }
    return schedule.take();
  }

  /// Keys that give this placement.
  Chromosome encode(const UnitPlacement& placement) const {
    Chromosome keys{std::vector<float>(placement.size()), std::vector<float>(placement.size(), 0.5F), {}};
    for (UnitId unit = 0; unit < placement.size(); ++unit) {
      const auto choices = problem_.choices(unit);
      const auto at = std::lower_bound(choices.begin(), choices.end(), placement[unit]) - choices.begin();
      keys.device[unit] = 0.5F + 0.5F * (static_cast<float>(at) + 0.5F) / static_cast<float>(choices.size());
    }
    return keys;
  }

 private:
  DeviceId forced(UnitId unit, float key) const {
    const auto choices = problem_.choices(unit);
    const auto at = static_cast<size_t>((key - 0.5F) * 2 * static_cast<float>(choices.size()));
    return choices[std::min(at, choices.size() - 1)];
  }

  const Problem& problem_;
  std::vector<double> rank_;
};

Chromosome random_keys(size_t units, base::Rng rng) {
  Chromosome keys{std::vector<float>(units), std::vector<float>(units), {}};
  for (auto* row : {&keys.device, &keys.priority})
    for (float& key : *row) key = static_cast<float>(rng.next_u32() >> 8) * 0x1p-24F;
  return keys;
}

/// Each key from the better parent with probability kBias.
Chromosome cross(const Chromosome& better, const Chromosome& other, base::Rng rng) {
  Chromosome child = other;
  for (size_t unit = 0; unit < child.device.size(); ++unit) {
    if (rng.uniform() < kBias) child.device[unit] = better.device[unit];
    if (rng.uniform() < kBias) child.priority[unit] = better.priority[unit];
  }
  return child;
}

}  // namespace

UnitPlacement place_brkga(const Problem& problem, const Budget& budget) {
  Search search(problem, budget);
  const Decoder decode(problem);
  const size_t units = problem.graph().num_units();
  const uint64_t evaluations = budget.evaluations > 0 ? budget.evaluations : default_evaluations(problem);
  const uint64_t fitting = std::max(kLeastChromosomes, kMostKeys / std::max<uint64_t>(1, 2 * units));
  const size_t size = std::min(fitting, std::clamp(evaluations / kGenerations, kLeastChromosomes, kMostChromosomes));
  const auto elites = std::max<size_t>(1, static_cast<size_t>(kElite * static_cast<double>(size)));
  const auto mutants = std::max<size_t>(1, static_cast<size_t>(kMutants * static_cast<double>(size)));

  std::vector<Chromosome> population, next;
  for (const UnitPlacement& start : starts(problem, budget)) {
    population.push_back(decode.encode(start));
    population.back().score = search.score(start);
  }
  for (uint32_t generation = 0; !search.over(); ++generation) {
    // What is there already goes first; the first generation is random but for that.
    next.assign(population.begin(),
                population.begin() + static_cast<std::ptrdiff_t>(std::min(elites, population.size())));
    for (uint32_t i = 0; next.size() < size && !search.over(); ++i) {
      base::Rng rng(budget.seed, kStream, generation, i);
      const bool mutant = generation == 0 || i < mutants;
      if (mutant) {
        next.push_back(random_keys(units, rng));
      } else {
        const auto better = rng.below(static_cast<uint32_t>(elites));
        const auto other = static_cast<uint32_t>(elites) + rng.below(static_cast<uint32_t>(population.size() - elites));
        next.push_back(cross(population[better], population[other], rng));
      }
      next.back().score = search.score(decode(next.back()));
    }
    std::swap(population, next);
    std::stable_sort(population.begin(), population.end(),
                     [](const Chromosome& a, const Chromosome& b) { return a.score < b.score; });
  }
  return search.finish();
}

}  // namespace allot::place
