// SPDX-License-Identifier: Apache-2.0
#include "place/match.h"

#include <unordered_map>

namespace allot::place {

std::vector<OpIdentity> identities(const std::vector<PlacedOp>& placement, std::vector<uint32_t>& rows) {
  std::vector<OpIdentity> out;
  rows.clear();
  for (uint32_t row = 0; row < placement.size(); ++row) {
    const PlacedOp& op = placement[row];
    if (!op.scope.empty()) continue;  // ops of bodies follow their owner
    std::string_view output;
    for (const auto& name : op.outputs)
      if (output.empty()) output = name;
    out.push_back({output, op.op, op.fingerprint});
    rows.push_back(row);
  }
  return out;
}

std::vector<uint32_t> match_ops(const std::vector<OpIdentity>& today, const std::vector<OpIdentity>& stored) {
  std::unordered_map<std::string_view, uint32_t> by_output;
  for (uint32_t i = 0; i < stored.size(); ++i)
    if (!stored[i].output.empty()) by_output.emplace(stored[i].output, i);

  std::vector<uint32_t> counterpart(today.size(), graph::kNone);
  std::vector<char> used(stored.size());
  for (uint32_t i = 0; i < today.size(); ++i) {
    const auto found = by_output.find(today[i].output);
    if (found == by_output.end() || used[found->second] || stored[found->second].type != today[i].type) continue;
    counterpart[i] = found->second;
    used[found->second] = true;
  }

  struct Alike {
    std::vector<uint32_t> ops;
    size_t next = 0;
  };
  std::unordered_map<std::string_view, Alike> by_fingerprint;
  for (uint32_t i = 0; i < stored.size(); ++i)
    if (!used[i] && !stored[i].fingerprint.empty()) by_fingerprint[stored[i].fingerprint].ops.push_back(i);
  for (uint32_t i = 0; i < today.size(); ++i) {
    if (counterpart[i] != graph::kNone) continue;
    const auto found = by_fingerprint.find(today[i].fingerprint);
    if (found == by_fingerprint.end() || found->second.next == found->second.ops.size()) continue;
    counterpart[i] = found->second.ops[found->second.next++];
  }
  return counterpart;
}

}  // namespace allot::place
