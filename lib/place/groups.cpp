// SPDX-License-Identifier: Apache-2.0
#include "place/groups.h"

#include <unordered_map>

#include <fmt/format.h>

namespace allot::place {
namespace {

constexpr DeviceId kSeveral = graph::kNone;

/// The device that all ops of a group are on, or kSeveral.
std::unordered_map<int32_t, DeviceId> device_of_group(const graph::OpGraph& graph, const GroupOfUnit& groups,
                                                      std::span<const DeviceId> device_of_op) {
  std::unordered_map<int32_t, DeviceId> devices;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const auto [known, added] = devices.try_emplace(groups[graph.unit_of[op]], device_of_op[op]);
    if (known->second != device_of_op[op]) known->second = kSeveral;
  }
  return devices;
}

}  // namespace

std::vector<std::string> group_names(const Problem& problem, const GroupOfUnit& groups,
                                     std::span<const DeviceId> device_of_op) {
  const graph::OpGraph& graph = problem.graph();
  const auto devices = device_of_group(graph, groups, device_of_op);
  std::vector<std::string> names(graph.num_ops());
  for (OpId op = 0; op < names.size(); ++op) {
    const int32_t group = groups[graph.unit_of[op]];
    if (group == kNoGroup) continue;
    names[op] = devices.at(group) == kSeveral
                    ? fmt::format("{}/{}", group, problem.cluster().devices[device_of_op[op]].name)
                    : std::to_string(group);
  }
  return names;
}

}  // namespace allot::place
