// SPDX-License-Identifier: Apache-2.0
// Arithmetic on shapes that ONNX Runtime does when it loads a model.
#include <vector>

#include "graph/fusion_groups.h"

namespace allot::graph {
namespace {

/// The ops between the Reshape `op` and the Shape of its own data that only serve it, last first; empty unless its
/// shape is put together of nothing but sizes of that data and constants.
std::vector<OpId> shape_chain(const FusionGroups& groups, OpId op) {
  std::vector<OpId> chain{groups.producer(op, 1)};
  if (!groups.is(chain[0], {"Concat"}) || groups.sole_reader(chain[0]) != op) return {};
  constexpr size_t kLongest = 64;  // a few ops for each of its dimensions
  for (size_t next = 0; next < chain.size(); ++next) {
    if (groups.is(chain[next], {"Shape"})) {
      if (groups.input(chain[next], 0) != groups.input(op, 0)) return {};
      continue;
    }
    for (size_t i = 0; i < groups.num_inputs(chain[next]); ++i) {
      if (groups.constant(chain[next], i) || groups.input(chain[next], i) == ir::kNone) continue;
      const OpId maker = groups.producer(chain[next], i);
      const bool sizes = groups.is(maker, {"Cast", "Gather", "Shape", "Slice", "Squeeze", "Unsqueeze"});
      if (!sizes || groups.sole_reader(maker) != chain[next] || chain.size() == kLongest) return {};
      chain.push_back(maker);
    }
  }
  return chain;
}

}  // namespace

void fuse_shape_chains(FusionGroups& groups) {
  for (OpId op = 0; op < groups.size(); ++op) {
    if (!groups.is(op, {"Reshape"}) || groups.num_inputs(op) < 2) continue;
    for (const OpId member : shape_chain(groups, op)) groups.prepend(op, member, "Reshape");
  }
}

}  // namespace allot::graph
