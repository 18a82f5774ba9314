// SPDX-License-Identifier: Apache-2.0
// How long each tensor takes over each kind of route, worked out once.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/cluster.h"
#include "graph/op_graph.h"

namespace allot::sim {

/// Cluster::transfer_ps without its division. Routes of equal latency and bandwidth form a class; where there are more
/// classes than a row of the table has room for, the rest is computed when asked for.
class TransferTimes {
 public:
  TransferTimes(const cluster::Cluster& cluster, const std::vector<int64_t>& tensor_bytes);

  /// `pair` = from * devices + to, which differ and are connected.
  int64_t operator()(graph::TensorId tensor, uint32_t pair) const {
    const uint32_t route_class = class_of_[pair];
    if (route_class < row_) return times_ps_[tensor * size_t{row_} + route_class];
    return cluster_.transfer_ps(pair / cluster_.size(), pair % cluster_.size(), tensor_bytes_[tensor]);
  }

 private:
  static constexpr uint32_t kMostClasses = 4;

  const cluster::Cluster& cluster_;
  const std::vector<int64_t>& tensor_bytes_;
  std::vector<uint32_t> class_of_;  // by pair
  uint32_t row_ = 0;                // classes in the table
  std::vector<int64_t> times_ps_;   // [tensor * row + class]
};

}  // namespace allot::sim
