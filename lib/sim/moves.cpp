// SPDX-License-Identifier: Apache-2.0
#include "sim/moves.h"

#include <algorithm>

#include "base/error.h"

namespace allot::sim {

void apply_moves(std::span<const Move> moves, uint32_t devices, std::vector<cluster::DeviceId>& placement,
                 std::vector<Change>& changes) {
  for (const Move& move : moves) ALLOT_ASSERT(move.op < placement.size() && move.device < devices);
  changes.clear();
  for (const Move& move : moves) changes.push_back({move.op, placement[move.op], move.device});
  for (const Move& move : moves) placement[move.op] = move.device;
  const auto by_op = [](const Change& a, const Change& b) { return a.op < b.op; };
  const auto same_op = [](const Change& a, const Change& b) { return a.op == b.op; };
  if (!std::is_sorted(changes.begin(), changes.end(), by_op)) std::stable_sort(changes.begin(), changes.end(), by_op);
  changes.erase(std::unique(changes.begin(), changes.end(), same_op), changes.end());
  for (Change& change : changes) change.to = placement[change.op];
  const auto idle = [](const Change& change) { return change.from == change.to; };
  changes.erase(std::remove_if(changes.begin(), changes.end(), idle), changes.end());
}

}  // namespace allot::sim
