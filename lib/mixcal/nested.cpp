// SPDX-License-Identifier: Apache-2.0
#include "mixcal/nested.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

/// "a/b/c" -> "a", "a/b"; outermost first.
std::vector<std::string> groups_of(const std::string& name) {
  std::vector<std::string> groups;
  for (size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1))
    groups.push_back(name.substr(0, at));
  return groups;
}

/// What holds it: "a/b" -> "a"; "" at the top.
std::string parent_of(const std::string& name) {
  const size_t at = name.rfind('/');
  return at == std::string::npos ? "" : name.substr(0, at);
}

}  // namespace

std::vector<std::pair<std::string, double>> group_shares(const std::vector<std::string>& names,
                                                         const std::vector<double>& weights) {
  std::map<std::string, double> shares;
  for (size_t i = 0; i < names.size(); ++i)
    for (const std::string& group : groups_of(names[i])) shares[group] += weights[i];
  return {shares.begin(), shares.end()};
}

std::map<std::string, double> multiplied_out(const std::map<std::string, double>& given,
                                             const std::vector<std::string>& names, const std::string& where) {
  std::set<std::string> groups;
  for (const std::string& name : names)
    for (const std::string& group : groups_of(name)) groups.insert(group);
  const bool is_nested =
      std::any_of(given.begin(), given.end(), [&](auto& each) { return groups.contains(each.first); });
  if (!is_nested) return given;
  std::map<std::string, double> sums, weights;  // of what is in a category; of domains
  for (const auto& [name, weight] : given) {
    sums[parent_of(name)] += weight;
    if (!groups.contains(name)) weights[name] = 0;  // names that are no domain's are told by who asked
  }
  for (const std::string& name : names) {
    std::vector<std::string> levels = groups_of(name);
    levels.push_back(name);
    double product = 1;
    for (const std::string& level : levels) {
      const auto found = given.find(level);
      if (found == given.end())
        throw Error(ErrorKind::malformed, where, fmt::format("says nothing of '{}'", base::printable(level)),
                    "give every category a number beside those of the same category");
      const double sum = sums[parent_of(level)];
      product *= sum > 0 ? found->second / sum : 0;
    }
    weights[name] = product;
  }
  return weights;
}

}  // namespace allot::mixcal
