// SPDX-License-Identifier: Apache-2.0
// A simulated run laid out as tracks: what each device and each wire did, in order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "place/problem.h"

namespace allot::emit {

struct Slice {
  int64_t start_ps, end_ps;
  uint32_t id;  // of an op on a device's track, else an index into Outcome::transfers
};

struct Track {
  std::string name;  // "gpu0", "cpu0 → gpu0" or, shared by several pairs, the wire's name
  bool is_device = false;
  std::optional<cluster::DeviceId> device;  // the device itself, or the only sender on this wire
  std::vector<Slice> slices;                // by start, then end
  int64_t busy_ps() const;                  // sum of durations
};

/// One track a device, in their order; then one for each channel that carried something, and for each pair of devices
/// that communicates over none. A transfer over several channels is on all their tracks.
std::vector<Track> tracks(const cluster::Cluster& cluster, const std::vector<cluster::DeviceId>& placement,
                          const sim::Outcome& outcome);

/// Row of each slice such that those of one row do not overlap, with the fewest rows; O(n log n).
std::vector<uint32_t> rows(const std::vector<Slice>& slices);

/// Tensor -> its transfers, as indices into Outcome::transfers.
base::Csr<uint32_t> transfers_of_tensor(const graph::OpGraph& graph, const sim::Outcome& outcome);

}  // namespace allot::emit
