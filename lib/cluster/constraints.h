// SPDX-License-Identifier: Apache-2.0
// A model's placement constraints (`allot.constraints/1`): pin, colocate, deny, by pattern of node name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace allot::cluster {

/// A pattern of node names: an ECMAScript regular expression without back-references. No expression takes more than
/// the square of the name's length; of very long names the first kMaxNameBytes count.
class NamePattern {
 public:
  /// Errors: config for an invalid expression or one over 1,000 bytes.
  explicit NamePattern(const std::string& pattern);
  /// Somewhere in `name`, not necessarily all of it.
  bool found_in(std::string_view name) const;

  static constexpr size_t kMaxNameBytes = 1000;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

struct Constraints {
  struct Rule {
    std::string pattern;               // NamePattern
    std::vector<std::string> devices;  // pin: the one device; deny: those it may not use
  };
  std::vector<Rule> pin, deny;
  std::vector<std::vector<std::string>> colocate;  // each a list of patterns
};

/// `{schema: allot.constraints/1, pin: [{match: RE, device: gpu0}], deny: [{match: RE, devices: [cpu0]}],
///   colocate: [[RE, RE], [RE]]}`. Errors (config, file:line): unknown keys, an invalid expression.
Constraints load_constraints(const std::string& path);

}  // namespace allot::cluster
