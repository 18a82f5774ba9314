// SPDX-License-Identifier: Apache-2.0
#include "graph/name_pattern.h"

#include "base/error.h"

namespace allot::graph {
namespace {

// libstdc++'s default matcher backtracks and recurses once per character; its polynomial one does neither.
#ifdef __GLIBCXX__
constexpr auto kSyntax = std::regex::ECMAScript | std::regex_constants::__polynomial;
#else
constexpr auto kSyntax = std::regex::ECMAScript;
#endif

}  // namespace

NamePattern::NamePattern(const std::string& expression) {
  const auto fail = [&](std::string_view what) {
    throw base::Error(base::ErrorKind::config, fmt::format("pattern '{}'", base::printable(expression)), what,
                      "write an ECMAScript regular expression without back-references, e.g. '^/encoder/layer.3/'");
  };
  if (expression.size() > kMaxExpression) fail(fmt::format("longer than {} bytes", kMaxExpression));
  if (!expression.empty() && expression.find_first_of("^$\\.*+?()[]{}|") == std::string::npos) {
    literal_ = expression;
    return;
  }
  // All alternatives start at the name's start: no need to try elsewhere.
  if (expression.starts_with('^') && expression.find('|') == std::string::npos)
    flags_ = std::regex_constants::match_continuous;
  try {
    regex_.assign(expression, kSyntax);
  } catch (const std::regex_error& error) {
    fail(fmt::format("not a valid expression ({})", error.what()));
  }
}

bool NamePattern::matches(std::string_view name) const {
  name = name.substr(0, kMaxName);
  if (!literal_.empty()) return name.find(literal_) != std::string_view::npos;
  return std::regex_search(name.begin(), name.end(), regex_, flags_);
}

}  // namespace allot::graph
