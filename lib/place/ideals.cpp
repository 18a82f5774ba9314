// SPDX-License-Identifier: Apache-2.0
#include "place/ideals.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>

namespace allot::place {
namespace {

using graph::OpGraph;
using graph::UnitId;

/// The units right before each unit that leads, ascending; none of those that follow it.
base::Csr<UnitId> units_before(const OpGraph& graph, const std::vector<UnitId>& leader) {
  base::Csr<UnitId> before;
  std::vector<UnitId> row;
  for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
    row.clear();
    for (const graph::OpId op : graph.members[unit])
      for (const graph::OpId predecessor : graph.predecessors[op])
        if (const UnitId other = graph.unit_of[predecessor]; other < unit && leader[other] == other)
          row.push_back(other);
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    before.add_row(row);
  }
  return before;
}

/// A set of units as the bytes of a key.
bool contains(const std::string& set, UnitId unit) { return (set[unit / 8] >> (unit % 8) & 1) != 0; }
void insert(std::string& set, UnitId unit) { set[unit / 8] = static_cast<char>(set[unit / 8] | 1 << (unit % 8)); }

/// The begins of `count` rows of one item.
std::vector<uint32_t> rows_of_one(uint32_t count) {
  std::vector<uint32_t> begin(count + 1);
  std::iota(begin.begin(), begin.end(), 0u);
  return begin;
}

}  // namespace

Ideals::Ideals(const OpGraph& graph, size_t most, const std::vector<UnitId>& leader) {
  std::vector<UnitId> leads = leader;
  if (leads.empty()) {
    leads.resize(graph.num_units());
    std::iota(leads.begin(), leads.end(), UnitId{0});
  }
  complete_ = graph.num_units() < most && enumerate(units_before(graph, leads), leads, most);
  if (!complete_) follow_one_order(graph.num_units(), most);
}

/// Breadth first, so that ideals are numbered by size. False, with nothing kept, when there are too many.
bool Ideals::enumerate(const base::Csr<UnitId>& before, const std::vector<UnitId>& leader, size_t most) {
  const uint32_t units = before.rows();
  std::vector<std::string> sets = {std::string(units / 8 + 1, '\0')};
  std::unordered_map<std::string, uint32_t> number = {{sets[0], 0}};
  std::vector<std::vector<Step>> steps(1);
  for (uint32_t ideal = 0; ideal < sets.size(); ++ideal) {
    for (UnitId unit = 0; unit < units; ++unit) {
      const auto needed = before[unit];
      if (leader[unit] != unit || contains(sets[ideal], unit)) continue;
      if (!std::all_of(needed.begin(), needed.end(), [&](UnitId other) { return contains(sets[ideal], other); }))
        continue;
      std::string larger = sets[ideal];
      insert(larger, unit);
      const auto [entry, is_new] = number.try_emplace(larger, static_cast<uint32_t>(sets.size()));
      if (is_new) {
        if (sets.size() == most) return false;
        sets.push_back(std::move(larger));
        steps.emplace_back();
      }
      steps[entry->second].push_back({unit, ideal});
    }
  }
  for (const auto& row : steps) steps_.add_row(row);
  runs_ = base::transpose(base::Csr<UnitId>{rows_of_one(units), leader}, units);
  return true;
}

/// Runs of equal length of the units in their topological order.
void Ideals::follow_one_order(uint32_t units, size_t most) {
  const auto cuts = static_cast<uint32_t>(std::clamp<size_t>(most, 2, size_t{units} + 1) - 1);
  steps_.end_row();
  UnitId first = 0;
  for (uint32_t cut = 1; cut <= cuts; ++cut) {
    const auto end = static_cast<UnitId>(uint64_t{units} * cut / cuts);
    if (end == first) continue;
    steps_.push({first, steps_.rows() - 1});
    steps_.end_row();
    for (UnitId unit = first; unit < end; ++unit) runs_.push(unit);
    for (UnitId unit = first; unit < end; ++unit) runs_.end_row();  // only the leader's row is used
    first = end;
  }
}

}  // namespace allot::place
