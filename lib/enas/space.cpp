// SPDX-License-Identifier: Apache-2.0
#include "enas/space.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/error.h"

namespace allot::enas {
namespace {

constexpr double kMostCounted = 9007199254740992.0;  // 2^53

double binomial(int64_t n, int64_t k) {
  double result = 1;
  for (int64_t i = 1; i <= k; ++i) result = result * static_cast<double>(n - k + i) / static_cast<double>(i);
  return std::round(result);
}

double domain(const Variable& variable) {
  const auto n = static_cast<int64_t>(variable.size());
  if (variable.kind == Kind::one_of) return static_cast<double>(n);
  if (variable.kind == Kind::k_of)
    return variable.repeats ? binomial(n + variable.most - 1, variable.most) : binomial(n, variable.most);
  double sum = 0;
  for (int64_t k = variable.least; k <= variable.most; ++k) sum += binomial(n, k);
  return sum;
}

/// Choices of k_of number `index`, in lexicographic order.
Choice combination(const Variable& variable, uint64_t index) {
  Choice chosen;
  uint32_t next = 0;
  for (int64_t left = variable.most; left > 0; --left) {
    for (;; ++next) {
      const auto from = static_cast<int64_t>(variable.size()) - next - (variable.repeats ? 0 : 1);
      const auto with =
          static_cast<uint64_t>(variable.repeats ? binomial(from + left - 2, left - 1) : binomial(from, left - 1));
      if (index < with) break;
      index -= with;
    }
    chosen.push_back(next);
    if (!variable.repeats) ++next;
  }
  return chosen;
}

Choice choice_at(const Variable& variable, uint64_t index) {
  if (variable.kind == Kind::one_of) return {static_cast<uint32_t>(index)};
  if (variable.kind == Kind::k_of) return combination(variable, index);
  for (int64_t k = variable.least; k <= variable.most; ++k) {
    const auto count = static_cast<uint64_t>(binomial(static_cast<int64_t>(variable.size()), k));
    if (index >= count) {
      index -= count;
      continue;
    }
    Variable some = variable;
    some.kind = Kind::k_of;
    some.most = k;
    some.repeats = false;
    return combination(some, index);
  }
  return {};
}

[[noreturn]] void refuse(std::string_view part, const std::string& what, const std::string& remedy) {
  throw base::Error(base::ErrorKind::malformed, fmt::format("architecture part '{}'", base::printable(part)), what,
                    remedy);
}

Choice parse_choice(const Variable& variable, const std::string& part, const std::string& text) {
  Choice chosen;
  std::istringstream in(text);
  for (std::string label; std::getline(in, label, '+');) {
    const auto found = std::find(variable.labels.begin(), variable.labels.end(), label);
    if (found == variable.labels.end()) refuse(part, "names no alternative", base::suggestion(label, variable.labels));
    chosen.push_back(static_cast<uint32_t>(found - variable.labels.begin()));
  }
  std::sort(chosen.begin(), chosen.end());
  const bool twice = std::adjacent_find(chosen.begin(), chosen.end()) != chosen.end();
  const auto count = static_cast<int64_t>(chosen.size());
  if (count < variable.least || count > variable.most || (twice && !variable.repeats))
    refuse(part, fmt::format("has {} alternatives", count),
           fmt::format("choose {} to {}, each once", variable.least, variable.most));
  return chosen;
}

}  // namespace

const char* name_of(Kind kind) { return kind == Kind::one_of ? "one_of" : kind == Kind::subset ? "subset" : "k_of"; }

std::optional<size_t> Space::find(std::string_view variable) const {
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i].name == variable) return i;
  return std::nullopt;
}

uint64_t domain_size(const Variable& variable) {
  return static_cast<uint64_t>(std::min(domain(variable), kMostCounted));
}

SpaceSize size_of(const Space& space) {
  SpaceSize size;
  double exact = 1;
  for (const Variable& variable : space.variables) {
    size.log10 += std::log10(domain(variable));
    exact *= domain(variable);
  }
  if (exact < kMostCounted) size.exact = static_cast<uint64_t>(exact);
  return size;
}

Assignment assignment_at(const Space& space, uint64_t index) {
  Assignment assignment(space.variables.size());
  for (size_t v = space.variables.size(); v-- > 0;) {
    const uint64_t size = domain_size(space.variables[v]);
    assignment[v] = choice_at(space.variables[v], index % size);
    index /= size;
  }
  return assignment;
}

std::string text_of(const Space& space, const Assignment& assignment, const std::vector<char>& active) {
  std::string text;
  for (size_t v = 0; v < assignment.size(); ++v) {
    if (!active.empty() && !active[v]) continue;
    const Variable& variable = space.variables[v];
    if (!text.empty()) text += ' ';
    text += variable.name;
    for (size_t i = 0; i < assignment[v].size(); ++i) {
      text += i == 0 ? '=' : '+';
      text += variable.labels[assignment[v][i]];
    }
    if (assignment[v].empty()) text += '=';
  }
  return text;
}

Assignment parse_assignment(const Space& space, std::string_view text) {
  Assignment assignment;
  for (const Variable& variable : space.variables) assignment.push_back(choice_at(variable, 0));
  std::istringstream in{std::string(text)};
  for (std::string part; in >> part;) {
    const size_t equals = std::min(part.find('='), part.size());
    const std::string name = part.substr(0, equals);
    const auto v = space.find(name);
    if (!v) {
      std::vector<std::string> names;
      for (const Variable& variable : space.variables) names.push_back(variable.name);
      refuse(part, "names no variable", base::suggestion(name, names));
    }
    assignment[*v] = parse_choice(space.variables[*v], part, part.substr(std::min(equals + 1, part.size())));
  }
  return assignment;
}

}  // namespace allot::enas
