// SPDX-License-Identifier: Apache-2.0
#include "mixcal/weights.h"

#include <cmath>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "mixcal/swarm.h"

using namespace allot;
using mixcal::Weights;

namespace {

void check_close(const Weights& found, const Weights& wanted) {
  CHECK(mixcal::largest_difference(found, wanted) < 1e-12);
}

}  // namespace

TEST_CASE("Mixes that need no training") {
  const std::vector<double> tokens = {100, 300, 600};
  check_close(mixcal::natural(tokens), {0.1, 0.3, 0.6});
  check_close(mixcal::temperature(tokens, 1), {0.1, 0.3, 0.6});
  check_close(mixcal::temperature(tokens, 0), mixcal::uniform(3));
  const double sum = 10 + std::sqrt(300.0) + std::sqrt(600.0);
  check_close(mixcal::temperature(tokens, 0.5), {10 / sum, std::sqrt(300.0) / sum, std::sqrt(600.0) / sum});
  check_close(mixcal::unimax(tokens, 600, 1), {100 / 600.0, 250 / 600.0, 250 / 600.0});
  check_close(mixcal::unimax(tokens, 100, 4), mixcal::uniform(3));
}

TEST_CASE("Caps fill like water") {
  check_close(mixcal::capped({0.7, 0.2, 0.1}, std::vector<double>{0.4, 1, 1}), {0.4, 0.4, 0.2});
  check_close(mixcal::capped({0.7, 0.2, 0.1}, std::vector<double>{0.4, 0.3, 1}), {0.4, 0.3, 0.3});
  check_close(mixcal::capped({1, 0, 0}, std::vector<double>{0.4, 0.2, 1}), {0.4, 0.1, 0.5});
  CHECK_THROWS_AS(mixcal::capped({0.5, 0.5}, std::vector<double>{0.4, 0.5}), base::Error);
  for (uint32_t round = 0; round < 300; ++round) {
    base::Rng rng(1, 0, round);
    Weights weights, caps;
    for (size_t i = 0; i < 2 + round % 8; ++i) weights.push_back(rng.uniform()), caps.push_back(rng.uniform());
    double room = 0;
    for (const double cap : caps) room += cap;
    if (room < 1) continue;
    weights = mixcal::normalized(weights);
    const Weights fitted = mixcal::capped(weights, caps);
    double sum = 0, factor = 0;
    for (size_t i = 0; i < fitted.size(); ++i) {
      CHECK(fitted[i] <= caps[i] * (1 + 1e-9));
      sum += fitted[i];
      if (fitted[i] < caps[i] * (1 - 1e-9)) {  // all that are not full grew by one factor
        if (factor == 0) factor = fitted[i] / weights[i];
        CHECK(fitted[i] / weights[i] == Approx(factor));
      }
    }
    CHECK(sum == Approx(1).margin(1e-12));
  }
}

TEST_CASE("Weights that are none are refused") {
  CHECK_THROWS_AS(mixcal::normalized({0, 0}), base::Error);
  CHECK_THROWS_AS(mixcal::normalized({1, -1}), base::Error);
  CHECK_THROWS_AS(mixcal::normalized({1, std::nan("")}), base::Error);
  CHECK_THROWS_AS(mixcal::normalized({1, HUGE_VAL}), base::Error);
}

TEST_CASE("Written weights add up to 1, and none becomes 0") {
  for (const Weights& weights :
       {Weights{1.0 / 3, 1.0 / 3, 1.0 / 3}, Weights{1 - 3e-9, 1e-9, 1e-9, 1e-9}, Weights{0, 1}}) {
    const Weights written = mixcal::rounded(weights);
    int64_t millionths = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      CHECK((written[i] > 0) == (weights[i] > 0));
      millionths += std::llround(written[i] * 1e6);
    }
    CHECK(millionths == 1'000'000);
  }
}

TEST_CASE("Figures of a mixture") {
  CHECK(mixcal::effective_domains(mixcal::uniform(7)) == Approx(7));
  CHECK(mixcal::effective_domains(Weights{1, 0, 0}) == Approx(1));
  CHECK(mixcal::divergence(Weights{0.5, 0.5}, Weights{0.5, 0.5}) == 0);
  CHECK(mixcal::divergence(Weights{1, 0}, Weights{0.5, 0.5}) == Approx(std::log(2)));
  check_close(mixcal::epochs_of(Weights{0.5, 0.5}, std::vector<double>{100, 1000}, 1000), {5, 0.5});
}

TEST_CASE("Mixtures are drawn around the prior, below the caps, and by seed") {
  const Weights prior = {0.5, 0.3, 0.15, 0.05};
  const auto drawn = mixcal::sample_mixtures(prior, {.runs = 500}, {0.8, 0.7, 0.6, 0.5}, 3);
  REQUIRE(drawn.size() == 500);
  CHECK(drawn[0] == prior);
  CHECK(drawn[1] == mixcal::uniform(4));
  Weights mean(4);
  for (const Weights& weights : drawn)
    for (size_t i = 0; i < 4; ++i) {
      CHECK(weights[i] <= Weights({0.8, 0.7, 0.6, 0.5})[i] + 1e-9);
      CHECK((weights[i] == 0 || weights[i] >= 2e-3));
      mean[i] += weights[i] / 500;
    }
  CHECK(mixcal::largest_difference(mean, mixcal::temperature(prior, 0.5)) < 0.08);
  CHECK(mixcal::sample_mixtures(prior, {.runs = 500}, {0.8, 0.7, 0.6, 0.5}, 3) == drawn);
  CHECK(mixcal::sample_mixtures(prior, {.runs = 500}, {}, 4) != drawn);
  CHECK(mixcal::sample_mixtures(prior, {}, {}, 3).size() == 24);
  CHECK_THROWS_AS(mixcal::sample_mixtures(prior, {.runs = 50, .least = 50, .most = 50}, {0.05, 1, 1, 1}, 3),
                  base::Error);
}
