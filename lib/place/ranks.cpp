// SPDX-License-Identifier: Apache-2.0
#include "place/ranks.h"

#include <algorithm>

namespace allot::place {
using graph::TensorId;

MeanTransfer::MeanTransfer(const cluster::Cluster& cluster) {
  for (DeviceId from = 0; from < cluster.size(); ++from) {
    for (DeviceId to = 0; to < cluster.size(); ++to) {
      const cluster::Route& route = cluster.route(from, to);
      if (from == to || !route.reachable) continue;
      latency_ps_ += static_cast<double>(route.latency_ps);
      if (!route.channels.empty()) ps_per_byte_ += 1e12 / route.bandwidth_bytes_per_s;
    }
  }
  const double pairs = static_cast<double>(cluster.size()) * cluster.size();
  latency_ps_ /= pairs;
  ps_per_byte_ /= pairs;
}

double mean_time_ps(const Problem& problem, OpId op) {
  double sum = 0;
  const auto choices = problem.choices(problem.graph().unit_of[op]);
  for (const DeviceId device : choices) sum += static_cast<double>(problem.costs().time(op, device));
  return sum / static_cast<double>(choices.size());
}

std::vector<double> upward_ranks(const Problem& problem) {
  const auto& graph = problem.graph();
  const MeanTransfer transfer(problem.cluster());
  std::vector<double> rank(graph.num_ops());
  for (OpId op = graph.num_ops(); op-- > 0;) {
    double longest = 0;
    for (const TensorId tensor : graph.outputs[op]) {
      const double sent = transfer(problem.costs().tensor_bytes[tensor]);
      for (const OpId consumer : graph.consumers[tensor]) longest = std::max(longest, sent + rank[consumer]);
    }
    rank[op] = mean_time_ps(problem, op) + longest;
  }
  return rank;
}

}  // namespace allot::place
