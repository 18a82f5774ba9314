// SPDX-License-Identifier: Apache-2.0
#include "data/generate.h"

#include <cmath>

#include <catch2/catch.hpp>

#include "data/data_files.h"

using namespace allot;
using test::error_of;

TEST_CASE("generate: moons without noise lie on the two half circles") {
  const auto dataset = data::generate({.task = "moons", .per_class = 101, .noise = 0, .seed = 1});
  REQUIRE(dataset.size() == 202);
  CHECK(dataset.classes() == 2);
  const auto& x = dataset.feature("x");
  for (int64_t i = 0; i < 202; ++i) {
    const bool inner = dataset.labels.row<int64_t>(i)[0] == 1;
    const double px = x.row<float>(i)[0], py = x.row<float>(i)[1];
    CHECK(std::hypot(px - (inner ? 1 : 0), py - (inner ? 0.5 : 0)) == Approx(1).margin(1e-6));
    CHECK((inner ? py <= 0.5 + 1e-6 : py >= -1e-6));
  }
  CHECK(x.row<float>(0)[0] == 1);  // as make_moons: the ends belong to the arcs
  CHECK(x.row<float>(100)[0] == Approx(-1));
  CHECK(x.row<float>(201)[0] == Approx(2));
}

TEST_CASE("generate: noise has the asked deviation, and follows the seed alone") {
  const data::GenerateOptions options{.task = "moons", .per_class = 2000, .noise = 0.1, .seed = 3};
  auto clean = options;
  clean.noise = 0;
  const auto with = data::generate(options), without = data::generate(clean);
  double sum = 0, squares = 0;
  const auto a = with.feature("x").values<float>(), b = without.feature("x").values<float>();
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] - b[i], squares += std::pow(a[i] - b[i], 2);
  CHECK(std::abs(sum / 8000) < 5 * 0.1 / std::sqrt(8000.0));
  CHECK(std::sqrt(squares / 8000) == Approx(0.1).epsilon(0.04));
  const auto again = data::generate(options);
  CHECK(std::equal(a.begin(), a.end(), again.feature("x").values<float>().begin()));
  auto other = options;
  other.seed = 4;
  const auto different = data::generate(other);
  CHECK_FALSE(std::equal(a.begin(), a.end(), different.feature("x").values<float>().begin()));
}

TEST_CASE("generate: every task makes its classes") {
  for (const std::string& task : data::task_names()) {
    const auto dataset = data::generate({.task = task, .per_class = 50, .seed = 1});
    data::check(dataset);
    CHECK(dataset.size() == 50 * dataset.classes());
  }
  CHECK(data::generate({.task = "rings", .per_class = 10, .classes = 4}).classes() == 4);
  CHECK(error_of([] { data::generate({.task = "moon"}); }) == "64 there is no task 'moon'; did you mean 'moons'?");
  CHECK(error_of([] { data::generate({.task = "moons", .classes = 3}); }).starts_with("64 "));
  CHECK(error_of([] { data::generate({.per_class = 0}); }).starts_with("64 "));
}

TEST_CASE("generate: glyphs of a class are alike, those of different classes are not") {
  const auto dataset = data::generate({.task = "glyphs", .per_class = 40, .seed = 2});
  const auto& x = dataset.feature("x");
  REQUIRE(x.shape == std::vector<int64_t>{400, 1, 10, 10});
  std::vector<std::vector<double>> means(10, std::vector<double>(100));
  for (int64_t i = 0; i < 400; ++i)
    for (size_t p = 0; p < 100; ++p) means[static_cast<size_t>(i / 40)][p] += x.row<float>(i)[p] / 40;
  int nearest_is_own = 0;
  for (int64_t i = 0; i < 400; ++i) {
    size_t best = 0;
    double best_distance = 1e9;
    for (size_t c = 0; c < 10; ++c) {
      double distance = 0;
      for (size_t p = 0; p < 100; ++p) distance += std::pow(x.row<float>(i)[p] - means[c][p], 2);
      if (distance < best_distance) best_distance = distance, best = c;
    }
    nearest_is_own += static_cast<int64_t>(best) == i / 40;
  }
  CHECK(nearest_is_own >= 320);  // of 400; 40 by chance
  CHECK(data::generate({.task = "glyphs", .per_class = 1, .classes = 3, .size = 16, .seed = 2}).feature("x").shape[3] ==
        16);
  CHECK(error_of([] { data::generate({.task = "glyphs", .size = 3}); }).starts_with("64 "));
}
