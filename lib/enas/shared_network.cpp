// SPDX-License-Identifier: Apache-2.0
#include "enas/shared_network.h"

#include <ATen/ATen.h>

namespace allot::enas {
namespace {

constexpr size_t kKept = 4096;

/// Fusing looks at uses, which differ from child to child: none, so that a child computes what its supergraph does.
train::NetworkOptions unfused(train::NetworkOptions options) {
  options.fuse = false;
  options.segments = 0;
  options.allow_dead = true;
  return options;
}

std::string key_of(const Assignment& assignment) {
  std::string key;
  for (const Choice& choice : assignment) {
    for (const uint32_t i : choice) key.append(reinterpret_cast<const char*>(&i), sizeof i);
    key += '\xff';
    key += '\xff';
    key += '\xff';
    key += '\xff';
  }
  return key;
}

}  // namespace

exec::VariantOptions variant_of(const Supergraph& supergraph, const Child& child) {
  exec::VariantOptions options;
  const auto& bindings = supergraph.space().bindings;
  for (size_t b = 0; b < bindings.size(); ++b) {
    if (!child.active_nodes[supergraph.join(b)]) continue;
    if (child.kept[b].size() != supergraph.values().nodes[supergraph.join(b)].node->inputs.size())
      options.inputs.emplace(bindings[b].node, child.kept[b]);
    if (child.alternatives[b].size() == bindings[b].alternatives.size()) continue;
    for (const Slice& slice : bindings[b].slices) {
      exec::TensorRows rows{slice.tensor, slice.axis, {}};
      for (const uint32_t i : child.alternatives[b])
        for (int64_t row = 0; row < slice.block; ++row) rows.indices.push_back(i * slice.block + row);
      options.rows.push_back(std::move(rows));
    }
  }
  return options;
}

SharedNetwork::SharedNetwork(const Supergraph& supergraph, train::NetworkOptions options)
    : supergraph_(supergraph),
      network_(supergraph.shared_model(), unfused(std::move(options))),
      maker_(network_.program()) {}

std::shared_ptr<SubNetwork> SharedNetwork::get(const Assignment& assignment) {
  const std::string key = key_of(assignment);
  if (const auto found = by_name_.find(key); found != by_name_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->second;
  }
  Child child = supergraph_.child(assignment);
  exec::Variant variant = maker_.make(variant_of(supergraph_, child));
  recent_.emplace_front(key, std::make_shared<SubNetwork>(SubNetwork{std::move(child), std::move(variant), {}}));
  by_name_.emplace(key, recent_.begin());
  if (recent_.size() > kKept) {
    by_name_.erase(recent_.back().first);
    recent_.pop_back();
  }
  return recent_.front().second;
}

at::Tensor SharedNetwork::logits(const SubNetwork& sub, std::span<const at::Tensor> inputs, uint64_t seed,
                                 uint32_t step) const {
  const std::vector<exec::Value> values(inputs.begin(), inputs.end());
  return sub.variant.run(values, {.training = true, .seed = seed, .step = step, .recomputing = true})[0].tensor();
}

const Costs& SharedNetwork::costs(SubNetwork& sub, const LatencyTable* latencies) const {
  if (!sub.costs) sub.costs = costs_of(supergraph_, sub.child, latencies);
  return *sub.costs;
}

}  // namespace allot::enas
