// SPDX-License-Identifier: Apache-2.0
// Hand-computed runs, one or more for each numbered rule of simulator.h. A byte takes a picosecond on the wires.
#include "sim/simulator.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/error.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using test::OpGraphBuilder;
using test::simple_cluster;
using test::uniform_costs;
using Times = std::vector<int64_t>;

namespace {

sim::Outcome run(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                 const std::vector<uint32_t>& placement) {
  return sim::Simulator(graph, costs, cluster).run(placement, {.memory = true, .timeline = true});
}

}  // namespace

TEST_CASE("rule 1: ready ops wait in order of ready time, then id") {
  OpGraphBuilder builder;
  builder.op({});                         // 0: on device 0 for 10
  builder.op({});                         // 1: on device 1 for 3
  builder.op({});                         // 2: on device 1, 3-5
  const auto late = builder.op({}, {0});  // 3: on device 1, 5-9
  builder.op({late});                     // 4: on device 0, ready at 9
  builder.op({1});                        // 5: on device 0, ready at 3
  builder.op({1});                        // 6: on device 0, ready at 3
  auto graph = builder.build();
  auto costs = uniform_costs(graph, 2, {10, 3, 2, 4, 1, 1, 1});
  costs.tensor_bytes.assign(graph.num_tensors(), 0);
  const auto outcome = run(graph, costs, simple_cluster(), {0, 1, 1, 1, 0, 0, 0});
  CHECK(outcome.start_ps == Times{0, 0, 3, 5, 12, 10, 11});
  CHECK(outcome.makespan_ps == 13);
  CHECK(outcome.busy_ps == Times{13, 9});
}

TEST_CASE("rule 1: an op waits for the last of its tensors") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {1}), b = builder.op({}, {6});
  builder.op({a, b});
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 3, {4, 2, 5}), simple_cluster({.devices = 3}), {0, 1, 2});
  CHECK(outcome.start_ps[2] == 8);  // 2 + 6 from device 1, later than 4 + 1 from device 0
  CHECK(outcome.makespan_ps == 13);
}

TEST_CASE("rule 2: graph inputs start at the io device, or everywhere") {
  OpGraphBuilder builder;
  const auto input = builder.input(7);
  builder.op({input});
  builder.op({input});
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {1, 1});
  const auto everywhere = run(graph, costs, simple_cluster(), {0, 1});
  CHECK(everywhere.start_ps == Times{0, 0});
  CHECK(everywhere.io_transfers == 0);
  const auto from_host = run(graph, costs, simple_cluster({.io_device = 0}), {0, 1});
  CHECK(from_host.start_ps == Times{0, 7});
  CHECK(from_host.io_transfers == 1);
  CHECK(from_host.crossings == 0);
  CHECK(from_host.bytes_moved == 7);
  REQUIRE(from_host.transfers.size() == 1);
  CHECK(from_host.transfers[0].io);
}

TEST_CASE("rule 3: a tensor goes once to each device, in order of tensor, then device") {
  OpGraphBuilder builder;
  const auto first = builder.op({}, {4, 3});
  builder.op({first + 1});  // device 2
  builder.op({first});      // device 2
  builder.op({first});      // device 1
  builder.op({first});      // device 2 again
  const auto graph = builder.build();
  auto cluster = simple_cluster({.devices = 3});
  for (auto& route : cluster.routes) route.channels = {0};  // one wire for all
  const auto outcome = run(graph, uniform_costs(graph, 3, {10, 1, 1, 1, 1}), cluster, {0, 2, 2, 1, 2});
  REQUIRE(outcome.transfers.size() == 3);
  CHECK(outcome.crossings == 3);
  CHECK(outcome.bytes_moved == 4 + 4 + 3);
  const auto is = [&](int i, uint32_t tensor, uint32_t to, int64_t start, int64_t end) {
    const auto& t = outcome.transfers[i];
    return t.tensor == tensor && t.from == 0 && t.to == to && t.start_ps == start && t.end_ps == end && !t.io;
  };
  CHECK(is(0, first, 1, 10, 14));
  CHECK(is(1, first, 2, 14, 18));
  CHECK(is(2, first + 1, 2, 18, 21));
  CHECK(outcome.start_ps == Times{0, 21, 18, 14, 19});
}

TEST_CASE("rule 3: outputs return to the io device, once, and not as crossings unless they are read there") {
  OpGraphBuilder builder;
  const auto result = builder.op({}, {5});
  builder.output(result);
  const auto lone = builder.build();
  const auto outcome = run(lone, uniform_costs(lone, 2, {2}), simple_cluster({.io_device = 0}), {1});
  CHECK(outcome.makespan_ps == 7);
  CHECK(outcome.io_transfers == 1);
  CHECK(outcome.crossings == 0);

  builder.op({result});
  const auto read = builder.build();
  const auto also_read = run(read, uniform_costs(read, 2, {2, 4}), simple_cluster({.io_device = 0}), {1, 0});
  CHECK(also_read.makespan_ps == 11);
  CHECK(also_read.io_transfers == 0);
  CHECK(also_read.crossings == 1);
  CHECK(run(read, uniform_costs(read, 2, {2, 4}), simple_cluster(), {1, 1}).transfers.empty());
}

TEST_CASE("rule 4: transfers queue for the channels they share") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {10});
  builder.op({a});
  builder.op({b});
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {1, 1, 1, 1});
  const std::vector<uint32_t> one_way{0, 0, 1, 1}, both_ways{0, 1, 1, 0};
  using cluster::Contention;
  CHECK(run(graph, costs, simple_cluster(), one_way).start_ps == Times{0, 1, 11, 21});
  CHECK(run(graph, costs, simple_cluster({.contention = Contention::free}), one_way).start_ps == Times{0, 1, 11, 12});
  CHECK(run(graph, costs, simple_cluster(), both_ways).start_ps == Times{0, 0, 11, 11});
  CHECK(run(graph, costs, simple_cluster({.full_duplex = false}), both_ways).start_ps == Times{0, 0, 11, 21});
  CHECK(run(graph, costs, simple_cluster({.latency_ps = 100}), one_way).start_ps == Times{0, 1, 111, 221});
}

TEST_CASE("rule 4: a route of several channels starts when all are free and then holds all") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {4}), c = builder.op({}, {1});
  builder.op({a});  // 0 -> 1 over channel 0
  builder.op({b});  // 2 -> 1 over channels 1 and 0
  builder.op({c});  // 2 -> 0 over channel 1
  const auto graph = builder.build();
  auto cluster = simple_cluster({.devices = 3});
  cluster.num_channels = 2;
  cluster.routes[0 * 3 + 1].channels = {0};
  cluster.routes[2 * 3 + 1].channels = {1, 0};
  cluster.routes[2 * 3 + 0].channels = {1};
  const auto outcome = run(graph, uniform_costs(graph, 3, {1, 1, 1, 1, 1, 1}), cluster, {0, 2, 2, 1, 1, 0});
  CHECK(outcome.start_ps[3] == 11);  // 1 + 10
  CHECK(outcome.start_ps[4] == 15);  // asked at 1, held back until 11
  CHECK(outcome.start_ps[5] == 16);  // asked at 2, behind the one that is held back
}

TEST_CASE("rule 4: an empty route takes its latency only") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {1000}), b = builder.op({}, {1000});
  builder.op({a});
  builder.op({b});
  const auto graph = builder.build();
  auto cluster = simple_cluster();
  cluster.routes[1] = {.reachable = true, .links = {}, .channels = {}, .latency_ps = 3, .bandwidth_bytes_per_s = 0};
  CHECK(run(graph, uniform_costs(graph, 2, {1, 1, 1, 1}), cluster, {0, 0, 1, 1}).start_ps == Times{0, 1, 4, 5});
}

TEST_CASE("rule 5: at one instant ops end in order of id, whatever their devices") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {5}), b = builder.op({}, {5});
  builder.op({a});
  builder.op({b});
  const auto graph = builder.build();
  auto cluster = simple_cluster({.devices = 4});
  for (auto& route : cluster.routes) route.channels = {0};
  const auto costs = uniform_costs(graph, 4, {2, 2, 1, 1});
  CHECK(run(graph, costs, cluster, {1, 0, 2, 3}).start_ps == Times{0, 0, 7, 12});
  CHECK(run(graph, costs, cluster, {0, 1, 2, 3}).start_ps == Times{0, 0, 7, 12});
}

TEST_CASE("rule 5: what ends at an instant makes its consumers compete there") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {0}), b = builder.op({}, {3});
  builder.op({b});  // 2, on device 0: its transfer ends at 5
  builder.op({a});  // 3, on device 0: its tensor is made there at 5
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 2, {5, 2, 10, 10}), simple_cluster(), {0, 1, 0, 0});
  CHECK(outcome.start_ps == Times{0, 0, 5, 15});
}

TEST_CASE("rule 5: transfers and ops of no duration settle before time goes on") {
  OpGraphBuilder builder;
  auto tensor = builder.op({}, {0});
  for (int i = 0; i < 3; ++i) tensor = builder.op({tensor}, {0});
  builder.op({});  // 4 competes on device 1 from the start
  builder.op({tensor});
  const auto graph = builder.build();
  // 0 takes nothing on device 0, so 1 is ready on device 1 at 0 as well, but 4 was started in the same round as 0.
  const auto outcome = run(graph, uniform_costs(graph, 2, {0, 0, 0, 0, 6, 2}), simple_cluster(), {0, 1, 0, 1, 1, 0});
  CHECK(outcome.start_ps == Times{0, 6, 6, 6, 0, 6});
  CHECK(outcome.makespan_ps == 8);
}

TEST_CASE("rule 6: a tensor is held from its op's start to its last use") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {100});
  const auto b = builder.op({a}, {10});
  builder.op({b}, {1});
  const auto graph = builder.build();
  auto costs = uniform_costs(graph, 2, {2, 2, 2});
  CHECK(run(graph, costs, simple_cluster({.devices = 2}), {0, 0, 0}).peak_bytes == Times{110, 0});
  // Sent to device 1, the tensor is held there from the start of its transfer, at home until its end.
  CHECK(run(graph, costs, simple_cluster(), {0, 1, 0}).peak_bytes == Times{100, 110});
  // Workspace counts while its op runs: with op 1's.
  costs.workspace_bytes = {0, 50, 0};
  CHECK(run(graph, costs, simple_cluster(), {0, 0, 0}).peak_bytes[0] == 160);
}

TEST_CASE("rule 6: a copy is held only once its transfer starts") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {10});
  builder.op({a}, {0});
  builder.op({b}, {0});
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {1, 1, 1, 1});
  // a moves 1-11 and is used 11-12; b moves 11-21: they meet on device 1.
  CHECK(run(graph, costs, simple_cluster(), {0, 0, 1, 1}).peak_bytes == Times{20, 20});
  // Used in no time, a is gone at 11, but what begins and ends at an instant counts there.
  auto instant = costs;
  instant.time_ps.assign(8, 0);
  CHECK(run(graph, instant, simple_cluster(), {0, 0, 1, 1}).peak_bytes[1] == 10);
}

TEST_CASE("rule 6: what begins and ends at one instant counts for it") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {40});
  builder.op({a}, {2});
  builder.op({}, {30});
  const auto graph = builder.build();
  // On device 0 at time 0: tensors of ops 0 and 1, and of 2 that follows them.
  CHECK(run(graph, uniform_costs(graph, 1, {0, 0, 5}), simple_cluster({.devices = 1}), {0, 0, 0}).peak_bytes ==
        Times{72});
}

TEST_CASE("rule 6: inputs, outputs, parameters and resident bytes") {
  OpGraphBuilder builder;
  const auto input = builder.input(8);
  const auto unused = builder.input(1);
  const auto shared = builder.param(1000), own = builder.param(200);
  const auto a = builder.op({input}, {20}, {shared});
  const auto b = builder.op({a}, {30}, {shared, own});
  builder.output(a);
  builder.output(b);
  const auto graph = builder.build();
  auto costs = uniform_costs(graph, 2, {2, 2});
  costs.resident_bytes = {5, 6};
  CHECK(unused == 1);
  const auto alone = run(graph, costs, simple_cluster(), {0, 0});
  CHECK(alone.param_bytes == Times{1211, 0});
  CHECK(alone.peak_bytes == Times{1211 + 20 + 30, 0});  // both outputs stay; the input is gone by then
  const auto split = run(graph, costs, simple_cluster(), {0, 1});
  CHECK(split.param_bytes == Times{1005, 1206});
  CHECK(split.peak_bytes == Times{1005 + 8 + 20, 1206 + 20 + 30});
}

TEST_CASE("rule 6: with an io device outputs stay there and inputs wait there") {
  OpGraphBuilder builder;
  const auto input = builder.input(8);
  const auto unused = builder.input(3);
  const auto a = builder.op({input}, {20});
  builder.output(a);
  builder.output(unused);
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 2, {2}), simple_cluster({.io_device = 0}), {1});
  // Device 0: input 0-8, the other input to the end, the output from 10 on; device 1: the input's copy and the output.
  CHECK(outcome.peak_bytes == Times{3 + 20, 8 + 20});
  CHECK(outcome.makespan_ps == 30);
  CHECK(outcome.io_transfers == 2);
}

TEST_CASE("rule 6: blocks are rounded up to the alignment") {
  OpGraphBuilder builder;
  builder.op({}, {1, 17}, {builder.param(3)});
  const auto graph = builder.build();
  auto costs = uniform_costs(graph, 1, {2});
  costs.workspace_bytes = {16};
  for (const auto& [align, peak] : {std::pair{16, 16 + 16 + 32 + 16}, {10, 10 + 10 + 20 + 20}, {1, 3 + 1 + 17 + 16}})
    CHECK(run(graph, costs, simple_cluster({.devices = 1, .align_bytes = align}), {0}).peak_bytes[0] == peak);
}

TEST_CASE("out of memory is reported with its first time, its op and its largest excess") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {50});
  const auto b = builder.op({a}, {60});
  builder.op({b, a}, {70});
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 1, {3, 4, 5});
  auto cluster = simple_cluster({.devices = 1, .memory_bytes = 120});
  cluster.devices[0].reserved_bytes = 20;
  const auto outcome = run(graph, costs, cluster, {0, 0, 0});
  CHECK_FALSE(outcome.fits());
  CHECK(outcome.overflow_bytes == 80);
  REQUIRE(outcome.out_of_memory.size() == 1);
  CHECK(outcome.out_of_memory[0].time_ps == 3);
  CHECK(outcome.out_of_memory[0].op == 1);
  CHECK(outcome.out_of_memory[0].over_bytes == 80);
  CHECK(outcome.makespan_ps == 12);  // the run goes on
}

TEST_CASE("rule 7: the makespan is the last end, of an op or a transfer") {
  CHECK(run({}, uniform_costs({}, 2, {}), simple_cluster(), {}).makespan_ps == 0);
  OpGraphBuilder builder;
  builder.input(9);
  builder.output(0);
  builder.op({0});
  const auto graph = builder.build();
  CHECK(run(graph, uniform_costs(graph, 2, {1}), simple_cluster({.io_device = 0}), {1}).makespan_ps == 10);
}

TEST_CASE("many ops that become ready at one instant out of order are sorted, not searched") {
  // Two ops end together; their 2 x 20,000 consumers interleave by id.
  constexpr uint32_t kMany = 40000;
  OpGraphBuilder builder;
  const auto even = builder.op({}, {0}), odd = builder.op({}, {0});
  for (uint32_t i = 0; i < kMany; ++i) builder.op({i % 2 ? odd : even}, {0});
  const auto graph = builder.build();
  Times durations(kMany + 2, 1);
  std::vector<uint32_t> placement(kMany + 2, 2);
  placement[0] = 0, placement[1] = 1;
  const auto outcome = run(graph, uniform_costs(graph, 3, durations), simple_cluster({.devices = 3}), placement);
  for (uint32_t i = 0; i < kMany; ++i) REQUIRE(outcome.start_ps[i + 2] == 1 + i);
}

TEST_CASE("what cannot be run is refused") {
  OpGraphBuilder builder;
  builder.op({builder.op({})});
  const auto graph = builder.build();
  auto costs = uniform_costs(graph, 2, {1, 1});
  auto cluster = simple_cluster();
  const auto error_kind = [&](const std::vector<uint32_t>& placement) {
    try {
      run(graph, costs, cluster, placement);
    } catch (const base::Error& error) {
      return error.kind();
    }
    return base::ErrorKind::check_failed;
  };
  CHECK(error_kind({0, 2}) == base::ErrorKind::internal);
  CHECK(error_kind({0}) == base::ErrorKind::internal);
  costs.time_ps[1] = cost::kCannotRun;
  CHECK(error_kind({1, 0}) == base::ErrorKind::internal);
  cluster.routes[1].reachable = false;
  CHECK(error_kind({0, 1}) == base::ErrorKind::unavailable);
  CHECK(error_kind({0, 0}) == base::ErrorKind::check_failed);  // nothing thrown
  costs.time_ps[0] = int64_t{1} << 62;
  CHECK(error_kind({0, 0}) == base::ErrorKind::malformed);
}
