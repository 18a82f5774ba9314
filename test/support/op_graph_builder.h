// SPDX-License-Identifier: Apache-2.0
// Op graphs written down by hand, for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "graph/op_graph.h"

namespace allot::test {

/// Graph inputs come first, then ops in topological order.
class OpGraphBuilder {
 public:
  graph::TensorId input(int64_t bytes) { return tensor(graph::kNone, bytes); }
  graph::ParamId param(int64_t bytes) {
    graph_.param_bytes.push_back(bytes);
    graph_.param_names.push_back("w" + std::to_string(graph_.num_params() - 1));
    return graph_.num_params() - 1;
  }
  /// Returns the first output; the others follow.
  graph::TensorId op(std::vector<graph::TensorId> inputs, const std::vector<int64_t>& output_bytes = {1},
                     std::vector<graph::ParamId> params = {}) {
    const graph::OpId id = graph_.num_ops();
    sort_unique(inputs);
    sort_unique(params);
    graph_.inputs.add_row(inputs);
    graph_.params.add_row(params);
    const graph::TensorId first = graph_.num_tensors();
    for (const int64_t bytes : output_bytes) graph_.outputs.push(tensor(id, bytes));
    graph_.outputs.end_row();
    graph_.type.push_back(0);
    graph_.node.push_back(id);
    op_names_.push_back("op" + std::to_string(id));
    return first;
  }
  void output(graph::TensorId tensor) { graph_.is_output[tensor] = 1; }
  void name(const std::string& op_name) { op_names_.back() = op_name; }

  /// Each op is a unit of its own unless labels are given.
  graph::OpGraph build(std::vector<uint32_t> unit_labels = {}) {
    graph_.type_names = {"Op"};
    graph_.op_names = {};
    for (const std::string& name : op_names_) graph_.op_names.push_back(name);
    graph::derive_neighbours(graph_);
    if (unit_labels.empty()) {
      unit_labels.resize(graph_.num_ops());
      std::iota(unit_labels.begin(), unit_labels.end(), 0u);
    }
    graph::set_units(graph_, unit_labels);
    graph::check_invariants(graph_);
    return graph_;
  }

 private:
  static void sort_unique(std::vector<uint32_t>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  }
  graph::TensorId tensor(graph::OpId producer, int64_t bytes) {
    graph_.producer.push_back(producer);
    graph_.tensor_bytes.push_back(bytes);
    graph_.is_output.push_back(0);
    graph_.tensor_names.push_back("t" + std::to_string(graph_.num_tensors() - 1));
    return graph_.num_tensors() - 1;
  }
  graph::OpGraph graph_;
  std::vector<std::string> op_names_;
};

}  // namespace allot::test
