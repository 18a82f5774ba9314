// SPDX-License-Identifier: Apache-2.0
#include "policy/embeddings.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include "toy.h"

#include <catch2/catch.hpp>

using namespace allot;

TEST_CASE("points are coordinates along the two directions of largest variance") {
  // 3 along (0.6, 0.8, 0) and 1 along (0, 0, -1), about the centre (5, 6, 7).
  std::vector<double> rows;
  for (const auto& [a, b] : {std::pair{3.0, 0.0}, {-3.0, 0.0}, {0.0, 1.0}, {0.0, -1.0}})
    rows.insert(rows.end(), {5 + 0.6 * a, 6 + 0.8 * a, 7 - b});
  const auto projection = policy::project(at::tensor(rows).reshape({4, 3}));
  const std::vector<double> x = {3, -3, 0, 0}, y = {0, 0, -1, 1};  // each direction points where it is largest
  for (size_t i = 0; i < 4; ++i) {
    CHECK(projection.x[i] == Approx(x[i]).margin(1e-9));
    CHECK(projection.y[i] == Approx(y[i]).margin(1e-9));
  }
  CHECK(projection.explained[0] == Approx(0.9));
  CHECK(projection.explained[1] == Approx(0.1));
}

TEST_CASE("projections of few rows, equal rows and a single column are defined") {
  CHECK(policy::project(at::tensor(std::vector<double>{}).reshape({0, 3})).x.empty());
  const auto equal = policy::project(at::tensor(std::vector<double>(6, 2.0)).reshape({3, 2}));
  CHECK(equal.x == std::vector<double>(3));
  CHECK(equal.explained == std::array<double, 2>{0, 0});
  const auto line = policy::project(at::tensor(std::vector<double>{1, 2, 3}).reshape({3, 1}));
  CHECK(line.x == std::vector<double>{-1, 0, 1});
  CHECK(line.y == std::vector<double>(3));
  CHECK(line.explained == std::array<double, 2>{1, 0});
}

TEST_CASE("learned embeddings are what the network reads, with its likeliest devices and groups") {
  const auto problem = test::random_problem({.ops = 40, .devices = 3});
  for (const char* name : {"flat", "hierarchical"}) {
    INFO(name);
    const test::Toy toy(problem, test::small_preset(name));
    const auto learned = policy::learned_embeddings(toy.policy, toy.instance);
    const auto& network = toy.policy.network(toy.instance);
    CHECK(learned.values.equal(network.embed(toy.instance)));
    const auto greedy = network.sample(toy.instance, {.greedy = true});
    CHECK(learned.picture.devices == network.placements(toy.instance, greedy).front());
    CHECK(learned.picture.groups.empty() == (std::string(name) == "flat"));
    CHECK(learned.picture.explained[0] >= learned.picture.explained[1]);

    const auto table = policy::table_of(toy.instance, learned, "hash");
    REQUIRE(table.rows == problem.graph().num_units());
    REQUIRE(table.values.size() == size_t{table.rows} * table.width);
    for (graph::UnitId unit = 0; unit < table.rows; ++unit) {
      const uint32_t element = toy.instance.index[unit];
      const auto first = table.values.begin() + unit * table.width;
      if (element == graph::kNone)
        CHECK(std::all_of(first, first + table.width, [](float value) { return value == 0; }));
      else
        CHECK(std::equal(first, first + table.width, learned.values[element].const_data_ptr<float>()));
      if (element != graph::kNone) {
        CHECK(table.points[unit * 2] == Approx(learned.picture.x[element]));
        CHECK(table.points[unit * 2 + 1] == Approx(learned.picture.y[element]));
      }
    }
    CHECK(table.device_of_unit.size() == table.rows);
  }
}
