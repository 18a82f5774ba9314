// SPDX-License-Identifier: Apache-2.0
#include "sim/wires.h"

#include "base/error.h"

namespace allot::sim {

Wires::Wires(const cluster::Cluster& cluster) : cluster_(cluster), free_at_(cluster.num_channels, 0) {
  const bool queues = cluster.simulation.contention == cluster::Contention::link;
  for (const cluster::Route& route : cluster.routes)
    channels_.add_row(queues ? route.channels : std::vector<uint32_t>{});
}

void Wires::no_route(cluster::DeviceId from, cluster::DeviceId to) const {
  throw base::Error(base::ErrorKind::unavailable, cluster_.path,
                    fmt::format("no route from device '{}' to '{}', but the placement sends a tensor that way",
                                cluster_.devices[from].name, cluster_.devices[to].name),
                    "add a path between them or a default link to the cluster");
}

}  // namespace allot::sim
