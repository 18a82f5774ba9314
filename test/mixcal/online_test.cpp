// SPDX-License-Identifier: Apache-2.0
// T0 of the methods without a reference model: numbers that DoGE and Aioli must give, and that known mistakes do not
// give.
#include <algorithm>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "mixcal/aioli.h"
#include "mixcal/doge.h"

using namespace allot;
using mixcal::Aioli;
using mixcal::Doge;
using mixcal::Weights;

namespace {

/// exp of each over their sum.
Weights softmax(std::vector<double> logs) {
  double sum = 0;
  for (double& each : logs) sum += each = std::exp(each);
  for (double& each : logs) each /= sum;
  return logs;
}

const std::vector<size_t> kAll = {0, 1, 2};
// Three unit gradients.
const std::vector<double> kProducts = {1, 0.5, -0.2, 0.5, 1, 0.1, -0.2, 0.1, 1};

/// Losses that fall by what is drawn: `effect` [domain, drawn] times the shares, at each step.
struct World {
  std::vector<double> effect;
  std::vector<double> losses = {10, 10, 10};

  void step(const Weights& shares) {
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 3; ++j) losses[i] -= effect[3 * i + j] * shares[j];
  }
};

/// What a broken Aioli does instead.
enum class Fault { none, looks_late, takes_shares_for_one };

Weights run_aioli(World world, const mixcal::AioliOptions& options, int64_t steps, Fault fault = Fault::none,
                  const std::vector<size_t>& over = kAll) {
  Aioli aioli(3, options, steps, 7, over);
  std::vector<double> late = world.losses;
  for (int64_t step = 0; step < steps; ++step) {
    if (aioli.looks_before(step)) {
      aioli.observe(step, fault == Fault::looks_late ? late : world.losses);
      late = world.losses;
    }
    const Weights mix = aioli.mix(step);
    // As if a favoured domain were all that is drawn.
    Weights single(3);
    single[static_cast<size_t>(std::max_element(mix.begin(), mix.end()) - mix.begin())] = 1;
    world.step(fault == Fault::takes_shares_for_one && mix != aioli.alpha() ? single : mix);
    aioli.count(step);
  }
  return aioli.alpha();
}

double away(const Weights& a, const Weights& b) { return mixcal::largest_difference(a, b); }

}  // namespace

TEST_CASE("T0.1 of doge: the update's arithmetic") {
  Doge doge(3, 0.01, kAll);
  doge.update(kProducts, 0.01);
  // Sums of products with the others are 0.3, 0.6 and -0.1, which counts as 0; gradients have the norm 1.
  CHECK(doge.scores()[0] == Approx(0.003));
  CHECK(doge.scores()[1] == Approx(0.006));
  CHECK(doge.scores()[2] == 0);
  const Weights once = softmax({0.3, 0.6, 0}), twice = softmax({0.6, 1.2, 0});
  CHECK(away(doge.alpha(), once) < 1e-12);
  doge.update(kProducts, 0.01);
  CHECK(away(doge.alpha(), twice) < 1e-12);
  for (size_t i = 0; i < 3; ++i) CHECK(doge.average()[i] == Approx((once[i] + twice[i]) / 2));
  // Mistakes: a domain that counts what it does for itself, signs kept, no memory of the step before.
  CHECK(away(doge.alpha(), softmax({2.6, 3.2, 1.8})) > 0.01);
  CHECK(away(doge.alpha(), softmax({0.6, 1.2, -0.2})) > 0.01);
  CHECK(away(doge.alpha(), once) > 0.05);
}

TEST_CASE("Scores of doge are relative to the mean norm, within five rates, and follow the learning rate") {
  Doge doge(3, 0.01, kAll);
  std::vector<double> large = kProducts;
  for (double& each : large) each *= 4;  // gradients of norm 2
  doge.update(large, 0.01);
  CHECK(doge.scores()[0] == Approx(0.006));
  for (double& each : large) each *= 1e6;
  doge.update(large, 0.01);
  CHECK(doge.scores()[0] == Approx(0.05));
  CHECK(doge.scores()[1] == Approx(0.05));
  Doge still(3, 0.01, kAll);
  still.update(kProducts, 0);
  CHECK(away(still.alpha(), mixcal::uniform(3)) < 1e-15);
}

TEST_CASE("Targets of doge: what a domain does for itself counts where not all are meant") {
  Doge doge(3, 0.01, {2});
  doge.update(kProducts, 0.01);
  CHECK(doge.scores()[0] == 0);
  CHECK(doge.scores()[1] == Approx(0.001));
  CHECK(doge.scores()[2] == Approx(0.01));
}

TEST_CASE("A domain that doge does not see in a batch keeps its weight beside others without a score") {
  Doge doge(3, 0.01, kAll);
  doge.update(std::vector<double>{1, 0, -0.5, 0, 0, 0, -0.5, 0, 1}, 0.01);
  CHECK(away(doge.alpha(), mixcal::uniform(3)) < 1e-15);
}

TEST_CASE("What is not finite stops doge and aioli, and changes nothing") {
  Doge doge(3, 0.01, kAll);
  std::vector<double> bad = kProducts;
  bad[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(doge.update(bad, 0.01), base::Error);
  CHECK(doge.alpha() == mixcal::uniform(3));
  Aioli aioli(3, {.rounds = 1, .sweeps = 1, .slot = 1}, 10, 1, kAll);
  const std::vector<double> losses = {1, std::numeric_limits<double>::infinity(), 1};
  CHECK_THROWS_AS(aioli.observe(0, losses), base::Error);
  CHECK(aioli.alpha() == mixcal::uniform(3));
}

TEST_CASE("T0.1 of aioli: effects that are known are found, and weights follow them") {
  const World world{{3, 1, 0, 1, 2, 0, 0, 0, 1}};
  // Columns are 4, 3 and 1 of 8. Four rounds multiply four times.
  const mixcal::AioliOptions options{.rounds = 4, .sweeps = 2, .slot = 3, .focus = 0.6, .step = 1};
  const Weights found = run_aioli(world, options, 100), wanted = softmax({4 * 0.5, 4 * 0.375, 4 * 0.125});
  CHECK(away(found, wanted) < 1e-9);
  // Mistakes: losses of a slot too early, shares taken for those of one domain alone.
  CHECK(away(run_aioli(world, options, 100, Fault::looks_late), wanted) > 0.01);
  CHECK(away(run_aioli(world, options, 100, Fault::takes_shares_for_one), wanted) > 0.01);
}

TEST_CASE("Effects of aioli that do harm are moved above 0, and those on domains that do not count are left out") {
  const World world{{3, -1, 0, 1, 2, 0, 0, 0, 1}};  // less its smallest, in all 15: columns 7, 4 and 4
  const mixcal::AioliOptions options{.rounds = 1, .sweeps = 1, .slot = 2, .focus = 0.6};
  CHECK(away(run_aioli(world, options, 20), softmax({7.0 / 15, 4.0 / 15, 4.0 / 15})) < 1e-9);
  CHECK(away(run_aioli(world, options, 20, Fault::none, {1}), softmax({2.0 / 15, 3.0 / 15, 1.0 / 15})) < 1e-9);
}

TEST_CASE("A moving average of aioli's effects forgets instead of multiplying") {
  const World world{{3, 1, 0, 1, 2, 0, 0, 0, 1}};
  const mixcal::AioliOptions options{.rounds = 4, .sweeps = 1, .slot = 3, .focus = 0.6, .step = 2, .past = 0.5};
  CHECK(away(run_aioli(world, options, 100), softmax({1, 0.75, 0.25})) < 1e-9);
}

TEST_CASE("Rounds of aioli: every domain is favoured for as long in each, and the rest draws by the weights") {
  const int64_t steps = 103;
  Aioli aioli(3, {.rounds = 4, .sweeps = 2, .slot = 2, .focus = 0.7}, steps, 3, kAll);
  std::vector<int> favoured(3);
  int drawn = 0, looks = 0;
  for (int64_t step = 0; step < steps; ++step) {
    looks += aioli.looks_before(step) ? 1 : 0;
    const Weights mix = aioli.mix(step);
    CHECK(mix[0] + mix[1] + mix[2] == Approx(1));
    const auto most = std::max_element(mix.begin(), mix.end());
    if (*most == 0.7)
      ++favoured[static_cast<size_t>(most - mix.begin())];
    else
      ++drawn;
  }
  CHECK(favoured == std::vector<int>{16, 16, 16});
  CHECK(drawn == steps - 48);
  CHECK(looks == aioli.looks());
  CHECK(away(aioli.average(), mixcal::uniform(3)) == 0);
}

TEST_CASE("A run of aioli that is too short is refused") {
  CHECK_THROWS_AS(Aioli(3, {}, 6, 1, kAll), base::Error);
  CHECK_NOTHROW(Aioli(3, {}, 7, 1, kAll));
  CHECK_THROWS_AS(Aioli(2, {.focus = 0.5}, 100, 1, {0, 1}), base::Error);
}

TEST_CASE("Doge and aioli go on from their state") {
  Doge whole(3, 0.01, kAll), resumed(3, 0.01, kAll);
  whole.update(kProducts, 0.01);
  resumed.assign(whole.state(), "here");
  for (Doge* each : {&whole, &resumed}) each->update(kProducts, 0.02);
  CHECK(whole.average() == resumed.average());
  CHECK_THROWS_AS(resumed.assign(std::vector<double>(4), "here"), base::Error);
  const mixcal::AioliOptions options{.rounds = 2, .sweeps = 1, .slot = 2};
  Aioli first(3, options, 30, 1, kAll);
  World world{{3, 1, 0, 1, 2, 0, 0, 0, 1}};
  const auto advance = [&](Aioli& aioli, int64_t from, int64_t to) {
    for (int64_t step = from; step < to; ++step) {
      if (aioli.looks_before(step)) aioli.observe(step, world.losses);
      world.step(aioli.mix(step));
      aioli.count(step);
    }
  };
  advance(first, 0, 3);
  Aioli second(3, options, 30, 1, kAll);
  second.assign(first.state(), "here");
  const World there = world;
  advance(first, 3, 30);
  world = there;
  advance(second, 3, 30);
  CHECK(first.average() == second.average());
  CHECK(away(first.average(), mixcal::uniform(3)) > 1e-3);
  CHECK_THROWS_AS(second.assign(std::vector<double>(4), "here"), base::Error);
}
