// SPDX-License-Identifier: Apache-2.0
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 with sanitizers takes the moved-from union in its own <regex> for uninitialized.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "base/name_pattern.h"

#include <regex>

#include "base/error.h"

namespace allot::base {

struct NamePattern::Compiled {
  std::regex regex;
  std::regex_constants::match_flag_type flags = std::regex_constants::match_default;
};

NamePattern::NamePattern(const std::string& expression) {
  const auto fail = [&](std::string_view what) {
    throw Error(ErrorKind::config, fmt::format("pattern '{}'", printable(expression, 60)), what,
                "write an ECMAScript regular expression without back-references, e.g. '^/encoder/layer.3/'");
  };
  if (expression.size() > kMaxExpression) fail(fmt::format("longer than {} bytes", kMaxExpression));
  if (!expression.empty() && expression.find_first_of("^$\\.*+?()[]{}|") == std::string::npos) {
    literal_ = expression;
    return;
  }
  // libstdc++'s default matcher backtracks and recurses once per character; its polynomial one does neither.
  constexpr auto kSyntax = std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;
  try {
    Compiled compiled{std::regex(expression, kSyntax)};
    // All alternatives start at the name's start: no need to try elsewhere.
    if (expression.starts_with('^') && expression.find('|') == std::string::npos)
      compiled.flags = std::regex_constants::match_continuous;
    compiled_ = std::make_shared<const Compiled>(std::move(compiled));
  } catch (const std::regex_error& error) {
    fail(fmt::format("not a valid expression ({})", error.what()));
  }
}

bool NamePattern::matches(std::string_view name) const {
  name = name.substr(0, kMaxName);
  if (!literal_.empty()) return name.find(literal_) != std::string_view::npos;
  return std::regex_search(name.begin(), name.end(), compiled_->regex, compiled_->flags);
}

}  // namespace allot::base
