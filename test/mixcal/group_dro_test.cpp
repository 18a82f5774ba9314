// SPDX-License-Identifier: Apache-2.0
// T0.1 to T0.4 and T0.6 of the specification of mixcal, 6.1: numbers that an update of weights must give, and that
// known mistakes do not give.
#include "mixcal/group_dro.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"

using namespace allot;
using mixcal::DroOptions;
using mixcal::Excess;
using mixcal::GroupDro;
using mixcal::Weights;

namespace {

/// One token a domain with this excess loss.
Excess excess_of(const std::vector<double>& scores, const std::string& clip) {
  Excess excess(scores.size(), clip);
  for (size_t i = 0; i < scores.size(); ++i) {
    const float proxy[] = {static_cast<float>(scores[i])}, reference[] = {0};
    excess.add(i, proxy, reference);
  }
  return excess;
}

/// The tokens of T0.1.
Excess tokens_of(const std::string& clip) {
  Excess excess(3, clip);
  const float none[] = {0, 0};
  const std::vector<std::vector<float>> losses = {{0.5f, 0.1f}, {-0.4f, 0.2f}, {-0.3f, -0.1f}};
  for (size_t i = 0; i < losses.size(); ++i) excess.add(i, losses[i], none);
  return excess;
}

void check_close(const Weights& found, const Weights& wanted, double tolerance) {
  REQUIRE(found.size() == wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    INFO("domain " << i);
    CHECK(found[i] == Approx(wanted[i]).margin(tolerance));
  }
}

bool is_close(const Weights& found, const Weights& wanted, double tolerance) {
  return mixcal::largest_difference(found, wanted) <= tolerance;
}

/// What a broken implementation does instead.
enum class Fault { none, stateless, wrong_sign, no_reference };

/// The game of T0.3: one parameter, quadratic losses.
struct Game {
  std::vector<double> centres, references;
  Fault fault = Fault::none;

  Weights play(int64_t steps, double eta, double smoothing, double& parameter) const {
    const DroOptions options{.step = eta, .smoothing = smoothing};
    GroupDro dro(centres.size(), options, steps);
    Weights sum(centres.size());
    parameter = 0.2;
    for (int64_t step = 0; step < steps; ++step) {
      std::vector<double> scores;
      for (size_t i = 0; i < centres.size(); ++i) {
        const double away = parameter - centres[i];
        scores.push_back(std::max(0.0, 0.5 * away * away - (fault == Fault::no_reference ? 0 : references[i])));
      }
      Weights alpha;
      if (fault == Fault::wrong_sign) {
        for (double& score : scores) score = -score;
        dro.update(excess_of(scores, "none"));
        alpha = dro.alpha();
      } else if (fault == Fault::stateless) {
        GroupDro fresh(centres.size(), options, steps);
        fresh.update(excess_of(scores, "token"));
        alpha = fresh.alpha();
      } else {
        dro.update(excess_of(scores, "token"));
        alpha = dro.alpha();
      }
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += alpha[i] / static_cast<double>(steps);
      double slope = 0;
      for (size_t i = 0; i < centres.size(); ++i) slope += alpha[i] * (parameter - centres[i]);
      parameter -= 0.1 * slope;
    }
    if (fault == Fault::none) CHECK(mixcal::largest_difference(sum, dro.average()) < 1e-9);
    return sum;
  }
};

}  // namespace

TEST_CASE("T0.1: the update's arithmetic") {
  GroupDro dro(3, {.step = 1, .smoothing = 1e-3}, 2);
  dro.update(tokens_of("token"));
  check_close(dro.scores(), {0.30, 0.10, 0.00}, 1e-6);
  check_close(dro.alpha(), {0.390636, 0.319887, 0.289477}, 1e-6);
  dro.update(tokens_of("token"));
  check_close(dro.alpha(), {0.450450, 0.302113, 0.247437}, 1e-6);
  check_close(dro.average(), {0.420543, 0.311000, 0.268457}, 1e-6);
}

TEST_CASE("T0.1: where losses are clipped") {
  GroupDro by_domain(3, {.step = 1, .smoothing = 1e-3}, 2);
  by_domain.update(tokens_of("domain"));
  check_close(by_domain.scores(), {0.30, 0, 0}, 1e-6);
  check_close(by_domain.alpha(), {0.402890, 0.298555, 0.298555}, 1e-6);
  GroupDro nowhere(3, {.step = 1, .smoothing = 1e-3}, 2);
  nowhere.update(tokens_of("none"));
  check_close(nowhere.scores(), {0.30, -0.10, -0.20}, 1e-6);
  check_close(nowhere.alpha(), {0.439097, 0.294446, 0.266457}, 1e-6);
}

TEST_CASE("T0.1 notices smoothing that is not fed back, and the last weights given for the average") {
  // Without feedback the second step multiplies unsmoothed weights.
  std::vector<double> unsmoothed = {std::exp(0.6), std::exp(0.2), 1};
  unsmoothed = mixcal::normalized(unsmoothed);
  for (double& each : unsmoothed) each = 0.999 * each + 1e-3 / 3;
  CHECK_FALSE(is_close(unsmoothed, {0.450450, 0.302113, 0.247437}, 1e-6));
  GroupDro last(3, {.step = 1, .smoothing = 1e-3, .average = "last"}, 2);
  for (int i = 0; i < 2; ++i) last.update(tokens_of("token"));
  CHECK_FALSE(is_close(last.average(), {0.420543, 0.311000, 0.268457}, 1e-3));
}

TEST_CASE("T0.2: weights are a distribution above the floor, whatever the scores") {
  for (uint32_t round = 0; round < 200; ++round) {
    base::Rng rng(1, 0, round);
    const size_t domains = 1 + rng.below(30);
    const double smoothing = round % 3 == 0 ? 0 : 1e-3;
    GroupDro dro(domains, {.step = std::exp(rng.normal()), .smoothing = smoothing}, 20);
    for (int step = 0; step < 20; ++step) {
      std::vector<double> scores(domains);
      for (double& score : scores) score = 5 * rng.uniform();
      dro.update(excess_of(scores, "token"));
      double sum = 0;
      for (const double alpha : dro.alpha()) {
        CHECK(alpha >= smoothing / static_cast<double>(domains) * (1 - 1e-12));
        sum += alpha;
      }
      CHECK(sum == Approx(1).margin(1e-12));
    }
    if (domains == 1) CHECK(dro.alpha()[0] == Approx(1).margin(1e-15));
  }
}

TEST_CASE("T0.2: permuted domains permute the weights, and what all score alike changes none") {
  base::Rng rng(2);
  const std::vector<size_t> order = {2, 0, 3, 1};
  GroupDro plain(4, {.step = 1}, 50), permuted(4, {.step = 1}, 50), shifted(4, {.step = 1}, 50);
  for (int step = 0; step < 50; ++step) {
    std::vector<double> scores(4), moved(4), more(4);
    for (double& score : scores) score = std::round(1024 * rng.uniform()) / 1024;  // exact in float32, and with 2 more
    for (size_t i = 0; i < 4; ++i) moved[i] = scores[order[i]], more[i] = scores[i] + 2;
    plain.update(excess_of(scores, "token"));
    permuted.update(excess_of(moved, "token"));
    shifted.update(excess_of(more, "token"));
  }
  for (size_t i = 0; i < 4; ++i) CHECK(permuted.average()[i] == Approx(plain.average()[order[i]]).margin(1e-14));
  check_close(shifted.average(), plain.average(), 1e-12);
}

TEST_CASE("T0.2: a score that is not finite is an error that changes nothing") {
  GroupDro dro(2, {.step = 1}, 10);
  dro.update(excess_of({0.5, 0.1}, "token"));
  const std::vector<double> before = dro.state();
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(dro.update(excess_of({bad, 0.1}, "token")), base::Error);
    CHECK(dro.state() == before);
  }
}

TEST_CASE("T0.2: a million updates do not drift") {
  GroupDro dro(3, {.step = 0.1}, 1'000'000);
  const Excess excess = excess_of({0.3, 0.2, 0.3}, "token");
  for (int step = 0; step < 1'000'000; ++step) dro.update(excess);
  CHECK(dro.alpha()[0] + dro.alpha()[1] + dro.alpha()[2] == Approx(1).margin(1e-12));
  CHECK(dro.alpha()[0] == Approx(dro.alpha()[2]).margin(1e-12));
}

TEST_CASE("T0.2: a domain without tokens scores nothing, or what it scored last") {
  Excess both = excess_of({0.2, 0.4}, "token"), first(2, "token");
  const float loss[] = {0.2f}, none[] = {0};
  first.add(0, loss, none);
  GroupDro zero(2, {.step = 1}, 2), carry(2, {.step = 1, .absent = "carry"}, 2, 3.0);
  zero.update(both), carry.update(both);
  zero.update(first), carry.update(first);
  CHECK(zero.scores()[1] == 0);
  CHECK(carry.scores()[1] == Approx(0.4));
  GroupDro unseen(2, {.step = 1, .absent = "carry"}, 2, 3.0);
  unseen.update(first);
  CHECK(unseen.scores()[1] == 3.0);
}

TEST_CASE("T0.2: what is saved goes on as if nothing had happened") {
  base::Rng rng(3);
  GroupDro whole(5, {.step = 1, .average = "tail"}, 40), part(5, {.step = 1, .average = "tail"}, 40);
  for (int step = 0; step < 40; ++step) {
    std::vector<double> scores(5);
    for (double& score : scores) score = rng.uniform();
    whole.update(excess_of(scores, "token"));
    if (step == 17) {
      GroupDro resumed(5, {.step = 1, .average = "tail"}, 40);
      resumed.assign(part.state(), "here");
      part = resumed;
    }
    part.update(excess_of(scores, "token"));
  }
  CHECK(whole.state() == part.state());
  CHECK_THROWS_AS(part.assign(std::vector<double>(3), "here"), base::Error);
}

TEST_CASE("T0.3: a game with a known solution is solved") {
  struct Row {
    double eta, smoothing, tolerance;
    int64_t steps;
    Weights a, b;
  };
  for (const Row& row : {Row{0.1, 0, 5e-4, 20'000, {.4997, .0001, .5002}, {.6662, .0004, .3334}},
                         Row{1, 1e-3, 5e-4, 20'000, {.4995, .0005, .5000}, {.6659, .0009, .3333}},
                         Row{1, 1e-3, 5e-4, 2'000, {.4978, .0005, .5017}, {.6645, .0009, .3346}},
                         Row{0.01, 1e-3, 5e-4, 20'000, {.4780, .0330, .4890}, {.6194, .0616, .3189}}}) {
    INFO("eta " << row.eta << ", steps " << row.steps);
    double a = 0, b = 0;
    check_close(Game{{0, 1, 3}, {0, 0, 0}}.play(row.steps, row.eta, row.smoothing, a), row.a, row.tolerance);
    check_close(Game{{0, 1, 3}, {0, 0, 1.5}}.play(row.steps, row.eta, row.smoothing, b), row.b, row.tolerance);
    if (row.steps == 20'000 && row.eta == 1) {
      CHECK(a == Approx(1.5).margin(2e-3));
      CHECK(b == Approx(1).margin(2e-3));
    }
  }
}

TEST_CASE("T0.3 notices stateless weights, the wrong sign and an ignored reference") {
  const Weights a = {.4995, .0005, .5000}, b = {.6659, .0009, .3333};
  double ignored = 0;
  const auto play = [&](Fault fault, double reference) {
    return Game{{0, 1, 3}, {0, 0, reference}, fault}.play(20'000, 1, 1e-3, ignored);
  };
  check_close(play(Fault::stateless, 0), {.4062, .1537, .4401}, 5e-4);
  check_close(play(Fault::stateless, 1.5), {.4584, .2415, .3001}, 5e-4);
  CHECK_FALSE(is_close(play(Fault::stateless, 0), a, 5e-4));
  CHECK_FALSE(is_close(play(Fault::wrong_sign, 0), a, 0.3));
  CHECK_FALSE(is_close(play(Fault::no_reference, 1.5), b, 5e-4));
  check_close(play(Fault::no_reference, 1.5), play(Fault::none, 0), 1e-12);
}

TEST_CASE("T0.4: excess losses of the paper's unigram domains") {
  // Posterior means with pseudo-count 1/3 a symbol; the expected excess log loss after n samples.
  const std::vector<std::vector<double>> domains = {{1, 0, 0}, {.7, .2, .1}, {1.0 / 3, 1.0 / 3, 1.0 / 3}};
  const auto excess = [&](size_t domain, int samples) {
    double mean = 0;
    constexpr int kDraws = 2000;
    for (uint32_t draw = 0; draw < kDraws; ++draw) {
      base::Rng rng(4, static_cast<uint32_t>(domain), draw);
      std::vector<double> counts(3, 1.0 / 3);
      for (int i = 0; i < samples; ++i) {
        double left = rng.uniform();
        size_t symbol = 0;
        while (symbol < 2 && left >= domains[domain][symbol]) left -= domains[domain][symbol++];
        ++counts[symbol];
      }
      for (size_t s = 0; s < 3; ++s)
        if (const double p = domains[domain][s]; p > 0) mean += p * std::log(p / (counts[s] / (samples + 1))) / kDraws;
    }
    return mean;
  };
  CHECK(excess(0, 167) == Approx(.00398).epsilon(.05));
  CHECK(excess(1, 167) == Approx(.00609).epsilon(.05));
  CHECK(excess(2, 166) == Approx(.00596).epsilon(.05));
  CHECK(excess(0, 195) == Approx(.00341).epsilon(.05));
  CHECK(excess(1, 305) == Approx(.00326).epsilon(.05));
  CHECK(excess(2, 0) == Approx(0).margin(1e-12));
}

TEST_CASE("The step fits the length of the run") {
  CHECK(mixcal::automatic_step(600) == 0.03);
  CHECK(mixcal::automatic_step(5'000) == 0.1);
  CHECK(mixcal::automatic_step(200'000) == 1);
  CHECK(GroupDro(2, {}, 600).step() == 0.03);
  CHECK(GroupDro(2, {.step = 0.5}, 600).step() == 0.5);
}

TEST_CASE("T0.6: normalising by domain or by token is the same for equal counts, and else is not") {
  const Weights alpha = {0.5, 0.2, 0.3};
  check_close(mixcal::token_weights(alpha, std::vector<double>{8, 8, 8}, "token"),
              mixcal::token_weights(alpha, std::vector<double>{8, 8, 8}, "domain"), 1e-12);
  const std::vector<double> unequal = {16, 4, 4};
  check_close(mixcal::token_weights(alpha, unequal, "domain"), {0.5 / 16, 0.2 / 4, 0.3 / 4}, 1e-12);
  CHECK_FALSE(
      is_close(mixcal::token_weights(alpha, unequal, "token"), mixcal::token_weights(alpha, unequal, "domain"), 1e-3));
  CHECK(mixcal::token_weights(alpha, std::vector<double>{8, 0, 8}, "domain")[1] == 0);
}
