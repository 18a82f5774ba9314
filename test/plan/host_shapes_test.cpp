// SPDX-License-Identifier: Apache-2.0
#include "plan/host_shapes.h"

#include <catch2/catch.hpp>

#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using Placement = std::vector<cluster::DeviceId>;

namespace {

/// data -> Shape -> Slice -> Reshape, which reads data as well; Reshape -> Relu.
graph::OpGraph reshaped() {
  test::OpGraphBuilder builder;
  const auto x = builder.input(1);
  const auto data = builder.op({x}), shape = builder.op({data}), slice = builder.op({shape});
  const auto reshape = builder.op({data, slice});
  builder.op({reshape});
  graph::OpGraph graph = builder.build();
  graph.type_names = {"Other", "Shape"};
  graph.type[1] = 1;
  return graph;
}

cluster::Cluster host_and_accelerator() {
  auto cluster = test::simple_cluster({.devices = 2});
  cluster.devices[0].kind = "cpu";
  cluster.devices[1].kind = "cuda";
  return cluster;
}

Placement moved(Placement placement, size_t expected, const cluster::Cluster& cluster = host_and_accelerator()) {
  CHECK(plan::move_shapes_to_host(reshaped(), cluster, placement) == expected);
  return placement;
}

}  // namespace

TEST_CASE("a Shape goes to the CPU where its value is used there", "[plan]") {
  CHECK(moved({1, 1, 0, 1, 1}, 1) == Placement{1, 0, 0, 1, 1});  // by its reader
  CHECK(moved({1, 1, 1, 0, 1}, 1) == Placement{1, 0, 1, 0, 1});  // at the end of the arithmetic on it
}

TEST_CASE("a Shape stays where its value does", "[plan]") {
  CHECK(moved({1, 1, 1, 1, 0}, 0) == Placement{1, 1, 1, 1, 0});  // Reshape reads data, too: nothing is told beyond
  CHECK(moved({0, 0, 1, 1, 1}, 0) == Placement{0, 0, 1, 1, 1});  // on the CPU before
}

TEST_CASE("without a CPU no Shape moves", "[plan]") {
  auto cluster = host_and_accelerator();
  cluster.devices[0].kind = "cuda";
  CHECK(moved({1, 1, 0, 1, 1}, 0, cluster) == Placement{1, 1, 0, 1, 1});
}
