// SPDX-License-Identifier: Apache-2.0
#include "sim/transfer_times.h"

#include <map>
#include <tuple>

namespace allot::sim {

TransferTimes::TransferTimes(const cluster::Cluster& cluster, const std::vector<int64_t>& tensor_bytes)
    : cluster_(cluster), tensor_bytes_(tensor_bytes), class_of_(cluster.routes.size(), kMostClasses) {
  std::map<std::tuple<int64_t, double, bool>, uint32_t> classes;
  std::vector<uint32_t> example;  // class -> one of its pairs
  for (uint32_t pair = 0; pair < cluster.routes.size(); ++pair) {
    const cluster::Route& route = cluster.routes[pair];
    if (pair % (cluster.size() + 1) == 0 || !route.reachable) continue;
    const std::tuple key(route.latency_ps, route.bandwidth_bytes_per_s, route.channels.empty());
    const auto found = classes.try_emplace(key, static_cast<uint32_t>(classes.size()));
    class_of_[pair] = found.first->second;
    if (found.second) example.push_back(pair);
  }
  row_ = std::min<uint32_t>(kMostClasses, static_cast<uint32_t>(example.size()));
  times_ps_.reserve(tensor_bytes.size() * row_);
  for (const int64_t bytes : tensor_bytes)
    for (uint32_t i = 0; i < row_; ++i)
      times_ps_.push_back(cluster.transfer_ps(example[i] / cluster.size(), example[i] % cluster.size(), bytes));
}

}  // namespace allot::sim
