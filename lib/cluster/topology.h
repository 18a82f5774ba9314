// SPDX-License-Identifier: Apache-2.0
// From named wires and paths to a route for each pair of devices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/cluster.h"

namespace allot::cluster {

/// A way over wires, as a file states it. It uses each wire forward, and the opposite direction uses it backward:
/// on a full-duplex wire they have queues of their own.
struct Path {
  DeviceId from = 0, to = 0;
  std::vector<uint32_t> links;  // empty: the two share memory, and moving a tensor costs nothing
  bool oneway = false;          // says nothing about the opposite direction
  std::string where;            // for messages
};

/// Fills `routes`, `num_channels`, `named_links` and the private default wires of `cluster`, whose devices and named
/// links are set. Errors: config for a path given twice, over one wire twice, or a pair without any.
void connect(Cluster& cluster, const std::vector<Path>& paths, const std::optional<Link>& default_link);

}  // namespace allot::cluster
