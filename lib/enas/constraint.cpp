// SPDX-License-Identifier: Apache-2.0
#include "enas/constraint.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "config/units.h"
#include "enas/validate.h"

namespace allot::enas {
namespace {

using base::Error;
using base::ErrorKind;
using Compare = Constraint::Compare;

constexpr uint32_t kMostAttempts = 1000;
constexpr double kMostBound = 1e12;

/// Whether `text` is what `pattern` says, of which * stands for any characters and ? for one. O(both lengths together)
/// but for patterns of several stars, which go back to the last one only.
bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return std::all_of(pattern.begin() + static_cast<std::ptrdiff_t>(p), pattern.end(), [](char c) { return c == '*'; });
}

/// One expression, from left to right.
class Parser {
 public:
  Parser(const std::string& text, const std::vector<Variable>& variables, const std::string& where)
      : text_(text), variables_(variables), where_(where) {}

  Constraint parse() {
    Constraint constraint;
    constraint.text = text_;
    double sign = take("-") ? -1 : 1;
    do {
      add_term(sign, constraint);
      sign = take("+") ? 1 : take("-") ? -1 : 0;
    } while (sign != 0);
    constraint.compare = take("<=")   ? Compare::at_most
                         : take(">=") ? Compare::at_least
                         : take("==") ? Compare::equal
                         : take("<")  ? Compare::below
                         : take(">")  ? Compare::above
                                      : (fail("compares with nothing"), Compare::equal);
    sign = take("-") ? -1 : 1;
    constraint.bound = sign * number();
    if (skip_blanks(); at_ != text_.size()) fail(fmt::format("goes on after its bound: '{}'", text_.substr(at_)));
    return constraint;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::config, where_, fmt::format("'{}' {}", base::printable(text_), base::printable(what)),
                "write it like count(op*, 'avg') + count(op*, 'max') <= 6");
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(std::string_view token) {
    skip_blanks();
    if (std::string_view(text_).substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void want(std::string_view token) {
    if (!take(token)) fail(fmt::format("lacks a '{}' after '{}'", token, text_.substr(0, at_)));
  }
  double number() {
    skip_blanks();
    const size_t end = std::min(text_.find_first_not_of("0123456789.", at_), text_.size());
    if (end == at_) fail(fmt::format("lacks a number after '{}'", text_.substr(0, at_)));
    const std::string digits = text_.substr(at_, end - at_);
    at_ = end;
    return config::parse_quantity(digits, config::Unit::none, 0, kMostBound);
  }
  /// Up to a comma or closing bracket; quotes around it are taken off.
  std::string pattern() {
    skip_blanks();
    const char quote = at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"') ? text_[at_] : '\0';
    if (quote) ++at_;
    const size_t end = quote ? text_.find(quote, at_) : text_.find_first_of(",) ", at_);
    if (end == std::string::npos || end == at_) fail(fmt::format("lacks a name after '{}'", text_.substr(0, at_)));
    std::string found = text_.substr(at_, end - at_);
    at_ = end + (quote ? 1 : 0);
    return found;
  }
  void add_term(double factor, Constraint& constraint) {
    if (!take("count")) {
      factor *= number();
      want("*");
      want("count");
    }
    want("(");
    const std::string variable = pattern();
    want(",");
    const std::string label = pattern();
    want(")");
    const size_t before = constraint.counted.size();
    for (size_t v = 0; v < variables_.size(); ++v) {
      if (!matches(variable, variables_[v].name)) continue;
      for (uint32_t i = 0; i < variables_[v].size(); ++i)
        if (matches(label, variables_[v].labels[i])) constraint.counted.push_back({v, i, factor});
    }
    if (constraint.counted.size() == before)
      fail(fmt::format("counts what there is not: no variable '{}' has a label '{}'", variable, label));
  }

  const std::string& text_;
  const std::vector<Variable>& variables_;
  const std::string& where_;
  size_t at_ = 0;
};

bool keeps(const Constraint& constraint, const Child& child) {
  double sum = 0;
  for (const Constraint::Counted& counted : constraint.counted) {
    if (!child.active_variables[counted.variable]) continue;
    const Choice& choice = child.assignment[counted.variable];
    sum += counted.factor * static_cast<double>(std::count(choice.begin(), choice.end(), counted.label));
  }
  switch (constraint.compare) {
    case Compare::at_most:
      return sum <= constraint.bound;
    case Compare::below:
      return sum < constraint.bound;
    case Compare::at_least:
      return sum >= constraint.bound;
    case Compare::above:
      return sum > constraint.bound;
    case Compare::equal:
      return sum == constraint.bound;
  }
  return false;
}

}  // namespace

Constraint parse_constraint(const std::string& text, const std::vector<Variable>& variables, const std::string& where) {
  return Parser(text, variables, where).parse();
}

bool keeps_constraints(const Supergraph& supergraph, const Child& child) {
  const std::vector<Constraint>& constraints = supergraph.space().constraints;
  return std::all_of(constraints.begin(), constraints.end(),
                     [&](const Constraint& constraint) { return keeps(constraint, child); });
}

std::vector<Assignment> draw_allowed(const Supergraph& supergraph, size_t count,
                                     const std::function<std::vector<Assignment>(uint32_t attempt)>& draw) {
  if (supergraph.space().constraints.empty()) return draw(0);
  std::vector<Assignment> allowed(count);
  std::vector<char> found(count, false);
  size_t missing = count;
  for (uint32_t attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::vector<Assignment> drawn = draw(attempt);
    for (size_t i = 0; i < count; ++i) {
      if (found[i] || !keeps_constraints(supergraph, supergraph.child(drawn[i]))) continue;
      allowed[i] = std::move(drawn[i]);
      found[i] = true;
      if (--missing == 0) return allowed;
    }
  }
  throw Error(ErrorKind::check_failed, "constraints",
              fmt::format("are kept by no architecture in {} draws in a row", kMostAttempts),
              "loosen them: enas-search validate tells which share of all keeps them");
}

uint64_t seed_of_attempt(uint64_t seed, uint32_t attempt) { return seed + attempt * 0x9E3779B97F4A7C15ull; }

Assignment random_allowed(const Supergraph& supergraph, uint64_t seed, uint32_t stream, uint32_t step, uint32_t item) {
  const auto draw = [&](uint32_t attempt) -> std::vector<Assignment> {
    return {1, random_assignment(supergraph.space(), seed_of_attempt(seed, attempt), stream, step, item)};
  };
  return draw_allowed(supergraph, 1, draw)[0];
}

}  // namespace allot::enas
