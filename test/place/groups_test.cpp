// SPDX-License-Identifier: Apache-2.0
#include "place/groups.h"

#include <catch2/catch.hpp>

#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using Names = std::vector<std::string>;

TEST_CASE("a group is named by its number while it is together, and by number and device where it is not") {
  test::OpGraphBuilder builder;
  graph::TensorId last = builder.input(8);
  for (int op = 0; op < 5; ++op) last = builder.op({last}, {8});
  builder.output(last);
  auto graph = builder.build({0, 0, 1, 2, 3});  // five ops in four units
  auto costs = test::uniform_costs(graph, 2, std::vector<int64_t>(5, 1));
  auto cluster = test::simple_cluster({.devices = 2});
  cluster.devices[0].name = "cpu0", cluster.devices[1].name = "gpu0";
  const place::Problem problem(std::move(graph), std::move(cluster), std::move(costs));

  const place::GroupOfUnit groups = {7, 12, 7, place::kNoGroup};
  CHECK(place::group_names(problem, groups, std::vector<place::DeviceId>{1, 1, 0, 1, 0}) ==
        Names{"7", "7", "12", "7", ""});
  CHECK(place::group_names(problem, groups, std::vector<place::DeviceId>{1, 1, 0, 0, 0}) ==
        Names{"7/gpu0", "7/gpu0", "12", "7/cpu0", ""});
  CHECK(place::group_names(problem, groups, std::vector<place::DeviceId>{0, 1, 0, 0, 0}) ==  // apart from its unit
        Names{"7/cpu0", "7/gpu0", "12", "7/cpu0", ""});
}
