// SPDX-License-Identifier: Apache-2.0
// The supergraph with its weights, of which architectures run their part.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "enas/costs.h"
#include "enas/supergraph.h"
#include "exec/variant.h"
#include "train/network.h"

namespace allot::enas {

/// One architecture, ready to run.
struct SubNetwork {
  Child child;
  exec::Variant variant;
  std::optional<Costs> costs;  // once asked for
};

class SharedNetwork {
 public:
  /// Only what an architecture needs runs; stored tensors are shared, slices of them views that gradients pass.
  /// Architectures are kept, the 4,096 used last. Errors: those of train::Network and exec::VariantMaker.
  SharedNetwork(const Supergraph& supergraph, train::NetworkOptions options);

  /// The architecture made ready, or as it was kept. Errors: those of Supergraph::child. Not for several threads.
  std::shared_ptr<SubNetwork> get(const Assignment& assignment);
  /// By present weights, with statistics of the batch and without moving any. Safe from several threads.
  at::Tensor logits(const SubNetwork& sub, std::span<const at::Tensor> inputs, uint64_t seed, uint32_t step) const;
  /// Counted once, then kept with it.
  const Costs& costs(SubNetwork& sub, const LatencyTable* latencies) const;

  const Supergraph& supergraph() const { return supergraph_; }
  const train::Network& network() const { return network_; }
  size_t kept() const { return by_name_.size(); }

 private:
  using Entry = std::pair<std::string, std::shared_ptr<SubNetwork>>;

  const Supergraph& supergraph_;
  train::Network network_;
  exec::VariantMaker maker_;
  std::list<Entry> recent_;  // the one used last is first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_name_;
};

/// What `child` changes of the program of its supergraph.
exec::VariantOptions variant_of(const Supergraph& supergraph, const Child& child);

}  // namespace allot::enas
