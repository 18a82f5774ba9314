// SPDX-License-Identifier: Apache-2.0
// Times of nodes, measured on this machine by the executor.
#pragma once

#include <cstdint>
#include <vector>

#include "enas/costs.h"

namespace allot::enas {

struct Profile {
  LatencyTable table;
  // Of the children that were run last: microseconds by the table, and of whole runs. Ranks are what counts.
  std::vector<double> predicted, measured;
};

/// Runs the supergraph and `children` random children of a batch of one node by node, each `runs` times after a sixth
/// as many to warm up, and takes medians; then as many others whole. Source: specification of enas-search, 5.5. Errors:
/// those of exec::Program.
Profile profile(const Supergraph& supergraph, size_t children, size_t runs, uint64_t seed);

}  // namespace allot::enas
