// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "place/match.h"
#include "place/sidecar.h"

namespace allot::place {
namespace {

std::vector<OpIdentity> identities_today(const graph::OpGraph& graph, const std::vector<std::string>& fingerprints) {
  std::vector<OpIdentity> out(fingerprints.size());
  for (OpId op = 0; op < out.size(); ++op) {
    out[op].type = graph.type_names[graph.type[op]];
    out[op].fingerprint = fingerprints[op];
    if (!graph.outputs[op].empty()) out[op].output = graph.tensor_names[graph.outputs[op].front()];
  }
  return out;
}

}  // namespace

Restored restore(const Problem& problem, const std::vector<std::string>& fingerprints, const Sidecar& sidecar) {
  const graph::OpGraph& graph = problem.graph();
  std::vector<uint32_t> rows;
  const std::vector<OpIdentity> stored = identities(sidecar.placement, rows);
  const std::vector<uint32_t> counterpart = match_ops(identities_today(graph, fingerprints), stored);

  Restored restored;
  restored.placement.assign(graph.num_units(), graph::kNone);
  restored.groups.resize(counterpart.size());
  const auto put_unit_of = [&](OpId op) {
    if (counterpart[op] == graph::kNone) return;
    const auto device = problem.cluster().find(sidecar.placement[rows[counterpart[op]]].device);
    DeviceId& chosen = restored.placement[graph.unit_of[op]];
    if (chosen == graph::kNone && device && problem.allowed(graph.unit_of[op], *device)) chosen = *device;
  };
  std::vector<char> found(stored.size());
  for (OpId op = 0; op < counterpart.size(); ++op) {
    if (counterpart[op] == graph::kNone)
      restored.unmatched.push_back(op);
    else
      found[counterpart[op]] = true, restored.groups[op] = sidecar.placement[rows[counterpart[op]]].group;
    if (!std::binary_search(graph.shape_ops.begin(), graph.shape_ops.end(), op)) put_unit_of(op);
  }
  for (const OpId op : graph.shape_ops) put_unit_of(op);  // which may have been written apart from their unit
  for (size_t i = 0; i < stored.size(); ++i)
    if (!found[i]) restored.vanished.push_back(sidecar.placement[rows[i]].name);
  return restored;
}

}  // namespace allot::place
