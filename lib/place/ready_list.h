// SPDX-License-Identifier: Apache-2.0
// Ops whose producers were all taken, most urgent first.
#pragma once

#include <queue>
#include <utility>
#include <vector>

#include "graph/op_graph.h"

namespace allot::place {

class ReadyList {
 public:
  /// `urgency` [num_ops]; among equals the smaller id goes first. Both must outlive the list.
  ReadyList(const graph::OpGraph& graph, const std::vector<double>& urgency) : graph_(graph), urgency_(urgency) {
    for (graph::OpId op = 0; op < graph.num_ops(); ++op) {
      pending_.push_back(static_cast<uint32_t>(graph.predecessors[op].size()));
      if (pending_[op] == 0) push(op);
    }
  }

  bool empty() const { return ready_.empty(); }
  graph::OpId take() {
    const graph::OpId op = ~ready_.top().second;
    ready_.pop();
    for (const graph::OpId next : graph_.successors[op])
      if (--pending_[next] == 0) push(next);
    return op;
  }

 private:
  void push(graph::OpId op) { ready_.emplace(urgency_[op], ~op); }

  const graph::OpGraph& graph_;
  const std::vector<double>& urgency_;
  std::vector<uint32_t> pending_;  // op -> predecessors that were not taken
  std::priority_queue<std::pair<double, graph::OpId>> ready_;
};

}  // namespace allot::place
