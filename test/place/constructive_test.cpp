// SPDX-License-Identifier: Apache-2.0
// What the block, memory and partition based methods promise.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

#include "place/blocks.h"
#include "place/methods.h"
#include "place/unit_graph.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using place::DeviceId;
using place::Problem;
using place::UnitPlacement;

namespace {

UnitPlacement place_with(const std::string& method, const Problem& problem) {
  return place::find_placer(method).place(problem, {});
}

/// A chain of ops named by `names`, 1 us each.
Problem named_chain(const std::vector<std::string>& names, uint32_t devices) {
  test::OpGraphBuilder builder;
  graph::TensorId tensor = builder.input(1);
  for (const auto& name : names) {
    tensor = builder.op({tensor}, {1});
    builder.name(name);
  }
  const auto graph = builder.build();
  const std::vector<int64_t> times(names.size(), 1'000'000);
  return Problem(graph, test::simple_cluster({.devices = devices}), test::uniform_costs(graph, devices, times));
}

/// Longest block of the best cut of `times` into `blocks`, by trying all cuts.
int64_t shortest_longest(const std::vector<int64_t>& times, size_t first, uint32_t blocks) {
  if (blocks == 1) return std::accumulate(times.begin() + static_cast<std::ptrdiff_t>(first), times.end(), int64_t{0});
  int64_t best = std::numeric_limits<int64_t>::max(), load = 0;
  for (size_t end = first; end <= times.size(); ++end) {
    best = std::min(best, std::max(load, shortest_longest(times, end, blocks - 1)));
    if (end < times.size()) load += times[end];
  }
  return best;
}

int64_t cut_bytes(const place::UnitGraph& graph, const UnitPlacement& placement) {
  int64_t sum = 0;
  for (place::UnitId unit = 0; unit < placement.size(); ++unit)
    for (size_t i = 0; i < graph.neighbours[unit].size(); ++i)
      if (placement[graph.neighbours[unit][i]] != placement[unit]) sum += graph.bytes_of(unit)[i];
  return sum / 2;
}

}  // namespace

TEST_CASE("the longest block is as short as any cut allows") {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    base::Rng rng(seed);
    std::vector<int64_t> times(1 + rng.below(12));
    for (auto& time : times) time = 1 + rng.below(1'000'000);
    const uint32_t devices = 1 + rng.below(4);
    test::OpGraphBuilder builder;
    for (size_t i = 0; i < times.size(); ++i) builder.op({});
    const auto graph = builder.build();
    const Problem p(graph, test::simple_cluster({.devices = devices}), test::uniform_costs(graph, devices, times));
    const auto placement = place_with("contiguous", p);
    std::vector<int64_t> load(devices, 0);
    for (size_t i = 0; i < times.size(); ++i) load[placement[i]] += times[i];
    CHECK(std::is_sorted(placement.begin(), placement.end()));
    const auto longest = static_cast<double>(*std::max_element(load.begin(), load.end()));
    const auto best = static_cast<double>(shortest_longest(times, 0, devices));
    INFO("seed " << seed);
    CHECK(longest >= best);
    CHECK(longest <= best * 1.0002 + 1);
  }
}

TEST_CASE("blocks count tensors that wait to be read") {
  // Four tensors that the last op reads: a block that holds them all needs 4 * 100 and its own.
  test::OpGraphBuilder builder;
  std::vector<graph::TensorId> waiting;
  for (int i = 0; i < 4; ++i) waiting.push_back(builder.op({}, {100}));
  auto tensor = builder.op(waiting, {1});
  for (int i = 0; i < 3; ++i) tensor = builder.op({tensor}, {1});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster({.devices = 2, .memory_bytes = 1000});
  cluster.devices[0].memory_bytes = 350;
  const Problem p(graph, cluster, test::uniform_costs(graph, 2, std::vector<int64_t>(8, 10)));
  CHECK(place_with("contiguous", p) == UnitPlacement{0, 0, 0, 1, 1, 1, 1, 1});
}

TEST_CASE("cheapest cuts send least of all blocks that fit") {
  // A chain where each second op is read by the one after the next, too; times and tensors of random sizes, on a slow
  // device and two fast ones that hold half of the ops each.
  for (uint64_t seed = 0; seed < 100; ++seed) {
    base::Rng rng(seed, 5);
    constexpr uint32_t kOps = 9, kDevices = 3;
    test::OpGraphBuilder builder;
    std::vector<graph::TensorId> made;
    for (uint32_t op = 0; op < kOps; ++op) {
      std::vector<graph::TensorId> inputs;
      if (op > 0) inputs.push_back(made[op - 1]);
      if (op > 1 && op % 2 == 0) inputs.push_back(made[op - 2]);
      made.push_back(builder.op(inputs, {1 + rng.below(1000)}));
    }
    const auto graph = builder.build();
    std::vector<int64_t> time_ps;
    for (uint32_t op = 0; op < kOps; ++op) {
      const int64_t fast_ps = 1000 * (1 + rng.below(100));
      time_ps.insert(time_ps.end(), {10 * fast_ps, fast_ps, fast_ps});
    }
    auto costs = cost::table_from(graph, kDevices, time_ps);
    costs.resident_bytes.assign(kOps, 100'000);
    auto cluster = test::simple_cluster({.devices = kDevices, .bytes_per_s = 1e9});
    for (DeviceId device = 1; device < kDevices; ++device) cluster.devices[device].memory_bytes = 4 * 100'000 + 50'000;
    const Problem problem(graph, cluster, costs);

    place::Evaluator evaluator(problem);
    place::Score best{1};
    for (uint32_t first = 0; first <= kOps; ++first)
      for (uint32_t second = first; second <= kOps; ++second) {
        UnitPlacement blocks(kOps, 0);
        std::fill(blocks.begin() + first, blocks.begin() + second, 1);
        std::fill(blocks.begin() + second, blocks.end(), 2);
        best = std::min(best, evaluator.score(blocks));
      }
    const place::Score ours = evaluator.score(place_with("cheapest-cuts", problem));
    INFO("seed " << seed);
    CHECK(ours.overflow_bytes == 0);
    CHECK(ours == best);
  }
}

TEST_CASE("expert cuts between the layers that names tell") {
  const std::vector<std::string> names = {"/m/l.0/a", "/m/l.0/b", "/m/l.1/a", "/m/l.1/b", "/m/l.1/c", "/m/l.2/a",
                                          "/m/l.3/a", "/m/l.4/a", "/m/l.5/a", "/m/l.6/a", "/m/l.7/a", "/m/l.7/b"};
  const auto placement = place_with("expert", named_chain(names, 2));
  CHECK(placement == UnitPlacement{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1});
  const auto same_layer = [&](size_t a, size_t b) { CHECK(placement[a] == placement[b]); };
  same_layer(0, 1);
  same_layer(10, 11);
}

TEST_CASE("expert gives each recurrent layer a device, with what surrounds it") {
  test::OpGraphBuilder builder;
  auto tensor = builder.op({});
  for (int i = 1; i < 6; ++i) tensor = builder.op({tensor});
  auto graph = builder.build();
  graph.type_names = {"LSTM", "Op"};
  graph.type = {1, 0, 1, 0, 1, 1};
  const Problem p(graph, test::simple_cluster(), test::uniform_costs(graph, 2, {1, 50, 1, 50, 1, 1}));
  CHECK(place_with("expert", p) == UnitPlacement{0, 0, 0, 1, 1, 1});
}

TEST_CASE("expert falls back on the order where names tell nothing") {
  const auto p = named_chain(std::vector<std::string>(9, "op"), 3);
  CHECK(place_with("expert", p) == place_with("contiguous", p));
}

TEST_CASE("m-topo gives each device its share of the bytes") {
  test::OpGraphBuilder builder;
  auto tensor = builder.op({}, {10}, {builder.param(90)});
  for (int i = 1; i < 9; ++i) tensor = builder.op({tensor}, {10}, {builder.param(90)});
  const auto graph = builder.build();
  const Problem p(graph, test::simple_cluster({.devices = 3}),
                  test::uniform_costs(graph, 3, std::vector<int64_t>(9, 1)));
  // 900 / 3 + 100: four units each, the last device takes what is left.
  CHECK(place_with("m-topo", p) == UnitPlacement{0, 0, 0, 0, 1, 1, 1, 1, 2});
}

TEST_CASE("the critical path goes first, and to where it ends first") {
  // Op 0 feeds a long chain and op 1 a short one; on one device 1 would wait.
  test::OpGraphBuilder builder;
  const auto a = builder.op({}), b = builder.op({});
  builder.op({builder.op({b})});
  builder.op({a});
  const auto graph = builder.build();
  const Problem p(graph, test::simple_cluster({.latency_ps = 5}),
                  test::simple_costs(graph, 2, {10, 10, 10, 10, 10, 9, 10, 10, 10, 10}));
  CHECK(place_with("critical-path", p) == UnitPlacement{1, 0, 0, 0, 1});
}

TEST_CASE("metis finds the two halves of a graph that hangs by a thread") {
  if (place::metis_missing()) return;
  if (place::find_placer("single").missing) return;
  test::OpGraphBuilder builder;
  std::vector<std::vector<graph::TensorId>> made(2);
  const auto thread = builder.op({}, {1});
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 20; ++i) {
      std::vector<graph::TensorId> inputs = made[half];
      if (half == 1 && i == 0) inputs.push_back(thread);
      if (half == 0 && i == 0) inputs.push_back(thread);
      made[half].push_back(builder.op(inputs, {1000}));
    }
  const auto graph = builder.build();
  const Problem p(graph, test::simple_cluster(), test::uniform_costs(graph, 2, std::vector<int64_t>(41, 1000)));
  CHECK(cut_bytes(place::unit_graph(p), place_with("metis", p)) == 1);
}

TEST_CASE("metis gives the faster device more of the work") {
  if (place::metis_missing()) return;
  const Problem p = [] {
    const auto graph = graph::layered({.ops = 400, .width = 8});
    std::vector<int64_t> time_ps;
    for (int op = 0; op < 400; ++op) time_ps.insert(time_ps.end(), {3'000'000, 1'000'000});
    return Problem(graph, test::simple_cluster(), test::simple_costs(graph, 2, time_ps));
  }();
  const auto placement = place_with("metis", p);
  const auto fast = std::count(placement.begin(), placement.end(), 1u);
  CHECK(fast >= 280);
  CHECK(fast <= 320);
}

TEST_CASE("unit graphs join parallel edges and leave out what stays inside") {
  test::OpGraphBuilder builder;
  const auto a = builder.op({}, {5, 7});
  const auto b = builder.op({a}, {3});
  builder.op({a, a + 1, b}, {1});
  const auto graph = builder.build({0, 0, 2});
  const Problem p(graph, test::simple_cluster(), test::uniform_costs(graph, 2, {1, 1, 1}));
  const auto units = place::unit_graph(p);
  REQUIRE(units.neighbours.rows() == 2);
  CHECK(std::vector(units.neighbours[0].begin(), units.neighbours[0].end()) == std::vector<place::UnitId>{1});
  CHECK(units.bytes_of(0)[0] == 5 + 7 + 3);
  CHECK(units.bytes_of(1)[0] == 5 + 7 + 3);
}

TEST_CASE("every method copes with 64 unequal devices on two hosts with a slow network") {
  const auto few = test::random_problem({.ops = 300, .width = 20, .devices = 64, .seed = 3, .forbidden = 0.2});
  auto cluster = few.cluster();
  for (DeviceId from = 0; from < 64; ++from)
    for (DeviceId to = 0; to < 64; ++to)
      if ((from < 32) != (to < 32)) cluster.routes[from * 64 + to].bandwidth_bytes_per_s = 1e9;
  const Problem p(few.graph(), cluster, few.costs());
  const int64_t alone = place::Evaluator(p).score(place_with("single", p)).makespan_ps;
  for (const auto& placer : place::placers()) {
    if (placer.missing) continue;
    INFO(placer.name);
    const auto placement = placer.place(p, {.evaluations = 20});
    REQUIRE(placement.size() == p.graph().num_units());
    for (place::UnitId unit = 0; unit < placement.size(); ++unit) REQUIRE(p.allowed(unit, placement[unit]));
    if (placer.name == "heft" || placer.name == "m-etf" || placer.name == "critical-path")
      CHECK(place::Evaluator(p).score(placement).makespan_ps < alone * 3 / 4);
  }
}
