// SPDX-License-Identifier: Apache-2.0
// Which kernel belongs to which operator. Adding an operator is one row in its family's table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exec/call.h"
#include "exec/site.h"

namespace allot::exec {

/// Reads what a node says and gives its kernel; called once a node. Refuses by Site::refuse.
using Maker = Kernel (*)(const Site&);

/// Whether gradients flow through an operator.
enum class Gradient : uint8_t {
  flows,
  zero,  // zero almost everywhere, or not defined: cuts the path to what is before it
};

struct Operator {
  std::string_view type;
  Maker make;
  Gradient gradient = Gradient::flows;
  /// Its outputs differ from run to run, or it changes state: never computed ahead.
  bool impure = false;
};

/// The operator of that domain and type, or nullptr. O(1).
const Operator* find_operator(std::string_view domain, std::string_view type);

/// "Conv", "com.example.Conv": how messages and options name the operator of a node.
std::string operator_name(const ir::Node& node);

/// All operators with a kernel as "domain.Type" ("Type" in the default domain), sorted.
std::vector<std::string> known_operators();

}  // namespace allot::exec
