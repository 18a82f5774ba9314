// SPDX-License-Identifier: Apache-2.0
// A model's placement constraints (`allot.constraints/1`): pin, colocate, deny, by pattern of node name.
#pragma once

#include <string>
#include <vector>

namespace allot::cluster {

struct Constraints {
  struct Rule {
    std::string pattern;               // base::NamePattern
    std::vector<std::string> devices;  // pin: the one device; deny: those it may not use
  };
  std::vector<Rule> pin, deny;
  std::vector<std::vector<std::string>> colocate;  // each a list of patterns
};

/// `{schema: allot.constraints/1, pin: [{match: RE, device: gpu0}], deny: [{match: RE, devices: [cpu0]}],
///   colocate: [[RE, RE], [RE]]}`. Errors (config, file:line): unknown keys, an invalid expression.
Constraints load_constraints(const std::string& path);

}  // namespace allot::cluster
