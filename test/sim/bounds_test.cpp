// SPDX-License-Identifier: Apache-2.0
#include "sim/bounds.h"

#include <catch2/catch.hpp>

#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;

TEST_CASE("bounds take each op on its fastest device") {
  test::OpGraphBuilder builder;
  const auto a = builder.op({});
  builder.op({a});
  builder.op({a});
  const auto graph = builder.build();
  const auto costs = test::simple_costs(graph, 2, {4, 9, 7, 3, cost::kCannotRun, 6});
  const auto bounds = sim::bounds(graph, costs);
  CHECK(bounds.critical_path_ps == 4 + 6);
  CHECK(bounds.work_ps == 7);  // 13 / 2, rounded up
  CHECK(bounds.best() == 10);
  CHECK(bounds.parallelism == Approx(1.3));
}

TEST_CASE("bounds of nothing are zero, and absurd times do not overflow") {
  CHECK(sim::bounds({}, test::simple_costs({}, 3, {})).parallelism == 0);
  test::OpGraphBuilder builder;
  builder.op({builder.op({})});
  const auto graph = builder.build();
  const int64_t longest = cost::kCannotRun - 1;
  CHECK(sim::bounds(graph, test::simple_costs(graph, 1, {longest, longest})).critical_path_ps == int64_t{1} << 62);
}
