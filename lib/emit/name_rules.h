// SPDX-License-Identifier: Apache-2.0
// A placement said in few rules on node names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace allot::emit {

struct NameRule {
  std::string pattern;
  uint32_t group = 0;
  friend bool operator==(const NameRule&, const NameRule&) = default;
};

/// Rules by which the longest pattern that begins a name gives its group, for every name; sorted by pattern. They
/// follow the parts of names between `separator`s, so that a block of layers takes one rule. Errors: unavailable when
/// two names are equal and their groups differ, or a name is empty.
std::vector<NameRule> prefix_rules(const std::vector<std::string>& names, const std::vector<uint32_t>& groups,
                                   char separator);

/// Rules by which the longest pattern that stands anywhere in a name gives its group: how ONNX Runtime matches
/// `session.name_based_layer_assignment` (onnx-and-cost 2.3). Names may not hold what its grammar uses.
/// Errors: those of prefix_rules; unavailable for a name with one of ";,()", a leading "=" or blanks at its ends.
std::vector<NameRule> substring_rules(const std::vector<std::string>& names, const std::vector<uint32_t>& groups);

}  // namespace allot::emit
