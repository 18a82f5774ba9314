// SPDX-License-Identifier: Apache-2.0
#include "measure/robust_mean.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <rapidcheck.h>
#include <catch2/catch.hpp>

using allot::measure::median;
using allot::measure::robust_mean;

TEST_CASE("samples beyond the margin pull by the margin") {
  // Median 3, median deviation 1, margin 1.5 x 1.4826 = 2.2239: 100 pulls by that, 1 to 4 as they are.
  CHECK(robust_mean(std::vector{1.0, 2.0, 3.0, 4.0, 100.0}) == Approx((1 + 2 + 3 + 4 + 2.2239) / 4));
  // Median 3.5, deviations 0.5 0.5 1.5 1.5 2.5 96.5: their median 1.5, margin 3.33585.
  CHECK(robust_mean(std::vector{1.0, 2.0, 3.0, 4.0, 5.0, 100.0}) == Approx((1 + 2 + 3 + 4 + 5 + 3.33585) / 5));
  // Symmetric outliers cancel.
  CHECK(robust_mean(std::vector{-1000.0, 9.0, 10.0, 11.0, 1020.0}) == Approx(10));
}

TEST_CASE("without outliers it is the mean, without spread the median") {
  CHECK(robust_mean(std::vector{2.0, 4.0}) == 3);
  CHECK(robust_mean(std::vector{1.0, 2.0, 3.0, 4.0}) == 2.5);
  CHECK(robust_mean(std::vector{7.0, 7.0, 7.0, 900.0}) == 7);  // margin 0
  CHECK(robust_mean(std::vector{5.0}) == 5);
  CHECK(robust_mean(std::vector<double>{}) == 0);
}

TEST_CASE("the median of an even number lies between the middle two") {
  CHECK(median(std::vector{4.0, 1.0, 3.0, 2.0}) == 2.5);
  CHECK(median(std::vector{3.0, 1.0, 2.0}) == 2);
}

TEST_CASE("it is a fixed point: pulls of all samples within +-margin add up to nothing") {
  CHECK(rc::check([](const std::vector<uint16_t>& numbers) {
    RC_PRE(!numbers.empty());
    std::vector<double> samples(numbers.begin(), numbers.end()), deviations;
    const double center = median(samples);
    for (const double x : samples) deviations.push_back(std::abs(x - center));
    const double margin = 1.5 * 1.4826 * median(deviations), mean = robust_mean(samples);
    if (margin == 0) return RC_ASSERT(mean == center);
    double pull = 0;
    for (const double x : samples) pull += std::clamp(x - mean, -margin, margin);
    RC_ASSERT(std::abs(pull) <= 1e-6 * margin * static_cast<double>(samples.size()));
  }));
}
