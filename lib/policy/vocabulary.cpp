// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "policy/instance.h"

namespace allot::policy {

Vocabulary::Vocabulary(std::vector<std::string> types) : types_(std::move(types)) {
  std::sort(types_.begin(), types_.end());
  types_.erase(std::unique(types_.begin(), types_.end()), types_.end());
}

Vocabulary Vocabulary::of(const std::vector<const graph::OpGraph*>& graphs) {
  std::set<std::string> types;
  for (const auto* graph : graphs)
    for (const uint16_t type : graph->type) types.insert(graph->type_names[type]);
  return Vocabulary({types.begin(), types.end()});
}

int64_t Vocabulary::number(std::string_view type) const {
  const auto found = std::lower_bound(types_.begin(), types_.end(), type);
  return found != types_.end() && *found == type ? found - types_.begin() + 1 : 0;
}

}  // namespace allot::policy
