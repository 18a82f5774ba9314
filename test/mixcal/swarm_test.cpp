// SPDX-License-Identifier: Apache-2.0
// T0.5 of the specification of mixcal, 6.1: mixtures whose optimum is known; laws that are given back; files of swarms.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "mixcal/group_dro.h"
#include "mixcal/minimize.h"
#include "mixcal/propose.h"

using namespace allot;
using mixcal::Swarm;
using mixcal::Weights;

namespace {

const std::vector<double> kOutcomes = {4, 16, 64, 256};  // of the sources of T0.5
constexpr double kSamples = 20'000;

std::vector<double> multinomial_losses(const Weights& weights) {
  std::vector<double> losses;
  for (size_t i = 0; i < weights.size(); ++i) losses.push_back((kOutcomes[i] - 1) / (2 * weights[i] * kSamples));
  return losses;
}

Weights known_optimum(bool worst) {
  Weights weights;
  for (const double m : kOutcomes) weights.push_back(worst ? m - 1 : std::sqrt(m - 1));
  return mixcal::normalized(weights);
}

using Losses = std::vector<double> (*)(const Weights&);

/// A swarm around `prior` whose losses are known.
Swarm swarm_of(const Weights& prior, const mixcal::SamplingOptions& sampling, uint64_t seed, Losses losses) {
  Swarm swarm;
  for (size_t i = 0; i < prior.size(); ++i) swarm.domains.push_back("d" + std::to_string(i));
  swarm.metrics = swarm.domains;
  for (Weights& weights : mixcal::sample_mixtures(prior, sampling, {}, seed)) {
    for (double& weight : weights) weight = std::max(weight, 2e-3);
    weights = mixcal::normalized(weights);
    swarm.runs.push_back(std::to_string(swarm.runs.size()));
    swarm.values.push_back(losses(weights));
    swarm.ratios.push_back(std::move(weights));
  }
  return swarm;
}

/// Search, then again around what was found.
Weights search(const std::string& method, const std::string& objective, int iterations, uint64_t seed) {
  Weights weights = mixcal::uniform(kOutcomes.size());
  mixcal::SamplingOptions sampling{.runs = 64, .exponent = 1, .least = 0.5, .most = 5};
  for (int i = 0; i < iterations; ++i, sampling.least *= 4, sampling.most *= 4) {
    const Swarm swarm = swarm_of(weights, sampling, seed + static_cast<uint64_t>(i), multinomial_losses);
    weights =
        mixcal::propose(swarm, mixcal::uniform(4), {},
                        {.method = method, .objective = {objective}, .kl = 0, .draws = 20'000, .replicates = 0}, seed)
            .weights;
  }
  return weights;
}

std::vector<double> law_losses(const Weights& w) {
  return {1.2 + std::exp(0.3 - 2.0 * w[0] - 0.4 * w[1] + 0.5 * w[2]),
          0.8 + std::exp(0.6 * w[0] - 1.5 * w[1] - 0.2 * w[2]),
          2.0 + std::exp(-0.3 + 0.1 * w[0] + 0.2 * w[1] - 2.5 * w[2])};
}

/// The best of a fine grid over three domains.
Weights grid_optimum(Losses losses, bool worst) {
  Weights best;
  double least = 1e300;
  for (int a = 0; a <= 400; ++a)
    for (int b = 0; a + b <= 400; ++b) {
      const Weights w = {a / 400.0, b / 400.0, (400 - a - b) / 400.0};
      const std::vector<double> values = losses(w);
      const double value =
          worst ? *std::max_element(values.begin(), values.end()) : std::accumulate(values.begin(), values.end(), 0.0);
      if (value < least) least = value, best = w;
    }
  return best;
}

struct Folder {
  Folder() : path(std::filesystem::temp_directory_path() / "allot-swarm-test") {
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("T0.5: a swarm finds the optimum for average and worst case") {
  for (const bool worst : {false, true}) {
    const std::string objective = worst ? "worst" : "average";
    CHECK(mixcal::largest_difference(search("mixing-law", objective, 1, 7), known_optimum(worst)) <= 0.03);
    CHECK(mixcal::largest_difference(search("regmix", objective, 3, 7), known_optimum(worst)) <= 0.03);
  }
}

TEST_CASE("T0.5 tells the optima apart, and from the uniform mixture") {
  CHECK(mixcal::largest_difference(known_optimum(false), known_optimum(true)) > 0.03);
  CHECK(mixcal::largest_difference(search("mixing-law", "average", 1, 7), known_optimum(true)) > 0.03);
  CHECK(mixcal::largest_difference(mixcal::uniform(4), known_optimum(false)) > 0.03);
}

TEST_CASE("T0.5: Group DRO finds the optimum for the worst case") {
  // Learners that drew shares alpha of the samples; the weights play against the excess losses.
  mixcal::GroupDro dro(4, {.step = 1, .smoothing = 0}, 20'000);
  for (int step = 0; step < 20'000; ++step) {
    const std::vector<double> losses = multinomial_losses(dro.alpha());
    mixcal::Excess excess(4, "token");
    for (size_t i = 0; i < 4; ++i) {
      const float loss[] = {static_cast<float>(losses[i])}, none[] = {0};
      excess.add(i, loss, none);
    }
    dro.update(excess);
  }
  CHECK(mixcal::largest_difference(dro.average(), known_optimum(true)) <= 0.03);
}

TEST_CASE("A law of which a swarm was drawn is found again") {
  const Swarm swarm = swarm_of(mixcal::uniform(3), {.runs = 40}, 5, law_losses);
  for (const bool worst : {false, true}) {
    const mixcal::Proposal found = mixcal::propose(
        swarm, mixcal::uniform(3), {},
        {.regressor = "log-linear", .objective = {worst ? "worst" : "average"}, .kl = 0, .replicates = 4}, 1);
    CHECK(mixcal::largest_difference(found.weights, grid_optimum(law_losses, worst)) <= 0.03);
    for (const mixcal::Fitted& fitted : found.fitted) CHECK(fitted.quality.spearman > 0.99);
    for (const double deviation : found.deviations) CHECK(deviation < 0.05);
  }
}

TEST_CASE("The pull towards the prior, and caps, hold") {
  const Swarm swarm = swarm_of(mixcal::uniform(3), {.runs = 40}, 5, law_losses);
  const Weights prior = {0.6, 0.3, 0.1};
  const auto solve = [&](double kl, const std::vector<double>& caps) {
    return mixcal::propose(swarm, prior, caps, {.regressor = "log-linear", .kl = kl, .replicates = 0}, 1).weights;
  };
  CHECK(mixcal::largest_difference(solve(1e4, {}), prior) < 1e-3);
  const Weights free = solve(0, {}), between = solve(0.1, {});
  CHECK(mixcal::divergence(between, prior) < mixcal::divergence(free, prior));
  const Weights capped = solve(0, {0.3, 1, 0.35});
  CHECK(capped[0] <= 0.3 + 1e-9);
  CHECK(capped[2] <= 0.35 + 1e-9);
  CHECK_THROWS_AS(solve(0, {0.3, 0.3, 0.3}), base::Error);
}

TEST_CASE("A swarm that says nothing is refused") {
  Swarm swarm = swarm_of(mixcal::uniform(3), {.runs = 40}, 5, law_losses);
  base::Rng rng(9);
  for (auto& row : swarm.values)
    for (double& value : row) value = 1 + rng.uniform();
  CHECK_THROWS_AS(mixcal::propose(swarm, mixcal::uniform(3), {}, {}, 1), base::Error);
}

TEST_CASE("Regressors have the gradients that they say") {
  const Swarm swarm = swarm_of(mixcal::uniform(3), {.runs = 40}, 5, law_losses);
  mixcal::Runs runs{swarm.ratios, {}, 1};
  for (const auto& row : swarm.values) runs.values.push_back(row[1]);
  for (const std::string& kind : mixcal::regressor_kinds()) {
    INFO(kind);
    const auto regressor = mixcal::fit(kind, runs);
    const Weights at = {0.3, 0.5, 0.2};
    std::vector<double> gradient(3);
    regressor->predict(at, gradient);
    for (size_t i = 0; i < 3; ++i) {
      Weights above = at, below = at;
      above[i] += 1e-5, below[i] -= 1e-5;
      CHECK(gradient[i] ==
            Approx((regressor->predict(above) - regressor->predict(below)) / 2e-5).epsilon(1e-4).margin(1e-6));
    }
  }
}

TEST_CASE("Minima are found") {
  const mixcal::Smooth rosenbrock = [](std::span<const double> x, std::span<double> gradient) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2 * a - 400 * x[0] * b;
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  const mixcal::Minimum found = mixcal::minimize(rosenbrock, {-1.2, 1});
  CHECK(found.x[0] == Approx(1).margin(1e-5));
  CHECK(found.x[1] == Approx(1).margin(1e-5));
}

TEST_CASE("Rank correlation") {
  CHECK(mixcal::spearman(std::vector<double>{1, 2, 3, 4}, std::vector<double>{10, 20, 30, 40}) == Approx(1));
  CHECK(mixcal::spearman(std::vector<double>{1, 2, 3, 4}, std::vector<double>{4, 3, 2, 1}) == Approx(-1));
  CHECK(mixcal::spearman(std::vector<double>{1, 2, 2, 3}, std::vector<double>{1, 2, 3, 4}) ==
        Approx(0.9486833).margin(1e-6));
}

TEST_CASE("Files of swarms are read by the names of runs") {
  const Folder folder;
  const std::string ratios = folder.file("r.csv", "run,name,index,a,b\nx,x,0,3,1\ny,y,1,1,1\nz,z,2,0,1\n");
  const std::string metrics = folder.file("m.csv", "run,valid_a,valid_b\nz,1.5,2\nx,1,3\n");
  const Swarm swarm = mixcal::read_swarm(ratios, metrics);
  CHECK(swarm.domains == std::vector<std::string>{"a", "b"});
  CHECK(swarm.metrics == swarm.domains);
  CHECK(swarm.runs == std::vector<std::string>{"x", "z"});
  CHECK(swarm.ratios == std::vector<Weights>{{0.75, 0.25}, {0, 1}});
  CHECK(swarm.values == std::vector<std::vector<double>>{{1, 3}, {1.5, 2}});
  const std::string again = (folder.path / "again.csv").string();
  mixcal::write_ratios(swarm, again, base::Replace::any);
  CHECK(mixcal::read_ratios(again).ratios == swarm.ratios);
}

TEST_CASE("Files of swarms that make no sense are refused") {
  const Folder folder;
  const std::string good = folder.file("good.csv", "index,a,b\n0,1,1\n1,1,3\n");
  const auto refuses = [&](const std::string& text) {
    const std::string bad = folder.file("bad.csv", text);
    CHECK_THROWS_AS(mixcal::read_swarm(good, bad), base::Error);
  };
  refuses("");
  refuses("index,a\n");
  refuses("index,a\n0,one\n");
  refuses("index,a\n0,nan\n");
  refuses("index,a\n0,1\n0,2\n");
  refuses("index,a\n7,1\n");
  refuses("other,a\n0,1\n");
  refuses("index,a\n0\n");
  refuses("index\n0\n");
  CHECK_THROWS_AS(mixcal::read_ratios(folder.file("one.csv", "index,a\n0,1\n")), base::Error);
  CHECK_THROWS_AS(mixcal::read_ratios(folder.file("minus.csv", "index,a,b\n0,1,-1\n")), base::Error);
  CHECK_THROWS_AS(mixcal::read_ratios(folder.file("none.csv", "index,a,b\n0,0,0\n")), base::Error);
}
