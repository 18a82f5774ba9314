// SPDX-License-Identifier: Apache-2.0
#include "place/host_shapes.h"

#include <catch2/catch.hpp>

#include "place/check.h"
#include "place/sidecar.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using place::UnitPlacement;
using Placement = std::vector<cluster::DeviceId>;

namespace {

/// data (0) -> Shape (1) -> Slice (2) -> Reshape (3), which reads data as well; Reshape -> Relu (4).
graph::OpGraph reshaped(std::vector<uint32_t> unit_labels = {}) {
  test::OpGraphBuilder builder;
  const auto x = builder.input(1);
  const auto data = builder.op({x}), shape = builder.op({data}), slice = builder.op({shape});
  const auto reshape = builder.op({data, slice});
  builder.op({reshape});
  graph::OpGraph graph = builder.build(std::move(unit_labels));
  graph.shape_ops = {1};
  return graph;
}

/// Two Shapes (1, 3) of two ops (0, 2), put together (4) and read (5).
graph::OpGraph two_shapes() {
  test::OpGraphBuilder builder;
  const auto x = builder.input(1);
  const auto a = builder.op({x}), shape_of_a = builder.op({a}), b = builder.op({x}), shape_of_b = builder.op({b});
  builder.op({builder.op({shape_of_a, shape_of_b})});
  graph::OpGraph graph = builder.build();
  graph.shape_ops = {1, 3};
  return graph;
}

cluster::Cluster host_and_accelerator() {
  auto cluster = test::simple_cluster({.devices = 2});
  cluster.devices[0].kind = "cpu";
  cluster.devices[1].kind = "cuda";
  return cluster;
}

Placement moved(const graph::OpGraph& graph, Placement placement,
                const cluster::Cluster& cluster = host_and_accelerator()) {
  place::move_to_host(graph.shape_ops, graph, cluster, placement);
  return placement;
}

/// Every op takes 10 `unit_ps` on the host and 1 on the accelerator, every transfer 1 ps.
place::Problem problem(graph::OpGraph graph, int64_t unit_ps = 1000, const cluster::Constraints& constraints = {}) {
  std::vector<int64_t> time_ps;
  for (graph::OpId op = 0; op < graph.num_ops(); ++op) time_ps.insert(time_ps.end(), {10 * unit_ps, unit_ps});
  auto costs = test::simple_costs(graph, 2, std::move(time_ps));
  return place::Problem(std::move(graph), host_and_accelerator(), std::move(costs), constraints);
}

/// The placement as placer-apply stores it.
place::Sidecar stored(const place::Problem& problem, const UnitPlacement& units) {
  place::Sidecar sidecar;
  sidecar.metrics = place::metrics_of(problem, place::Evaluator(problem).outcome_as_written(units));
  const Placement written = problem.as_written(units);
  for (graph::OpId op = 0; op < written.size(); ++op) {
    const std::string name(problem.graph().op_names[op]), device = problem.cluster().devices[written[op]].name;
    sidecar.placement.push_back({"", name, "Op", device, "f" + name, op, {}});
  }
  return sidecar;
}

place::CheckReport check(const place::Problem& today, const place::Sidecar& baseline, double tolerance) {
  std::vector<std::string> fingerprints;
  for (const auto& op : baseline.placement) fingerprints.push_back(op.fingerprint);
  return place::check(today, fingerprints, baseline, baseline, {.makespan = tolerance});
}

}  // namespace

TEST_CASE("a Shape goes to the host where its value is used there") {
  CHECK(moved(reshaped(), {1, 1, 0, 1, 1}) == Placement{1, 0, 0, 1, 1});  // by its reader
  CHECK(moved(reshaped(), {1, 1, 1, 0, 1}) == Placement{1, 0, 1, 0, 1});  // at the end of the arithmetic on it
}

TEST_CASE("a Shape stays where its value does") {
  CHECK(moved(reshaped(), {1, 1, 1, 1, 0}) == Placement{1, 1, 1, 1, 0});  // Reshape reads data, too
  CHECK(moved(reshaped(), {0, 0, 1, 1, 1}) == Placement{0, 0, 1, 1, 1});  // on the host before
}

TEST_CASE("Shapes whose values are put together go to the host together") {
  CHECK(moved(two_shapes(), {1, 1, 1, 1, 1, 0}) == Placement{1, 0, 1, 0, 1, 0});
  CHECK(moved(two_shapes(), {1, 1, 1, 1, 1, 1}) == Placement{1, 1, 1, 1, 1, 1});
}

TEST_CASE("an op that reads a value beside shapes is not followed") {
  test::OpGraphBuilder builder;
  const auto a = builder.op({builder.input(1)}), shape = builder.op({a}), sum = builder.op({shape, a});
  builder.op({sum});
  graph::OpGraph graph = builder.build();
  graph.shape_ops = {1};
  CHECK(moved(graph, {1, 1, 1, 0}) == Placement{1, 1, 1, 0});
}

TEST_CASE("without a host no Shape moves") {
  auto cluster = host_and_accelerator();
  cluster.devices[0].kind = "webgpu";
  CHECK(moved(reshaped(), {1, 1, 0, 1, 1}, cluster) == Placement{1, 1, 0, 1, 1});
}

TEST_CASE("the host is where the graph's inputs are, if that is a CPU") {
  auto cluster = test::simple_cluster({.devices = 3});
  CHECK(place::host_of(cluster) == 0u);
  cluster.io_device = 2;
  CHECK(place::host_of(cluster) == 2u);
  cluster.devices[2].kind = "cuda";
  CHECK(place::host_of(cluster) == 0u);
}

TEST_CASE("constraints hold for shapes in files, too") {
  cluster::Constraints off_host;
  off_host.deny = {{"op1", {"d0"}}};
  CHECK(problem(reshaped()).as_written({1, 1, 0, 1, 1}) == Placement{1, 0, 0, 1, 1});
  CHECK(problem(reshaped(), 1000, off_host).as_written({1, 1, 0, 1, 1}) == Placement{1, 1, 0, 1, 1});
}

TEST_CASE("methods are judged by what is written") {
  const place::Problem two = problem(reshaped({0, 0, 1, 2, 2}));
  const UnitPlacement units = {1, 0, 1};
  place::Evaluator evaluator(two);
  CHECK(evaluator.score(units).makespan_ps == 1000 + 1000 + 1 + 10'000 + 1 + 1000 + 1000);
  CHECK(evaluator.score_as_written(units).makespan_ps == 1000 + 1 + 10'000 + 10'000 + 1 + 1000 + 1000);
  CHECK(evaluator.outcome_as_written(units).makespan_ps == evaluator.score_as_written(units).makespan_ps);
}

TEST_CASE("a stored placement whose shapes moved is checked as it was stored") {
  for (const auto& labels :
       {std::vector<uint32_t>{0, 0, 1, 2, 2}, {0, 1, 1, 2, 2}}) {  // Shape last, or first of a unit
    const place::Problem before = problem(reshaped(labels));
    const UnitPlacement units = labels[1] == 0 ? UnitPlacement{1, 0, 1} : UnitPlacement{1, 1, 0};
    const place::Sidecar baseline = stored(before, units);
    REQUIRE(before.as_written(units) != before.expand(units));
    REQUIRE(1e-6 * static_cast<double>(place::Evaluator(before).score(units).makespan_ps) <
            0.95 * baseline.metrics.makespan_us);  // with what is lost unless the check counts as files do

    const auto same = check(before, baseline, 0);
    CHECK(same.passed());
    CHECK(same.rescored == baseline.metrics);
    const place::Problem slower = problem(reshaped(labels), 1015);
    const auto worse = check(slower, baseline, 0.01);
    REQUIRE(worse.regressions.size() == 1);
    CHECK(worse.regressions[0].metric == "makespan_us");
    CHECK_FALSE(worse.regressions[0].fresh);
    CHECK(worse.rescored.makespan_us == Approx(1.015 * baseline.metrics.makespan_us).epsilon(0.001));
    CHECK(check(slower, baseline, 0.02).passed());
  }
}
