// SPDX-License-Identifier: Apache-2.0
// Which values a loss can send gradients to, and who stops them.
#pragma once

#include <string>
#include <vector>

#include "ir/values.h"

namespace allot::exec {

/// Follows gradients from the outputs backwards, O(nodes + values), bodies of control flow included.
class GradientPaths {
 public:
  /// `outputs`: names of values of the main graph; empty: the graph's outputs. `straight_through`: gradients pass
  /// QuantizeLinear, as KernelOptions says.
  GradientPaths(const ir::Values& values, const std::vector<std::string>& outputs, bool straight_through = false);

  bool reaches(ir::ValueId value) const { return reached_[value]; }
  /// Why no gradient reaches a value: the first operator after it that stops them, or that no output depends on it.
  /// Empty when one gets there.
  std::string cut(ir::ValueId value) const;

 private:
  bool passes(ir::NodeId id) const;

  const ir::Values& values_;
  const bool straight_through_;
  const std::vector<std::vector<ir::NodeId>> users_;  // by value
  std::vector<char> reached_;                         // by value
};

}  // namespace allot::exec
