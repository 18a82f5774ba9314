// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "mixcal/bench.h"
#include "mixcal/group_dro.h"
#include "mixcal/propose.h"

namespace allot::mixcal {
namespace {

constexpr uint32_t kStream = 0x6d697862;
constexpr uint64_t kSeed = 7;

/// One token a domain.
Excess excess_of(const std::vector<double>& scores) {
  Excess excess(scores.size(), "token");
  excess.assign(scores, std::vector<double>(scores.size(), 1));
  return excess;
}

Criterion within(const std::string& what, double difference, double most) {
  return {what, fmt::format("off by {:.2g}", difference), fmt::format("{:g} at most", most), difference <= most};
}

/// T0.1 of the specification.
Criterion arithmetic() {
  GroupDro dro(3, {.step = 1, .smoothing = 1e-3}, 2);
  double off = 0;
  for (const Weights& wanted : {Weights{.390636, .319887, .289477}, Weights{.450450, .302113, .247437}}) {
    dro.update(excess_of({0.30, 0.10, 0.00}));
    off = std::max(off, largest_difference(dro.alpha(), wanted));
  }
  off = std::max(off, largest_difference(dro.average(), Weights{.420543, .311000, .268457}));
  return within("two updates of doremi", off, 1e-6);
}

/// T0.2: sums and floors over many updates by scores of all sizes.
Criterion invariants() {
  constexpr size_t kDomains = 22;
  constexpr double kSmoothing = 1e-3;
  GroupDro dro(kDomains, {.step = 1, .smoothing = kSmoothing}, 10'000);
  double off = 0;
  base::Rng rng(kSeed, kStream);
  for (int step = 0; step < 10'000; ++step) {
    std::vector<double> scores;
    for (size_t i = 0; i < kDomains; ++i) scores.push_back(50 * rng.uniform() * rng.uniform());
    dro.update(excess_of(scores));
    double sum = 0;
    for (const double each : dro.alpha()) {
      sum += each;
      off = std::max(off, kSmoothing / kDomains - each);
    }
    off = std::max(off, std::abs(sum - 1));
  }
  return within("weights add up to 1 above their floor, 10,000 updates", off, 1e-12);
}

/// T0.3: quadratic losses of one parameter around three centres, and what the game's solution is.
Criterion game(const std::string& what, const std::vector<double>& references, const Weights& wanted) {
  constexpr int64_t kSteps = 20'000;
  const std::vector<double> centres = {0, 1, 3};
  GroupDro dro(3, {.step = 1, .smoothing = 1e-3}, kSteps);
  double parameter = 0.2;
  for (int64_t step = 0; step < kSteps; ++step) {
    std::vector<double> scores;
    for (size_t i = 0; i < 3; ++i) {
      const double away = parameter - centres[i];
      scores.push_back(std::max(0.0, 0.5 * away * away - references[i]));
    }
    dro.update(excess_of(scores));
    double slope = 0;
    for (size_t i = 0; i < 3; ++i) slope += dro.alpha()[i] * (parameter - centres[i]);
    parameter -= 0.1 * slope;
  }
  return within(what, largest_difference(dro.average(), wanted), 5e-4);
}

/// T0.7, of the weights alone.
Criterion resumed() {
  const DroOptions options{.step = 0.3};
  GroupDro whole(5, options, 100), first(5, options, 100), second(5, options, 100);
  const auto scores = [](int step) {
    base::Rng rng(kSeed, kStream + 1, static_cast<uint32_t>(step));
    std::vector<double> drawn;
    for (size_t i = 0; i < 5; ++i) drawn.push_back(rng.uniform());
    return excess_of(drawn);
  };
  for (int step = 0; step < 100; ++step) whole.update(scores(step));
  for (int step = 0; step < 37; ++step) first.update(scores(step));
  second.assign(first.state(), "bench");
  for (int step = 37; step < 100; ++step) second.update(scores(step));
  return within("weights that go on from a saved state", largest_difference(whole.average(), second.average()), 0);
}

/// T0.5: sources of 4, 16, 64, 256 outcomes, of which 20,000 samples are shared out: losses are known, and the best
/// mixture for their average (roots of outcomes less 1) and for the worst of them (outcomes less 1).
class Sources {
 public:
  static Weights optimum(bool worst) {
    Weights weights;
    for (const double m : kOutcomes) weights.push_back(worst ? m - 1 : std::sqrt(m - 1));
    return normalized(weights);
  }

  /// A search, then others around what was found.
  static Weights search(const std::string& method, bool worst, int searches) {
    Weights weights = uniform(kOutcomes.size());
    SamplingOptions sampling{.runs = 64, .exponent = 1, .least = 0.5, .most = 5};
    for (int i = 0; i < searches; ++i, sampling.least *= 4, sampling.most *= 4) {
      const Swarm swarm = swarm_around(weights, sampling, kSeed + static_cast<uint64_t>(i));
      const ProposeOptions options{
          .method = method, .objective = {worst ? "worst" : "average"}, .kl = 0, .draws = 20'000, .replicates = 0};
      weights = propose(swarm, uniform(kOutcomes.size()), {}, options, kSeed).weights;
    }
    return weights;
  }

 private:
  inline static const std::vector<double> kOutcomes = {4, 16, 64, 256};
  static constexpr double kSamples = 20'000, kLeast = 2e-3;

  static Swarm swarm_around(const Weights& prior, const SamplingOptions& sampling, uint64_t seed) {
    Swarm swarm;
    for (const double m : kOutcomes) swarm.domains.push_back(fmt::format("{} outcomes", m));
    swarm.metrics = swarm.domains;
    for (Weights& weights : sample_mixtures(prior, sampling, {}, seed)) {
      for (double& weight : weights) weight = std::max(weight, kLeast);
      weights = normalized(weights);
      std::vector<double> losses;
      for (size_t i = 0; i < weights.size(); ++i) losses.push_back((kOutcomes[i] - 1) / (2 * weights[i] * kSamples));
      swarm.runs.push_back(std::to_string(swarm.runs.size()));
      swarm.values.push_back(std::move(losses));
      swarm.ratios.push_back(std::move(weights));
    }
    return swarm;
  }
};

}  // namespace

std::vector<Criterion> exact_criteria() {
  std::vector<Criterion> criteria = {arithmetic(), invariants(),
                                     game("a game without a reference", {0, 0, 0}, {.4995, .0005, .5000}),
                                     game("a game with one", {0, 0, 1.5}, {.6659, .0009, .3333}), resumed()};
  for (const bool worst : {false, true}) {
    const char* objective = worst ? "worst case" : "average";
    criteria.push_back(within(fmt::format("mixing-law's optimum for the {}", objective),
                              largest_difference(Sources::search("mixing-law", worst, 1), Sources::optimum(worst)),
                              0.03));
    criteria.push_back(within(fmt::format("regmix's optimum for the {}", objective),
                              largest_difference(Sources::search("regmix", worst, 3), Sources::optimum(worst)), 0.03));
  }
  return criteria;
}

}  // namespace allot::mixcal
