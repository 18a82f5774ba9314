// SPDX-License-Identifier: Apache-2.0
// Patterns on node names, as users write them for groups, pins and denials.
#pragma once

#include <regex>
#include <string>
#include <string_view>

namespace allot::graph {

/// An ECMAScript regular expression searched in a name. Foreign names cannot make it hang or overflow the stack:
/// matching is polynomial (hence no back-references), and only the first kMaxName bytes of a name are looked at.
class NamePattern {
 public:
  static constexpr size_t kMaxName = 1000;
  static constexpr size_t kMaxExpression = 1000;

  /// Errors: config for an expression that is invalid or longer than kMaxExpression bytes.
  explicit NamePattern(const std::string& expression);

  bool matches(std::string_view name) const;

 private:
  std::string literal_;  // not empty: an expression without special characters, which is just searched
  std::regex regex_;
  std::regex_constants::match_flag_type flags_ = std::regex_constants::match_default;
};

}  // namespace allot::graph
