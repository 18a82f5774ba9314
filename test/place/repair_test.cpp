// SPDX-License-Identifier: Apache-2.0
#include "place/repair.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "place/memory_estimate.h"
#include "place/placer.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using place::Problem;
using place::UnitPlacement;

namespace {

/// Memory for 0.1 to 0.5 of all bytes in each device: sometimes too little, often just enough.
Problem tight_problem(uint64_t seed) {
  base::Rng rng(seed, 11);
  test::ProblemOptions options{.ops = 20 + rng.below(100), .width = 2 + rng.below(7), .devices = 2 + rng.below(3)};
  options.seed = seed;
  if (rng.below(2) == 0) options.io_device = rng.below(options.devices);
  const Problem roomy = test::random_problem(options);
  int64_t bytes = 0;
  for (place::UnitId unit = 0; unit < roomy.graph().num_units(); ++unit) bytes += place::unit_bytes(roomy, unit);
  options.memory_bytes = static_cast<int64_t>(static_cast<double>(bytes) * (0.1 + 0.4 * rng.uniform()));
  return test::random_problem(options);
}

bool fits(const Problem& problem, const UnitPlacement& placement) {
  return place::Evaluator(problem).outcome(placement).fits();
}

}  // namespace

TEST_CASE("methods find room nearly always where any method does") {
  int feasible = 0;
  std::map<std::string, int> found;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Problem p = tight_problem(seed);
    std::map<std::string, bool> fit;
    for (const auto& placer : place::placers())
      if (!placer.missing && (!placer.searches || placer.name == "anneal"))
        fit[placer.name] = fits(p, placer.place(p, {.evaluations = 2000}));
    feasible += std::any_of(fit.begin(), fit.end(), [](const auto& each) { return each.second; });
    for (const auto& [name, ok] : fit) found[name] += ok;
  }
  CHECK(feasible >= 30);
  CHECK(found["single"] < feasible / 4);
  for (const auto& [name, count] : found) {
    INFO(name << " found room in " << count << " of " << feasible);
    if (name != "single") CHECK(count >= feasible * 9 / 10);
  }
}

TEST_CASE("what fits is left alone, and what cannot fit too") {
  test::OpGraphBuilder builder;
  const auto tensor = builder.op({}, {1}, {builder.param(100)});
  builder.op({tensor}, {1}, {builder.param(100)});
  const auto graph = builder.build();
  const auto with_memory = [&](int64_t bytes) {
    const auto cluster = test::simple_cluster({.devices = 2, .memory_bytes = bytes});
    return Problem(graph, cluster, test::uniform_costs(graph, 2, {10, 10}));
  };
  CHECK(place::repaired(with_memory(202), {0, 0}, {}) == UnitPlacement{0, 0});
  CHECK_FALSE(place::cannot_fit(with_memory(101)));
  CHECK(place::cannot_fit(with_memory(100)));  // a parameter and a tensor
  CHECK(place::repaired(with_memory(100), {0, 0}, {}) == UnitPlacement{0, 0});
  CHECK(fits(with_memory(102), place::repaired(with_memory(102), {0, 0}, {})));
}

TEST_CASE("repair moves what is cheapest for the bytes it frees") {
  // Op 1 holds as much as op 2, but it exchanges larger tensors.
  test::OpGraphBuilder builder;
  const auto a = builder.op({}, {300}, {builder.param(100)});
  const auto b = builder.op({a}, {300}, {builder.param(1000)});
  const auto c = builder.op({b}, {10}, {builder.param(1000)});
  builder.op({c}, {1});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster({.devices = 2, .memory_bytes = 10'000});
  cluster.devices[0].memory_bytes = 2000;
  const Problem p(graph, cluster, test::uniform_costs(graph, 2, {10, 10, 10, 10}));
  CHECK(place::repaired(p, {0, 0, 0, 0}, {}) == UnitPlacement{0, 0, 1, 0});
}
