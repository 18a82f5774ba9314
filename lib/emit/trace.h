// SPDX-License-Identifier: Apache-2.0
// A simulated run as a Chrome/Perfetto trace, and a placement as Graphviz DOT.
#pragma once

#include <string>
#include <vector>

#include "place/problem.h"

namespace allot::emit {

struct TraceOptions {
  std::vector<std::string> tensor_types = {};  // by tensor, "float32[1,64,56,56]"; may be shorter, or empty
  size_t max_detailed = 100'000;               // slices of a trace that gives their arguments
  size_t max_slices = 200'000;
};

/// Trace JSON (onnx-and-cost 8.2): one track a device and a link, flow arrows for transfers, memory counters. An op's
/// arguments: its number, what it reads and writes, flops, bytes, when it was ready, how long it waited, whether it is
/// on the critical chain. `outcome` must carry its timeline; without critical chain no op is said to be on it.
/// Of longer runs short slices in a row are drawn as one (trace_layout.h), and their arrows are left out.
std::string perfetto_trace(const place::Problem& problem, const std::vector<cluster::DeviceId>& placement,
                           const sim::Outcome& outcome, const TraceOptions& options = {});

/// Clusters per device, cut edges red; over 2,000 ops the quotient graph of (device, level) groups.
std::string dot(const place::Problem& problem, const std::vector<cluster::DeviceId>& placement);

}  // namespace allot::emit
