// SPDX-License-Identifier: Apache-2.0
// Hand-computed runs of every rule that a cluster can choose. A byte takes a picosecond on the wires.
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "base/error.h"
#include "sim/ranks.h"
#include "sim/simulator.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using cluster::Blocking;
using cluster::Contention;
using cluster::Forwarding;
using cluster::Queue;
using test::OpGraphBuilder;
using test::simple_cluster;
using test::uniform_costs;
using Times = std::vector<int64_t>;
using Wait = sim::CriticalStep::Wait;

namespace {

cluster::Cluster cluster_with(const cluster::Simulation& rules, uint32_t devices = 2) {
  auto result = simple_cluster({.devices = devices});
  result.simulation = rules;
  return result;
}

sim::Outcome run(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                 const std::vector<uint32_t>& placement, const std::vector<int64_t>& priority = {}) {
  return sim::Simulator(graph, costs, cluster)
      .run(placement, {.memory = true, .timeline = true, .critical = true, .priority = priority});
}

/// Two ops of 1 ps make 10 bytes each, two others read them: a sender and readers.
struct TwoTransfers {
  TwoTransfers() {
    OpGraphBuilder builder;
    const auto a = builder.op({}, {10}), b = builder.op({}, {10});
    builder.op({a});
    builder.op({b});
    graph = builder.build();
  }
  Times starts(const cluster::Cluster& cluster, const std::vector<uint32_t>& placement) const {
    return run(graph, uniform_costs(graph, cluster.size(), {1, 1, 1, 1}), cluster, placement).start_ps;
  }
  graph::OpGraph graph;
};

/// One op makes `bytes` on device 0, another reads it on device 1, over two links of rates 1 and 1/2 byte a ps.
cluster::Cluster two_hops(Forwarding forwarding) {
  auto cluster = cluster_with({.forwarding = forwarding});
  cluster.links = {{"slow", 0.5e12, 3, false, 1}, {"fast", 1e12, 2, false, 1}};
  cluster.num_channels = 2;
  cluster.routes[1] = {
      .reachable = true, .links = {0, 1}, .channels = {0, 1}, .latency_ps = 5, .bandwidth_bytes_per_s = 0.5e12};
  return cluster;
}

}  // namespace

TEST_CASE("a device runs as many ops at a time as it has streams") {
  OpGraphBuilder builder;
  for (int i = 0; i < 5; ++i) builder.op({});
  const auto graph = builder.build();
  auto cluster = simple_cluster({.devices = 1});
  cluster.devices[0].streams = 2;
  const auto outcome = run(graph, uniform_costs(graph, 1, {5, 2, 4, 1, 1}), cluster, {0, 0, 0, 0, 0});
  CHECK(outcome.start_ps == Times{0, 0, 2, 5, 6});
  CHECK(outcome.stream == std::vector<uint32_t>{0, 1, 1, 0, 0});
  CHECK(outcome.makespan_ps == 7);
  CHECK(outcome.busy_ps == Times{13});
}

TEST_CASE("with priorities the most urgent of the ready ops goes first") {
  OpGraphBuilder builder;
  const auto first = builder.op({}, {1});  // 0
  builder.op({});                          // 1: ready from the start
  builder.op({first});                     // 2: urgent, but ready at 3 only
  builder.op({first});                     // 3
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 1, {3, 4, 1, 1});
  const auto cluster = cluster_with({.queue = Queue::priority}, 1);
  CHECK(run(graph, costs, cluster, {0, 0, 0, 0}, {9, 1, 5, 1}).start_ps == Times{0, 4, 3, 8});
  CHECK(run(graph, costs, cluster, {0, 0, 0, 0}, {1, 1, 1, 2}).start_ps == Times{0, 3 + 1, 8, 3});  // then ready time
  // Upward ranks: 4 for op 0, then 4, 1, 1.
  CHECK(run(graph, costs, cluster, {0, 0, 0, 0}).start_ps == Times{0, 3, 7, 8});
}

TEST_CASE("in order a device waits for the next op, even if another is ready") {
  OpGraphBuilder builder;
  const auto far = builder.op({}, {6});  // 0, on device 1
  builder.op({far});                     // 1, on device 0: ready at 8
  builder.op({});                        // 2, on device 0: ready at 0
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {2, 3, 4});
  const auto cluster = cluster_with({.queue = Queue::order});
  CHECK(run(graph, costs, cluster, {1, 0, 0}, {3, 2, 1}).start_ps == Times{0, 8, 11});
  CHECK(run(graph, costs, cluster, {1, 0, 0}, {3, 1, 2}).start_ps == Times{0, 8, 0});
  CHECK(run(graph, costs, cluster_with({}), {1, 0, 0}).start_ps == Times{0, 8, 0});
  // An order against the data flow can never be kept.
  CHECK_THROWS_AS(run(graph, costs, cluster, {0, 0, 0}, {1, 3, 2}), base::Error);
}

TEST_CASE("upward ranks count transfers between the devices of a placement") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({a}, {5});
  builder.op({a, b});
  const auto graph = builder.build();
  Times ranks(3);
  const std::vector<uint32_t> placement{0, 1, 0};
  sim::upward_ranks(graph, uniform_costs(graph, 2, {1, 2, 4}), simple_cluster(), placement, ranks);
  CHECK(ranks == Times{1 + 10 + 11, 2 + 5 + 4, 4});
}

TEST_CASE("a device rests after each op of any duration, and the run does not wait for it") {
  OpGraphBuilder builder;
  builder.op({});
  builder.op({});
  builder.op({});
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 1, {2, 0, 3}), cluster_with({.op_gap_ps = 5}, 1), {0, 0, 0});
  CHECK(outcome.start_ps == Times{0, 7, 7});
  CHECK(outcome.makespan_ps == 10);
  CHECK(outcome.busy_ps == Times{5});
}

TEST_CASE("bus: transfers of one sender wait for one another, wherever they go") {
  const TwoTransfers two;
  CHECK(two.starts(cluster_with({.contention = Contention::link}, 3), {0, 0, 1, 2}) == Times{0, 1, 11, 12});
  CHECK(two.starts(cluster_with({.contention = Contention::bus}, 3), {0, 0, 1, 2}) == Times{0, 1, 11, 21});
  CHECK(two.starts(cluster_with({.contention = Contention::bus}, 3), {0, 1, 2, 2}) == Times{0, 0, 11, 12});
  CHECK(two.starts(cluster_with({.contention = Contention::bus, .transfer_gap_ps = 4}, 3), {0, 0, 1, 2}) ==
        Times{0, 1, 11, 25});
}

TEST_CASE("port: transfers wait for those that leave or reach the same device") {
  const TwoTransfers two;
  const auto cluster = cluster_with({.contention = Contention::port}, 3);
  CHECK(two.starts(cluster, {0, 0, 1, 2}) == Times{0, 1, 11, 21});  // one sender
  CHECK(two.starts(cluster, {0, 1, 2, 2}) == Times{0, 0, 11, 21});  // one receiver
  CHECK(two.starts(cluster, {0, 1, 1, 0}) == Times{0, 0, 11, 21});  // there and back
}

TEST_CASE("copy engines: one for both directions, or one each") {
  const TwoTransfers two;
  auto cluster = cluster_with({}, 3);
  CHECK(two.starts(cluster, {0, 1, 1, 0}) == Times{0, 0, 11, 11});
  cluster.devices[0].copy_engines = 1;
  CHECK(two.starts(cluster, {0, 1, 1, 0}) == Times{0, 0, 11, 21});
  cluster.devices[0].copy_engines = 2;
  CHECK(two.starts(cluster, {0, 1, 1, 0}) == Times{0, 0, 11, 11});
  CHECK(two.starts(cluster, {0, 0, 1, 2}) == Times{0, 1, 11, 21});  // both leave device 0
}

TEST_CASE("a blocking transfer waits for the ops of its ends, and no op starts there until it has ended") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10});  // 0, on device 0 until 1
  builder.op({});                       // 1, on device 1 until 4
  builder.op({a});                      // 2, on device 1
  builder.op({});                       // 3, on device 0
  builder.op({});                       // 4, on device 1
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {1, 4, 1, 1, 1});
  const auto outcome = run(graph, costs, cluster_with({.blocking_transfers = Blocking::both}), {0, 1, 1, 0, 1});
  REQUIRE(outcome.transfers.size() == 1);
  CHECK(outcome.transfers[0].start_ps == 4);
  CHECK(outcome.start_ps == Times{0, 0, 15, 14, 14});
  CHECK(run(graph, costs, cluster_with({}), {0, 1, 1, 0, 1}).start_ps == Times{0, 0, 11, 1, 4});
  const auto received = run(graph, costs, cluster_with({.blocking_transfers = Blocking::receiver}), {0, 1, 1, 0, 1});
  CHECK(received.transfers[0].start_ps == 4);
  CHECK(received.start_ps == Times{0, 0, 15, 1, 14});  // the sender goes on
}

TEST_CASE("staged: one link after another; pipelined: each as soon as it can; cut through: all at once") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {4});
  builder.op({a});
  builder.op({b});
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {1, 1, 1, 1});
  const auto transfers = [&](Forwarding forwarding) {
    return run(graph, costs, two_hops(forwarding), {0, 0, 1, 1}).transfers;
  };
  const auto whole = transfers(Forwarding::cut_through);  // 5 + 20, then 5 + 8
  CHECK((whole[0].end_ps == 26 && whole[1].start_ps == 26 && whole[1].end_ps == 39));
  // a: slow 1-24, fast 24-36; b: slow 24-35, fast 36-42.
  const auto staged = transfers(Forwarding::staged);
  CHECK((staged[0].end_ps == 36 && staged[1].start_ps == 24 && staged[1].end_ps == 42));
  // a: slow 1-24, fast 1-24 for it cannot pass on what it has not got; b: slow 24-35, fast 24-35.
  const auto pipelined = transfers(Forwarding::pipelined);
  CHECK((pipelined[0].end_ps == 24 && pipelined[1].start_ps == 24 && pipelined[1].end_ps == 35));
}

TEST_CASE("a staged copy takes memory once its last leg begins") {
  OpGraphBuilder builder;
  builder.op({builder.op({}, {10})}, {1});
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 2, {1, 1}), two_hops(Forwarding::staged), {0, 1});
  CHECK(outcome.memory[1] == std::vector<sim::MemoryPoint>{{0, 0}, {24, 10}, {36, 11}, {37, 0}});
}

TEST_CASE("baechi: sender and receiver hold their ports each for themselves") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {4});  // 0 on device 0, 1 on device 1
  builder.op({b});                                               // 2 on device 2
  builder.op({a});                                               // 3 on device 2: waits for its port
  const auto c = builder.op({}, {3});                            // 4 on device 0, after 0
  builder.op({c});                                               // 5 on device 1
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 3, {2, 1, 1, 1, 1, 1}),
                           cluster_with(*cluster::simulation_preset("baechi"), 3), {0, 1, 2, 2, 0, 1});
  // b: 1-5. a: sent 2-12, received 5-15. c: sent 12-15 though a is still on its way, received 12-15.
  CHECK(outcome.start_ps[2] == 5);
  CHECK(outcome.start_ps[3] == 15);
  CHECK(outcome.start_ps[5] == 15);
}

TEST_CASE("placeto: one transfer for all readers, then bus and device rest") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10'000'000}), b = builder.op({}, {1'000'000});
  builder.op({a});
  builder.op({a});
  builder.op({b});
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 3, {1'000'000, 1'000'000, 1, 1, 1}),
                           cluster_with(*cluster::simulation_preset("placeto"), 3), {0, 0, 1, 2, 2});
  CHECK(outcome.start_ps == Times{0, 6'700'000, 11'000'000, 11'000'000, 37'000'000});
  CHECK(outcome.transfers.size() == 3);  // copies
  CHECK(outcome.crossings == 3);
  CHECK(outcome.bytes_moved == 21'000'000);
}

TEST_CASE("doppler: a transfer only takes time") {
  const TwoTransfers two;
  CHECK(two.starts(cluster_with(*cluster::simulation_preset("doppler")), {0, 0, 1, 1}) == Times{0, 1, 11, 12});
}

TEST_CASE("share: transfers over one link divide its bandwidth, anew whenever one begins or ends") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {4});  // ready at 1 and 3
  builder.op({a});
  builder.op({b});
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {1, 2, 1, 1});
  auto cluster = cluster_with({.contention = Contention::share});
  // a alone from 1: 2 bytes by 3; both at half rate: b's 4 bytes take until 11; a has 10 - 2 - 4 = 4 left: 15.
  CHECK(run(graph, costs, cluster, {0, 0, 1, 1}).start_ps == Times{0, 1, 15, 11});
  for (auto& route : cluster.routes) route.latency_ps = 100;
  CHECK(run(graph, costs, cluster, {0, 0, 1, 1}).start_ps == Times{0, 1, 115, 111});
  // Alone, a transfer takes what it takes on an idle network.
  CHECK(run(graph, costs, cluster, {0, 1, 1, 1}).start_ps[2] == 1 + cluster.transfer_ps(0, 1, 10));
}

TEST_CASE("share: what one link cannot use is left to others, max-min fair") {
  // Three devices send to device 3: over their own links of rates 1/5, 1, 1 and all through one of rate 1.
  OpGraphBuilder builder;
  for (int i = 0; i < 3; ++i) builder.op({}, {40});
  for (uint32_t i = 0; i < 3; ++i) builder.op({i});
  const auto graph = builder.build();
  auto cluster = cluster_with({.contention = Contention::share}, 4);
  cluster.links = {
      {"a", 0.2e12, 0, false, 1}, {"b", 1e12, 0, false, 1}, {"c", 1e12, 0, false, 1}, {"all", 1e12, 0, false, 1}};
  cluster.num_channels = 4;
  for (auto& route : cluster.routes) route.links = route.channels = {};
  for (uint32_t from = 0; from < 3; ++from) {
    auto& route = cluster.routes[from * 4 + 3];
    route.links = route.channels = {from, 3};
  }
  const auto outcome = run(graph, uniform_costs(graph, 4, {0, 0, 0, 1, 1, 1}), cluster, {0, 1, 2, 3, 3, 3});
  // a gets 1/5, b and c 2/5 each: they have their 40 bytes at 100, a at 200.
  std::map<uint32_t, int64_t> ends;
  for (const auto& transfer : outcome.transfers) ends[transfer.from] = transfer.end_ps;
  CHECK(ends == std::map<uint32_t, int64_t>{{0, 200}, {1, 100}, {2, 100}});
}

TEST_CASE("an alias lives in the block of its input, which stays until both are done") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {100}), shape = builder.op({}, {8});
  const auto b = builder.op({a, shape}, {100});  // 2: alias
  builder.op({b}, {1});                          // 3
  builder.op({}, {50});                          // 4
  const auto graph = builder.build();
  auto costs = uniform_costs(graph, 1, {1, 1, 1, 5, 1});
  costs.ops.resize(5);
  const auto memory = [&] { return run(graph, costs, cluster_with({}, 1), {0, 0, 0, 0, 0}).memory[0]; };
  using Points = std::vector<sim::MemoryPoint>;
  // Ops run 0, 1, 4, 2, 3.
  CHECK(memory() == Points{{0, 100}, {1, 108}, {2, 158}, {3, 208}, {4, 101}, {9, 0}});
  costs.ops[2].op_class = cluster::OpClass::alias;
  CHECK(memory() == Points{{0, 100}, {1, 108}, {2, 158}, {3, 108}, {4, 101}, {9, 0}});
}

TEST_CASE("in place an elementwise op writes into an input that nobody else needs") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {100});
  const auto b = builder.op({a}, {100});  // 1
  const auto c = builder.op({b}, {100});  // 2
  builder.op({a, c}, {1});                // 3: still needs a
  const auto graph = builder.build();
  auto costs = uniform_costs(graph, 1, {1, 1, 1, 1});
  costs.ops.resize(4);
  for (auto& op : costs.ops) op.op_class = cluster::OpClass::elementwise;
  const auto peak = [&](bool in_place) {
    return run(graph, costs, cluster_with({.in_place = in_place}, 1), {0, 0, 0, 0}).peak_bytes[0];
  };
  CHECK(peak(false) == 300);  // a, b, c
  CHECK(peak(true) == 201);   // a, b that became c, and the last
}

TEST_CASE("an alias of a copy keeps the copy") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10});
  const auto b = builder.op({a}, {10});  // 1: alias, on device 1
  builder.op({b}, {1});                  // 2, on device 1
  const auto graph = builder.build();
  auto costs = uniform_costs(graph, 2, {1, 0, 5});
  costs.ops.resize(3);
  costs.ops[1].op_class = cluster::OpClass::alias;
  const auto outcome = run(graph, costs, simple_cluster(), {0, 1, 1});
  CHECK(outcome.memory[1] == std::vector<sim::MemoryPoint>{{0, 0}, {1, 10}, {11, 11}, {16, 0}});
}

TEST_CASE("out of memory tells what is held, the largest first") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {50});
  const auto b = builder.op({a}, {60});
  builder.op({b, a}, {70});
  const auto graph = builder.build();
  auto cluster = simple_cluster({.devices = 1, .memory_bytes = 120});
  cluster.devices[0].fragmentation = 1.2;  // 100 bytes to use
  const auto outcome = run(graph, uniform_costs(graph, 1, {3, 4, 5}), cluster, {0, 0, 0});
  REQUIRE(outcome.out_of_memory.size() == 1);
  const auto& report = outcome.out_of_memory[0];
  CHECK((report.time_ps == 3 && report.op == 1 && report.over_bytes == 80));
  REQUIRE(report.held.size() == 2);
  CHECK((report.held[0].tensor == 1 && report.held[0].bytes == 60));
  CHECK((report.held[1].tensor == 0 && report.held[1].bytes == 50));
}

TEST_CASE("the critical chain names what each step waited for") {
  OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {4});  // both on device 0
  builder.op({a});                                               // 2, on device 1
  builder.op({b});                                               // 3, on device 1
  const auto graph = builder.build();
  const auto outcome = run(graph, uniform_costs(graph, 2, {1, 2, 9, 1}), simple_cluster(), {0, 0, 1, 1});
  // a moves 1-11; b, made at 3, waits for the wire until 11; op 2 runs 11-20, then 3.
  const auto& chain = outcome.critical;
  REQUIRE(chain.size() == 4);
  CHECK((chain[0].op == 0 && chain[0].wait == Wait::none && chain[0].end_ps == 1));
  CHECK((chain[1].op == graph::kNone && chain[1].tensor == a && chain[1].wait == Wait::data));
  CHECK((chain[1].device == 0 && chain[1].to == 1 && chain[1].end_ps == 11));
  CHECK((chain[2].op == 2 && chain[2].wait == Wait::data && chain[2].end_ps == 20));
  CHECK((chain[3].op == 3 && chain[3].wait == Wait::device && chain[3].end_ps == outcome.makespan_ps));

  const auto wire = run(graph, uniform_costs(graph, 2, {1, 2, 1, 1}), simple_cluster(), {0, 0, 1, 1}).critical;
  REQUIRE(wire.size() == 4);
  CHECK((wire[2].tensor == b && wire[2].wait == Wait::wire && wire[2].start_ps == 11));
  CHECK((wire[3].op == 3 && wire[3].wait == Wait::data));
}

TEST_CASE("a cluster may ask for ONNX Runtime's semantics") {
  OpGraphBuilder builder;
  builder.op({});
  builder.op({});
  const auto graph = builder.build();
  const auto costs = uniform_costs(graph, 2, {3, 4});
  CHECK(run(graph, costs, cluster_with({}), {0, 1}).makespan_ps == 4);
  CHECK(run(graph, costs, cluster_with(*cluster::simulation_preset("ort")), {0, 1}).makespan_ps ==
        7);  // one host thread
}
