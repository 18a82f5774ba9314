// SPDX-License-Identifier: Apache-2.0
#include "place/bisect.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

#include "place/refine.h"

namespace allot::place {
namespace {

constexpr uint32_t kCoarsest = 60;       // vertices that are cut without joining more
constexpr double kLeastShrinkage = 0.9;  // a level that shrinks less ends the joining
constexpr uint32_t kSeeds = 8;

/// Joins each vertex with the neighbour over the costliest edge that is still alone, unless both together are heavy or
/// belong to different sides. Returns the joint vertex of each.
std::vector<uint32_t> match(const CutGraph& graph, uint32_t& joint) {
  const auto vertices = static_cast<uint32_t>(graph.weight.size());
  const double total = std::accumulate(graph.weight.begin(), graph.weight.end(), 0.0);
  const double heaviest = 1.5 * total / kCoarsest;
  constexpr uint32_t kNobody = ~uint32_t{0};
  std::vector<uint32_t> of(vertices, kNobody);
  joint = 0;
  for (uint32_t v = 0; v < vertices; ++v) {
    if (of[v] != kNobody) continue;
    uint32_t best = v;
    double best_cost = 0;
    for (uint32_t i = graph.neighbours.begin[v]; i < graph.neighbours.begin[v + 1]; ++i) {
      const uint32_t u = graph.neighbours.items[i];
      const bool apart = graph.fixed[u] != graph.fixed[v] || graph.weight[u] + graph.weight[v] > heaviest;
      if (of[u] == kNobody && !apart && graph.edge_cost[i] > best_cost) best = u, best_cost = graph.edge_cost[i];
    }
    of[v] = of[best] = joint++;
  }
  return of;
}

CutGraph contract(const CutGraph& graph, const std::vector<uint32_t>& of, uint32_t vertices) {
  CutGraph coarse;
  coarse.weight.assign(vertices, 0);
  coarse.pull.assign(vertices, 0);
  coarse.fixed.assign(vertices, -1);
  base::Csr<uint32_t> joint_of;
  for (const uint32_t& joint : of) joint_of.add_row(std::span(&joint, 1));
  const base::Csr<uint32_t> members = base::transpose(joint_of, vertices);
  std::vector<uint32_t> at(vertices, ~uint32_t{0});  // a joint vertex -> its place in the present row
  for (uint32_t joint = 0; joint < vertices; ++joint) {
    const auto row_begin = static_cast<uint32_t>(coarse.neighbours.items.size());
    for (const uint32_t v : members[joint]) {
      coarse.weight[joint] += graph.weight[v];
      coarse.pull[joint] += graph.pull[v];
      coarse.fixed[joint] = graph.fixed[v];
      for (uint32_t i = graph.neighbours.begin[v]; i < graph.neighbours.begin[v + 1]; ++i) {
        const uint32_t other = of[graph.neighbours.items[i]];
        if (other == joint) continue;
        const bool known = at[other] >= row_begin && at[other] < coarse.neighbours.items.size() &&
                           coarse.neighbours.items[at[other]] == other;
        if (!known) {
          at[other] = static_cast<uint32_t>(coarse.neighbours.items.size());
          coarse.neighbours.push(other);
          coarse.edge_cost.push_back(0);
        }
        coarse.edge_cost[at[other]] += graph.edge_cost[i];
      }
    }
    coarse.neighbours.end_row();
  }
  return coarse;
}

/// All on side 1 but what is fixed; then side 0 grows from `seed` on by the neighbour that is cheapest to take, and
/// from the next vertex that is left when there are no neighbours.
std::vector<int8_t> grow(const CutGraph& graph, double share, uint32_t seed) {
  const auto vertices = static_cast<uint32_t>(graph.weight.size());
  const double target = share * std::accumulate(graph.weight.begin(), graph.weight.end(), 0.0);
  std::vector<int8_t> side(vertices, 1);
  std::vector<double> cost(vertices);  // of moving to side 0
  for (uint32_t v = 0; v < vertices; ++v) {
    cost[v] = -graph.pull[v];
    for (uint32_t i = graph.neighbours.begin[v]; i < graph.neighbours.begin[v + 1]; ++i) cost[v] += graph.edge_cost[i];
  }
  double weight = 0;
  std::priority_queue<std::pair<double, uint32_t>> frontier;  // negative cost, vertex; with outdated entries
  const auto take = [&](uint32_t v) {
    side[v] = 0;
    weight += graph.weight[v];
    for (uint32_t i = graph.neighbours.begin[v]; i < graph.neighbours.begin[v + 1]; ++i) {
      const uint32_t u = graph.neighbours.items[i];
      cost[u] -= 2 * graph.edge_cost[i];
      if (side[u] == 1 && graph.fixed[u] != 1) frontier.emplace(-cost[u], u);
    }
  };
  for (uint32_t v = 0; v < vertices; ++v)
    if (graph.fixed[v] == 0) take(v);
  for (uint32_t left = 0; weight < target;) {
    if (frontier.empty()) {
      if (left == vertices) break;
      const uint32_t v = (seed + left++) % vertices;
      if (side[v] == 1 && graph.fixed[v] != 1) frontier.emplace(-cost[v], v);
      continue;
    }
    const auto [gain, v] = frontier.top();
    frontier.pop();
    if (side[v] == 1 && -gain == cost[v] && weight + graph.weight[v] / 2 <= target) take(v);
  }
  return side;
}

std::vector<int8_t> cut_coarsest(const CutGraph& graph, double share) {
  std::vector<int8_t> best;
  double best_cost = 0;
  const auto vertices = static_cast<uint32_t>(graph.weight.size());
  for (uint32_t i = 0; i < std::min(kSeeds, vertices); ++i) {
    std::vector<int8_t> side = grow(graph, share, static_cast<uint32_t>(uint64_t{i} * vertices / kSeeds) % vertices);
    const double cost = refine(graph, share, side);
    if (best.empty() || cost < best_cost) best = std::move(side), best_cost = cost;
  }
  return best;
}

}  // namespace

std::vector<int8_t> bisect(const CutGraph& graph, double share) {
  std::vector<CutGraph> levels;
  std::vector<std::vector<uint32_t>> joins;
  const auto coarsest = [&]() -> const CutGraph& { return levels.empty() ? graph : levels.back(); };
  while (coarsest().weight.size() > kCoarsest) {
    uint32_t joint = 0;
    std::vector<uint32_t> of = match(coarsest(), joint);
    if (joint > kLeastShrinkage * static_cast<double>(of.size())) break;
    levels.push_back(contract(coarsest(), of, joint));
    joins.push_back(std::move(of));
  }
  std::vector<int8_t> side = cut_coarsest(coarsest(), share);
  while (!levels.empty()) {
    levels.pop_back();
    std::vector<int8_t> finer;
    for (const uint32_t joint : joins.back()) finer.push_back(side[joint]);
    joins.pop_back();
    side = std::move(finer);
    refine(coarsest(), share, side);
  }
  return side;
}

double cut_cost(const CutGraph& graph, const std::vector<int8_t>& side) {
  double cost = 0;
  for (uint32_t v = 0; v < side.size(); ++v) {
    cost += side[v] ? graph.pull[v] : 0;
    for (uint32_t i = graph.neighbours.begin[v]; i < graph.neighbours.begin[v + 1]; ++i)
      if (side[graph.neighbours.items[i]] != side[v]) cost += graph.edge_cost[i] / 2;
  }
  return cost;
}

}  // namespace allot::place
