// SPDX-License-Identifier: Apache-2.0
#include "train/statistics.h"

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "base/rng.h"

using namespace allot;

// Tables: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, with more digits.
TEST_CASE("Student's distribution has its tabulated quantiles") {
  CHECK(train::t_quantile(0.975, 1) == Approx(12.7062047364).epsilon(1e-10));
  CHECK(train::t_quantile(0.975, 2) == Approx(4.3026527297).epsilon(1e-10));
  CHECK(train::t_quantile(0.975, 4) == Approx(2.7764451052).epsilon(1e-10));
  CHECK(train::t_quantile(0.975, 9) == Approx(2.2621571628).epsilon(1e-10));
  CHECK(train::t_quantile(0.975, 19) == Approx(2.0930240544).epsilon(1e-10));
  CHECK(train::t_quantile(0.95, 10) == Approx(1.8124611228).epsilon(1e-10));
  CHECK(train::t_quantile(0.025, 9) == Approx(-2.2621571628).epsilon(1e-10));
  CHECK(train::t_quantile(0.5, 3) == Approx(0).margin(1e-12));
  CHECK(train::t_quantile(0.975, 1e6) == Approx(1.9599664).epsilon(1e-6));
  CHECK(train::t_cumulative(1, 1) == Approx(0.75).epsilon(1e-12));  // Cauchy
  CHECK(train::t_cumulative(-1, 1) == Approx(0.25).epsilon(1e-12));
  for (const double p : {0.6, 0.99, 0.9999}) CHECK(train::t_cumulative(train::t_quantile(p, 5), 5) == Approx(p));
}

TEST_CASE("summaries are of the sample") {
  const auto summary = train::summarize(std::vector<double>{4, 1, 3, 2});
  CHECK(summary.count == 4);
  CHECK(summary.mean == 2.5);
  CHECK(summary.deviation == Approx(std::sqrt(5.0 / 3)));
  CHECK(summary.median == 2.5);
  CHECK(summary.min == 1);
  CHECK(summary.max == 4);
  CHECK(train::summarize(std::vector<double>{7}).deviation == 0);
}

TEST_CASE("intervals of differences, paired") {
  const std::vector<double> a = {3, 5, 9, 11}, b = {1, 4, 6, 10};  // 2, 1, 3, 1: mean 1.75, deviation 0.957427
  const auto interval = train::paired_difference(a, b);
  CHECK(interval.mean == 1.75);
  CHECK(interval.high - interval.mean == Approx(3.1824463053 * 0.9574271078 / 2).epsilon(1e-9));
  CHECK(interval.low == Approx(2 * 1.75 - interval.high));
  CHECK(train::difference_text(interval) == "+1.75 [0.23, 3.27]");
  CHECK(std::isinf(train::t_interval(std::vector<double>{1}).high));
}

TEST_CASE("95 % of intervals hold the true mean") {
  base::Rng rng(7);
  int holds = 0;
  constexpr int kRuns = 4000;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> values(5);
    for (double& value : values) value = 3 + 2 * rng.normal();
    const auto interval = train::t_interval(values);
    holds += interval.low < 3 && 3 < interval.high;
  }
  CHECK(holds / double{kRuns} == Approx(0.95).margin(0.014));  // four standard errors
}
