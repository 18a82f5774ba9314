// SPDX-License-Identifier: Apache-2.0
// The section `simulation:` in and out.
#pragma once

#include <string>

#include "cluster/cluster.h"
#include "config/yaml.h"

namespace allot::cluster {

void check_simulation_keys(const config::Node& node, config::UnknownKeys& unknown);

/// A preset, then what the section states itself.
/// Errors: config, with line and remedy, for words that are no choice, and for rules that do not go together: those
/// that need queues (`devices` have some, too) where bandwidth is shared, and legs of a transfer that is sent once.
Simulation read_simulation(const config::Node& node, const std::vector<Device>& devices);

/// `{contention: link, queue: fifo}` and what differs from the defaults.
std::string simulation_text(const Simulation& simulation);

/// Errors: config, listing the words that are allowed.
[[noreturn]] void fail_choice(const config::Node& node, const std::vector<std::string>& names);
/// The word of `node` among the names of the enum's values 0 to `last`.
template <typename Enum>
Enum choice(const config::Node& node, Enum last) {
  std::vector<std::string> names;
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    names.emplace_back(name(static_cast<Enum>(value)));
    if (node.text() == names.back()) return static_cast<Enum>(value);
  }
  fail_choice(node, names);
}

}  // namespace allot::cluster
