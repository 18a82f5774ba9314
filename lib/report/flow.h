// SPDX-License-Identifier: Apache-2.0
// Who sends how much to whom: ribbons from a column of senders to a column of receivers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace allot::report {

struct FlowNode {
  std::string name, css_class;  // palette class c0..c7
};

struct Flow {
  uint32_t from, to;  // indices of nodes
  double amount;      // > 0
};

/// Ribbons as thick as their amount, in the sender's colour, the largest 100 of them. Nodes that neither send nor
/// receive are left out. `format` writes an amount for people.
std::string flow_diagram(const std::vector<FlowNode>& nodes, std::vector<Flow> flows,
                         const std::function<std::string(double)>& format);

}  // namespace allot::report
