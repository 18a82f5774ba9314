// SPDX-License-Identifier: Apache-2.0
// Patterns on node names, as users write them for groups, pins and denials.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace allot::base {

/// An ECMAScript regular expression searched in a name. Neither a name nor an expression can make it hang or overflow
/// the stack: matching is polynomial (hence no back-references), and only the first kMaxName bytes of a name count.
class NamePattern {
 public:
  static constexpr size_t kMaxName = 1000;
  static constexpr size_t kMaxExpression = 1000;

  /// Errors: config for an expression that is invalid or longer than kMaxExpression bytes.
  explicit NamePattern(const std::string& expression);

  bool matches(std::string_view name) const;

 private:
  struct Compiled;
  std::string literal_;  // not empty: an expression without special characters, which is just searched
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace allot::base
