// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "bench/offload.h"

namespace allot::bench {
namespace {

using place::DeviceId;
using place::UnitId;

/// Units that reach one another, and the edges between such blocks.
struct Blocks {
  std::vector<std::vector<UnitId>> units;
  std::vector<std::vector<uint32_t>> next;  // distinct
};

std::vector<std::vector<UnitId>> successors(const graph::OpGraph& graph) {
  std::vector<std::vector<UnitId>> next(graph.num_units());
  for (graph::OpId op = 0; op < graph.num_ops(); ++op)
    for (const graph::OpId after : graph.successors[op])
      if (graph.unit_of[after] != graph.unit_of[op]) next[graph.unit_of[op]].push_back(graph.unit_of[after]);
  return next;
}

std::vector<bool> reached_from(UnitId unit, const std::vector<std::vector<UnitId>>& next) {
  std::vector<bool> reached(next.size(), false);
  std::vector<UnitId> open = {unit};
  while (!open.empty()) {
    const UnitId at = open.back();
    open.pop_back();
    for (const UnitId after : next[at])
      if (!reached[after]) reached[after] = true, open.push_back(after);
  }
  return reached;
}

/// O(units edges): published graphs have some hundred.
Blocks blocks(const graph::OpGraph& graph) {
  const auto next = successors(graph);
  std::vector<std::vector<bool>> reached;
  for (UnitId unit = 0; unit < next.size(); ++unit) reached.push_back(reached_from(unit, next));
  Blocks result;
  std::vector<uint32_t> block_of(next.size(), graph::kNone);
  for (UnitId unit = 0; unit < next.size(); ++unit) {
    if (block_of[unit] != graph::kNone) continue;
    result.units.emplace_back();
    for (UnitId other = unit; other < next.size(); ++other) {
      if (other != unit && !(reached[unit][other] && reached[other][unit])) continue;
      block_of[other] = static_cast<uint32_t>(result.units.size() - 1);
      result.units.back().push_back(other);
    }
  }
  result.next.resize(result.units.size());
  for (UnitId unit = 0; unit < next.size(); ++unit)
    for (const UnitId after : next[unit])
      if (block_of[after] != block_of[unit]) result.next[block_of[unit]].push_back(block_of[after]);
  for (auto& row : result.next) {
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
  }
  return result;
}

enum class Order { first_ready, last_ready, last_ready_reversed };

std::vector<uint32_t> in_order(const Blocks& blocks, Order order) {
  std::vector<size_t> pending(blocks.units.size(), 0);
  for (const auto& row : blocks.next)
    for (const uint32_t after : row) ++pending[after];
  std::vector<uint32_t> ready, result;
  for (uint32_t block = 0; block < pending.size(); ++block)
    if (pending[block] == 0) ready.push_back(block);
  while (!ready.empty()) {
    const auto taken = order == Order::first_ready ? ready.begin() : ready.end() - 1;
    result.push_back(*taken);
    ready.erase(taken);
    auto row = blocks.next[result.back()];
    if (order == Order::last_ready_reversed) std::reverse(row.begin(), row.end());
    for (const uint32_t after : row)
      if (--pending[after] == 0) ready.push_back(after);
  }
  return result;
}

place::UnitPlacement fill(const place::Problem& problem, const Blocks& blocks, const std::vector<uint32_t>& order) {
  place::UnitPlacement placement(problem.graph().num_units(), 0);
  DeviceId device = 1;
  int64_t held = 0;
  for (const uint32_t block : order) {
    int64_t bytes = 0;
    for (const UnitId unit : blocks.units[block])
      for (const graph::OpId op : problem.graph().members[unit]) bytes += problem.costs().resident_bytes[op];
    const auto runs = [&](UnitId unit) { return problem.allowed(unit, 1); };
    if (!std::all_of(blocks.units[block].begin(), blocks.units[block].end(), runs)) continue;
    const int64_t room = problem.cluster().devices[1].usable_bytes();  // accelerators are alike
    if (bytes > room) continue;
    if (held + bytes > room) ++device, held = 0;
    if (device == problem.devices()) break;
    for (const UnitId unit : blocks.units[block]) placement[unit] = device;
    held += bytes;
  }
  return placement;
}

}  // namespace

place::UnitPlacement fill_accelerators(const place::Problem& problem) {
  const Blocks all = blocks(problem.graph());
  Offload offload(problem);
  place::UnitPlacement best;
  place::Score best_score;
  for (const Order order : {Order::first_ready, Order::last_ready, Order::last_ready_reversed}) {
    place::UnitPlacement placement = fill(problem, all, in_order(all, order));
    const place::Score score = offload(problem.expand(placement));
    if (best.empty() || score < best_score) best = std::move(placement), best_score = score;
  }
  return best;
}

}  // namespace allot::bench
