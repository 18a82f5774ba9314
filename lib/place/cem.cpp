// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "base/rng.h"
#include "place/methods.h"
#include "place/search.h"

namespace allot::place {
namespace {

constexpr uint32_t kStream = 0x63656D;
constexpr uint64_t kMostSamples = 1000, kLeastSamples = 20, kGenerations = 20;
constexpr double kElite = 0.1;      // of the samples
constexpr double kSmoothing = 0.3;  // what stays of the old distribution
constexpr double kFloor = 0.02;     // no device of a unit becomes less likely, over its number of devices

/// For each unit, independently, how likely each of its devices is.
class Categorical {
 public:
  explicit Categorical(const Problem& problem) : problem_(problem) {
    for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) {
      begin_.push_back(probability_.size());
      const size_t devices = problem.choices(unit).size();
      probability_.insert(probability_.end(), devices, 1.0 / static_cast<double>(devices));
    }
  }

  /// The sample of that number: the same each time until the distribution changes.
  void sample(uint64_t seed, uint32_t generation, uint32_t number, UnitPlacement& placement) const {
    base::Rng rng(seed, kStream, generation, number);
    for (UnitId unit = 0; unit < placement.size(); ++unit) {
      const auto choices = problem_.choices(unit);
      double left = rng.uniform();
      size_t i = 0;
      while (i + 1 < choices.size() && (left -= probability_[begin_[unit] + i]) >= 0) ++i;
      placement[unit] = choices[i];
    }
  }

  void learn(const std::vector<UnitPlacement>& elite) {
    for (UnitId unit = 0; unit < begin_.size(); ++unit) {
      const auto choices = problem_.choices(unit);
      double* const row = probability_.data() + begin_[unit];
      for (size_t i = 0; i < choices.size(); ++i) row[i] *= kSmoothing;
      for (const UnitPlacement& placement : elite) {
        const auto i = std::lower_bound(choices.begin(), choices.end(), placement[unit]) - choices.begin();
        row[i] += (1 - kSmoothing) / static_cast<double>(elite.size());
      }
      const double floor = kFloor / static_cast<double>(choices.size());
      double sum = 0;
      for (size_t i = 0; i < choices.size(); ++i) sum += row[i] = std::max(row[i], floor);
      for (size_t i = 0; i < choices.size(); ++i) row[i] /= sum;
    }
  }

 private:
  const Problem& problem_;
  std::vector<size_t> begin_;        // by unit: its row
  std::vector<double> probability_;  // beside the choices of each unit
};

}  // namespace

UnitPlacement place_cem(const Problem& problem, const Budget& budget) {
  Search search(problem, budget);
  std::vector<UnitPlacement> elite;
  for (UnitPlacement& start : starts(problem, budget)) {
    search.score(start);
    elite.push_back(std::move(start));
  }
  const uint64_t evaluations = budget.evaluations > 0 ? budget.evaluations : default_evaluations(problem);
  const auto samples = static_cast<uint32_t>(std::clamp(evaluations / kGenerations, kLeastSamples, kMostSamples));
  const auto elites = std::max<size_t>(2, static_cast<size_t>(kElite * samples));
  Categorical distribution(problem);
  UnitPlacement placement(problem.graph().num_units());
  std::vector<std::pair<Score, uint32_t>> scored;
  for (uint32_t generation = 0; !search.over(); ++generation) {
    scored.clear();
    for (uint32_t number = 0; number < samples && !search.over(); ++number) {
      distribution.sample(budget.seed, generation, number, placement);
      scored.emplace_back(search.score(placement), number);
    }
    std::sort(scored.begin(), scored.end());
    scored.resize(std::min(scored.size(), elites));
    if (generation > 0) elite.clear();  // the first generation learns from the constructive methods, too
    for (const auto& [unused, number] : scored) {
      distribution.sample(budget.seed, generation, number, placement);
      elite.push_back(placement);
    }
    distribution.learn(elite);
  }
  return search.finish();
}

}  // namespace allot::place
