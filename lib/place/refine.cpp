// SPDX-License-Identifier: Apache-2.0
#include "place/refine.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>
#include <utility>

namespace allot::place {
namespace {

constexpr double kImbalance = 0.05;  // of the total weight
constexpr int kMostPasses = 6;
constexpr size_t kPatience = 100;  // moves without a new best that end a pass

class Refinement {
 public:
  Refinement(const CutGraph& graph, double share, std::vector<int8_t>& side)
      : graph_(graph), side_(side), gain_(side.size()), moved_(side.size()) {
    const double total = std::accumulate(graph.weight.begin(), graph.weight.end(), 0.0);
    if (!graph.weight.empty()) heaviest_ = *std::max_element(graph.weight.begin(), graph.weight.end());
    target_ = share * total;
    slack_ = std::max(kImbalance * total * std::min(share, 1 - share) * 2, heaviest_ / 2);
    for (size_t v = 0; v < side.size(); ++v) weight_ += side[v] == 0 ? graph.weight[v] : 0;
    cost_ = cut_cost(graph, side);
  }

  double run() {
    for (int pass = 0; pass < kMostPasses && improve(); ++pass) {
    }
    return cost_;
  }

 private:
  using Queue = std::priority_queue<std::pair<double, uint32_t>>;

  double distance(double weight) const { return std::max(0.0, std::abs(weight - target_) - slack_); }
  double weight_after(uint32_t v) const { return weight_ + (side_[v] == 0 ? -1 : 1) * graph_.weight[v]; }

  /// Whether a pass found a cheaper or better balanced cut.
  bool improve() {
    start_pass();
    const double first_cost = cost_, first_distance = distance(weight_);
    double best_cost = cost_, best_distance = first_distance;
    std::vector<uint32_t> moves;
    size_t best_moves = 0;
    for (uint32_t v = 0; moves.size() < best_moves + kPatience && pick(v);) {
      move(v);
      moves.push_back(v);
      const double off = distance(weight_);
      if (off < best_distance || (off == best_distance && cost_ < best_cost - 1e-12 * std::abs(best_cost)))
        best_cost = cost_, best_distance = off, best_moves = moves.size();
    }
    for (; moves.size() > best_moves; moves.pop_back()) move(moves.back());
    return best_distance < first_distance || best_cost < first_cost;
  }

  void start_pass() {
    std::fill(moved_.begin(), moved_.end(), false);
    for (Queue& queue : queues_) queue = {};
    for (uint32_t v = 0; v < side_.size(); ++v) {
      gain_[v] = side_[v] ? graph_.pull[v] : -graph_.pull[v];
      for (uint32_t i = graph_.neighbours.begin[v]; i < graph_.neighbours.begin[v + 1]; ++i)
        gain_[v] += side_[graph_.neighbours.items[i]] == side_[v] ? -graph_.edge_cost[i] : graph_.edge_cost[i];
      if (graph_.fixed[v] < 0) queues_[side_[v]].emplace(gain_[v], v);
    }
  }

  /// Not outdated, and the cut stays within a vertex of balance, so that two can change sides one after the other.
  bool may_move(const std::pair<double, uint32_t>& entry) const {
    const auto [gain, v] = entry;
    if (moved_[v] || gain != gain_[v]) return false;
    const double then = distance(weight_after(v));
    return then <= heaviest_ || then < distance(weight_);
  }

  /// The best vertex of either side that may leave it.
  bool pick(uint32_t& best) {
    bool found = false;
    for (Queue& queue : queues_) {
      while (!queue.empty() && !may_move(queue.top())) queue.pop();
      if (queue.empty()) continue;
      const uint32_t v = queue.top().second;
      if (!found || gain_[v] > gain_[best]) best = v, found = true;
    }
    return found;
  }

  /// Also undoes a move.
  void move(uint32_t v) {
    cost_ -= gain_[v];
    weight_ = weight_after(v);
    side_[v] = static_cast<int8_t>(1 - side_[v]);
    moved_[v] = true;
    gain_[v] = -gain_[v];
    for (uint32_t i = graph_.neighbours.begin[v]; i < graph_.neighbours.begin[v + 1]; ++i) {
      const uint32_t u = graph_.neighbours.items[i];
      gain_[u] += (side_[u] == side_[v] ? -2 : 2) * graph_.edge_cost[i];
      if (!moved_[u] && graph_.fixed[u] < 0) queues_[side_[u]].emplace(gain_[u], u);
    }
  }

  const CutGraph& graph_;
  std::vector<int8_t>& side_;
  std::vector<double> gain_;  // by vertex: what its move would save
  std::vector<char> moved_;
  Queue queues_[2];                             // by side: gain, vertex; with outdated entries
  double target_ = 0, slack_ = 0, weight_ = 0;  // of side 0
  double heaviest_ = 0;                         // vertex
  double cost_ = 0;
};

}  // namespace

double refine(const CutGraph& graph, double share, std::vector<int8_t>& side) {
  return Refinement(graph, share, side).run();
}

}  // namespace allot::place
