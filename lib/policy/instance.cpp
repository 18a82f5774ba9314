// SPDX-License-Identifier: Apache-2.0
#include "policy/instance.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "place/part.h"
#include "place/ranks.h"
#include "policy/features.h"

namespace allot::policy {
namespace {

/// Kahn's algorithm with a first-in-first-out queue that begins with the ops in file order (placement 1.1).
std::vector<OpId> breadth_first(const graph::OpGraph& graph) {
  std::vector<uint32_t> waits_for(graph.num_ops());
  std::vector<OpId> order;
  order.reserve(graph.num_ops());
  for (OpId op = 0; op < graph.num_ops(); ++op)
    if ((waits_for[op] = static_cast<uint32_t>(graph.predecessors[op].size())) == 0) order.push_back(op);
  for (size_t next = 0; next < order.size(); ++next)
    for (const OpId after : graph.successors[order[next]])
      if (--waits_for[after] == 0) order.push_back(after);
  return order;
}

/// The most urgent first, as list schedulers take them; topological, since no op is less urgent than its consumers.
std::vector<OpId> most_urgent_first(const place::Problem& problem) {
  const std::vector<double> rank = place::upward_ranks(problem);
  std::vector<OpId> order(rank.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](OpId a, OpId b) { return rank[a] > rank[b]; });
  return order;
}

/// Neighbours of one element in one direction. What lies behind units without a choice counts as next to it, as far
/// as a limited number of steps leads: a star of such units has as many pairs as edges squared.
class Bridges {
 public:
  Bridges(const graph::OpGraph& graph, const base::Csr<OpId>& of_op, const std::vector<uint32_t>& index)
      : graph_(graph), of_op_(of_op), index_(index), seen_(graph.num_units(), graph::kNone) {}

  std::vector<uint32_t> operator()(UnitId unit, uint32_t element) {
    constexpr size_t kMostSteps = 64;
    found_.clear();
    pending_.assign(1, unit);
    seen_[unit] = element;
    for (size_t next = 0; next < pending_.size() && next < kMostSteps; ++next) look_from(pending_[next], element);
    std::sort(found_.begin(), found_.end());
    return found_;
  }

 private:
  void look_from(UnitId unit, uint32_t element) {
    for (const OpId op : graph_.members[unit])
      for (const OpId other : of_op_[op]) {
        const UnitId neighbour = graph_.unit_of[other];
        if (std::exchange(seen_[neighbour], element) == element) continue;
        if (index_[neighbour] == graph::kNone)
          pending_.push_back(neighbour);
        else
          found_.push_back(index_[neighbour]);
      }
  }

  const graph::OpGraph& graph_;
  const base::Csr<OpId>& of_op_;
  const std::vector<uint32_t>& index_;
  std::vector<uint32_t> seen_, found_;
  std::vector<UnitId> pending_;
};

}  // namespace

Instance::Instance(const place::Problem& of, const NetworkSettings& settings, const Vocabulary& vocabulary,
                   const std::vector<std::vector<int64_t>>& tensor_dims)
    : problem(&of) {
  const auto& graph = of.graph();
  op_order = settings.schedule ? most_urgent_first(of) : breadth_first(graph);
  index.assign(graph.num_units(), graph::kNone);
  fixed.resize(graph.num_units());
  for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
    fixed[unit] = of.choices(unit).front();
    lasting_bytes.push_back(static_cast<double>(place::lasting_bytes(of, unit)));
  }
  for (const OpId op : op_order) {
    const UnitId unit = graph.unit_of[op];
    if (index[unit] != graph::kNone || of.choices(unit).size() < 2) continue;
    index[unit] = static_cast<uint32_t>(order.size());
    order.push_back(unit);
  }
  Bridges towards(graph, graph.predecessors, index), onwards(graph, graph.successors, index);
  for (uint32_t element = 0; element < order.size(); ++element) {
    before.add_row(towards(order[element], element));
    after.add_row(onwards(order[element], element));
  }
  describe(*this, settings, vocabulary, tensor_dims);
}

UnitPlacement Instance::placement(const int64_t* device_of_element) const {
  UnitPlacement result = fixed;
  for (size_t element = 0; element < order.size(); ++element)
    result[order[element]] = static_cast<DeviceId>(device_of_element[element]);
  return result;
}

std::vector<int64_t> Instance::devices_of(const UnitPlacement& placement) const {
  std::vector<int64_t> devices(order.size());
  for (size_t element = 0; element < order.size(); ++element) devices[element] = placement[order[element]];
  return devices;
}

}  // namespace allot::policy
