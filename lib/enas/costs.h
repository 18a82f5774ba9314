// SPDX-License-Identifier: Apache-2.0
// What a child costs, and how a reward weighs that against its quality.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/binder.h"
#include "enas/supergraph.h"

namespace allot::enas {

/// Names: "macs", "params", "peak-memory" (bytes of values that live at once, weights aside), "latency" (microseconds).
using Costs = std::map<std::string, double>;

/// Times of nodes by what they are: operator, attributes, shapes and types of inputs. allot.latencies/1 (JSON).
class LatencyTable {
 public:
  void add(const std::string& key, double microseconds) { times_[key] = microseconds; }
  bool has(const std::string& key) const { return times_.contains(key); }
  size_t size() const { return times_.size(); }
  /// Of what was not profiled the mean of its operator's times. Errors: malformed, naming the node, where there is
  /// none.
  double time(const std::string& key, const std::string& node) const;

  std::string to_text() const;
  /// Errors: malformed with file and line.
  static LatencyTable read(const std::string& path);

 private:
  std::map<std::string, double> times_;
};

/// A node of a model as latency tables know it; one for each node that computes, in order. Constants are left out.
struct TimedNode {
  std::string key, name;
  ir::NodeId id;
};
std::vector<TimedNode> timed_nodes(const ir::Model& model);

/// Of the child as a model of its own, so that slices count as what is left of them: exact, for a batch of one.
/// `latencies` may be null. Errors: those of shape::infer and LatencyTable::time.
Costs costs_of(const Supergraph& supergraph, const Child& child, const LatencyTable* latencies);

/// How quality and one cost become a reward. Source: specification of enas-search, 5.5.
struct RewardOptions {
  std::string cost = "none";          // or one of Costs
  double target = 0;                  // of that cost
  std::string combine = "mnas-soft";  // mnas-soft, mnas-hard, abs, hinge, filter
  double weight = 0.07;               // of abs and mnas-soft; of hinge its slope

  void bind(config::Binder& binder);
};

/// mnas-soft: Q (x/T)^-w. mnas-hard: Q min(1, T/x). abs: Q - w |x/T - 1|. hinge: Q - w max(0, x/T - 1). filter: Q up
/// to T and 0 above, and the final choice leaves out what is above. Sources: Tan et al., CVPR 2019; Bender et al., CVPR
/// 2020, section 3.
double reward_of(double quality, double cost, const RewardOptions& options);

/// Places of points that no other is better than in both: quality as large, cost as small as it can be; by cost.
std::vector<size_t> pareto_set(const std::vector<double>& quality, const std::vector<double>& cost);

}  // namespace allot::enas
