// SPDX-License-Identifier: Apache-2.0
// From named wires and paths to a route for each pair of devices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/cluster.h"

namespace allot::cluster {

/// A way over wires, as a file states it.
struct Path {
  DeviceId from = 0, to = 0;
  std::vector<uint32_t> links;  // empty: the two share memory, and moving a tensor costs nothing
  bool oneway = false;          // says nothing about the opposite direction
  std::string where;            // for messages
};

/// Fills `routes`, `num_channels`, `named_links` and the private default wires of `cluster`, whose devices and named
/// links are set.
///
/// A full-duplex wire has a queue a direction. Which direction a path takes follows from all paths over the wire: they
/// tell its two sides apart (a host's devices from all others, for its network card), and a path goes from one side to
/// the other. A wire whose paths do not (three devices, each pair over the same switch) is one queue.
/// Errors: config for a path given twice, over one wire twice, or a pair without any.
void connect(Cluster& cluster, const std::vector<Path>& paths, const std::optional<Link>& default_link);

}  // namespace allot::cluster
