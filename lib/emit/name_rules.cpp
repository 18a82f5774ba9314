// SPDX-License-Identifier: Apache-2.0
#include "emit/name_rules.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/error.h"

namespace allot::emit {
namespace {

using Names = std::vector<std::string>;
using Groups = std::vector<uint32_t>;

[[noreturn]] void not_expressible(const std::string& name, std::string_view what) {
  throw base::Error(base::ErrorKind::unavailable, base::printable(name), what,
                    "give nodes distinct names, or use another export");
}

void require_distinct(const Names& names, const Groups& groups) {
  std::unordered_map<std::string_view, uint32_t> group_of;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) not_expressible("node #" + std::to_string(i), "has no name that a rule could match");
    const auto [known, is_new] = group_of.emplace(names[i], groups[i]);
    if (!is_new && known->second != groups[i])
      not_expressible("node '" + names[i] + "'", "shares its name with a node on another device");
  }
}

/// Patterns with a group each, and the lengths that occur.
class Rules {
 public:
  void add(std::string_view pattern, uint32_t group) {
    groups_[std::string(pattern)] = group;
    lengths_.insert(pattern.size());
  }

  /// The group of the longest pattern found at one of the first `starts` places of the name; `otherwise` when there is
  /// none, or when patterns of that length disagree.
  uint32_t match(const std::string& name, size_t starts, uint32_t otherwise) const {
    for (auto length = lengths_.rbegin(); length != lengths_.rend(); ++length) {
      std::set<uint32_t> groups;
      for (size_t at = 0; at < starts && at + *length <= name.size(); ++at)
        if (const auto found = groups_.find(name.substr(at, *length)); found != groups_.end())
          groups.insert(found->second);
      if (!groups.empty()) return groups.size() == 1 ? *groups.begin() : otherwise;
    }
    return otherwise;
  }

  std::vector<NameRule> sorted() const {
    std::vector<NameRule> rules;
    for (const auto& [pattern, group] : groups_) rules.push_back({pattern, group});
    std::sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.pattern < b.pattern; });
    return rules;
  }

 private:
  std::unordered_map<std::string, uint32_t> groups_;
  std::set<size_t> lengths_;
};

/// "/a/b/c" -> "/a", "/a/b", "/a/b/c".
template <typename Visit>
void each_prefix(std::string_view name, char separator, const Visit& visit) {
  for (size_t end = name.find(separator, 1); end != name.npos; end = name.find(separator, end + 1))
    visit(name.substr(0, end));
  visit(name);
}

/// A rule for each prefix whose names mostly go elsewhere than those of the prefix above.
Rules majority_rules(const Names& names, const Groups& groups, char separator) {
  std::map<std::string_view, std::map<uint32_t, size_t>> votes;
  for (size_t i = 0; i < names.size(); ++i)
    each_prefix(names[i], separator, [&](std::string_view prefix) { ++votes[prefix][groups[i]]; });
  const auto winner = [](const auto& counts) {
    return std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
  };
  Rules rules;
  for (const auto& name : names) {
    uint32_t above = ~uint32_t{0};
    each_prefix(name, separator, [&](std::string_view prefix) {
      const uint32_t group = winner(votes[prefix]);
      if (group != above) rules.add(prefix, group);
      above = group;
    });
  }
  return rules;
}

/// Adds whole names until matching gives every name its group. A name that is a rule itself matches nothing longer.
void complete(Rules& rules, const Names& names, const Groups& groups, bool anywhere) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < names.size(); ++i) {
      const size_t starts = anywhere ? names[i].size() : 1;
      if (rules.match(names[i], starts, ~uint32_t{0}) == groups[i]) continue;
      rules.add(names[i], groups[i]);
      changed = true;
    }
  }
}

}  // namespace

std::vector<NameRule> prefix_rules(const Names& names, const Groups& groups, char separator) {
  require_distinct(names, groups);
  Rules rules = majority_rules(names, groups, separator);
  complete(rules, names, groups, false);
  return rules.sorted();
}

std::vector<NameRule> substring_rules(const Names& names, const Groups& groups) {
  for (const auto& name : names)
    if (name.find_first_of(";,()") != name.npos || name.starts_with('=') || name.starts_with(' ') ||
        name.ends_with(' '))
      not_expressible("node '" + name + "'", "has a name that ONNX Runtime's rules cannot hold");
  require_distinct(names, groups);
  Rules rules = majority_rules(names, groups, '/');
  complete(rules, names, groups, true);
  return rules.sorted();
}

}  // namespace allot::emit
