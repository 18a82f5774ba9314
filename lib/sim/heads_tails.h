// SPDX-License-Identifier: Apache-2.0
// How early an op can start, and how long the run lasts after it at least, by device.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"

namespace allot::sim {

/// What an idle transfer costs at least; nothing where the rules let one be quicker than its route alone.
class LeastTransfer {
 public:
  explicit LeastTransfer(const cluster::Cluster& cluster);
  /// To `to` from the nearest other device.
  int64_t into(cluster::DeviceId to, int64_t bytes) const { return in_[to](bytes); }
  /// From `from` to the nearest other device.
  int64_t out_of(cluster::DeviceId from, int64_t bytes) const { return out_[from](bytes); }
  int64_t between(cluster::DeviceId from, cluster::DeviceId to, int64_t bytes) const {
    return counts_ ? cluster_.transfer_ps(from, to, bytes) : 0;
  }

 private:
  struct Line {
    int64_t latency_ps = cluster::kNever;
    double ps_per_byte = 1e30;
    int64_t operator()(int64_t bytes) const;
  };
  const cluster::Cluster& cluster_;
  bool counts_;
  std::vector<Line> in_, out_;  // by device
};

/// [op * devices + device], valid for devices that the op's unit may use: no placement that puts the op there lets it
/// start before its head, or lets the run end earlier after its end than its tail. A neighbour is on the same device or
/// a transfer away, whichever is quicker; on the same one if it is of the same unit. Of all producers (consumers),
/// those on the same device run one after another, and the others are a transfer away: the quickest such split counts
/// (after Papadimitriou, Yannakakis, SIAM J. Comput. 1990, and Jung, Kirousis, Spirakis, SPAA 1989). Graph inputs and
/// outputs travel from and to the io device. `released_ps` [num_ops], if given: when each op may start at all.
struct HeadsTails {
  std::vector<int64_t> head_ps, tail_ps;
};
HeadsTails heads_tails(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                       std::span<const uint64_t> allowed, std::span<const int64_t> released_ps = {});

}  // namespace allot::sim
