// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

#include "place/bisect.h"
#include "place/placer.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using place::CutGraph;

namespace {

struct Edge {
  uint32_t from, to;
  double cost;
};

CutGraph cut_graph(uint32_t vertices, const std::vector<Edge>& edges) {
  std::vector<std::vector<std::pair<uint32_t, double>>> rows(vertices);
  for (const auto& [from, to, cost] : edges) rows[from].emplace_back(to, cost), rows[to].emplace_back(from, cost);
  CutGraph graph;
  for (auto& row : rows) {
    for (const auto& [other, cost] : row) graph.neighbours.push(other), graph.edge_cost.push_back(cost);
    graph.neighbours.end_row();
  }
  graph.weight.assign(vertices, 1);
  graph.pull.assign(vertices, 0);
  graph.fixed.assign(vertices, -1);
  return graph;
}

CutGraph grid(uint32_t width, uint32_t height) {
  std::vector<Edge> edges;
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x) {
      if (x + 1 < width) edges.push_back({y * width + x, y * width + x + 1, 1});
      if (y + 1 < height) edges.push_back({y * width + x, (y + 1) * width + x, 1});
    }
  return cut_graph(width * height, edges);
}

double weight_of_0(const CutGraph& graph, const std::vector<int8_t>& side) {
  double sum = 0;
  for (size_t v = 0; v < side.size(); ++v) sum += side[v] == 0 ? graph.weight[v] : 0;
  return sum;
}

CutGraph random_graph(uint64_t seed, uint32_t vertices) {
  base::Rng rng(seed);
  std::vector<Edge> edges;
  for (uint32_t v = 1; v < vertices; ++v)
    for (uint32_t u = 0; u < v; ++u)
      if (rng.below(3) == 0) edges.push_back({u, v, 1.0 + rng.below(9)});
  CutGraph graph = cut_graph(vertices, edges);
  for (double& pull : graph.pull) pull = static_cast<double>(rng.below(11)) - 5;
  for (int8_t& side : graph.fixed) side = rng.below(5) == 0 ? static_cast<int8_t>(rng.below(2)) : int8_t{-1};
  return graph;
}

}  // namespace

TEST_CASE("a long grid is cut across") {
  for (const uint32_t length : {20u, 100u, 400u}) {
    const CutGraph graph = grid(length, 10);
    const auto side = place::bisect(graph, 0.5);
    INFO(length);
    CHECK(place::cut_cost(graph, side) <= 12);  // 10 is best
    CHECK(weight_of_0(graph, side) >= 0.44 * length * 10);
    CHECK(weight_of_0(graph, side) <= 0.56 * length * 10);
  }
}

TEST_CASE("shares decide where the cut is") {
  const CutGraph graph = grid(200, 5);
  const auto side = place::bisect(graph, 0.2);
  CHECK(place::cut_cost(graph, side) <= 6);
  CHECK(weight_of_0(graph, side) >= 180);
  CHECK(weight_of_0(graph, side) <= 220);
}

TEST_CASE("small cuts are nearly the best of all, with pulls and fixed vertices") {
  int optimal = 0, total = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const CutGraph graph = random_graph(seed, 12);
    const auto side = place::bisect(graph, 0.5);
    for (size_t v = 0; v < 12; ++v)
      if (graph.fixed[v] >= 0) REQUIRE(side[v] == graph.fixed[v]);
    const double weight = weight_of_0(graph, side),
                 fixed_0 = static_cast<double>(std::count(graph.fixed.begin(), graph.fixed.end(), 0)),
                 fixed_1 = static_cast<double>(std::count(graph.fixed.begin(), graph.fixed.end(), 1));
    if (fixed_0 > 6 || fixed_1 > 6) continue;
    ++total;
    REQUIRE(std::abs(weight - 6) <= 0.6 + 1e-9);
    double best = 1e9;
    for (uint32_t bits = 0; bits < 1u << 12; ++bits) {
      std::vector<int8_t> trial(12);
      bool allowed = true;
      for (uint32_t v = 0; v < 12; ++v) {
        trial[v] = static_cast<int8_t>(bits >> v & 1);
        allowed &= graph.fixed[v] < 0 || graph.fixed[v] == trial[v];
      }
      if (allowed && weight_of_0(graph, trial) == 6) best = std::min(best, place::cut_cost(graph, trial));
    }
    REQUIRE(place::cut_cost(graph, side) >= best - 1e-9);
    optimal += place::cut_cost(graph, side) <= best + 1e-9;
  }
  CHECK(total > 40);
  CHECK(optimal >= total * 2 / 3);
}

TEST_CASE("mapping keeps what talks much on one host") {
  // Four chains in two pairs; chains of a pair exchange much. Devices 0 and 2 are one host, 1 and 3 the other.
  test::OpGraphBuilder builder;
  std::vector<graph::TensorId> last;
  for (int chain = 0; chain < 4; ++chain) last.push_back(builder.op({}, {1000}));
  for (int step = 0; step < 30; ++step) {
    const auto before = last;
    for (uint32_t chain = 0; chain < 4; ++chain) last[chain] = builder.op({before[chain], before[chain ^ 1]}, {1000});
  }
  const auto graph = builder.build();
  auto cluster = test::simple_cluster({.devices = 4, .bytes_per_s = 1e12});
  for (uint32_t from = 0; from < 4; ++from)
    for (uint32_t to = 0; to < 4; ++to)
      if ((from ^ to) & 1) cluster.routes[from * 4 + to].bandwidth_bytes_per_s = 1e10;
  const std::vector<int64_t> times(graph.num_ops(), 1'000'000);
  const place::Problem p(graph, cluster, test::uniform_costs(graph, 4, times));
  const auto placement = place::find_placer("mapping").place(p, {});
  int between_hosts = 0;
  for (graph::OpId op = 0; op < graph.num_ops(); ++op)
    for (const graph::OpId next : graph.successors[op]) between_hosts += (placement[op] ^ placement[next]) & 1;
  CHECK(between_hosts == 0);
  std::vector<int> load(4, 0);
  for (const auto device : placement) ++load[device];
  CHECK(*std::max_element(load.begin(), load.end()) <= 36);
}
