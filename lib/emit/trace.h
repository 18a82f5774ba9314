// SPDX-License-Identifier: Apache-2.0
// A simulated run as a Chrome/Perfetto trace, and a placement as Graphviz DOT.
#pragma once

#include <string>

#include "place/problem.h"

namespace allot::emit {

/// Trace JSON (onnx-and-cost 8.2): one track a device and a link, flow arrows for transfers, memory counters.
/// `outcome` must carry its timeline. Traces of more events than given leave out the details of ops and transfers.
std::string perfetto_trace(const place::Problem& problem, const std::vector<cluster::DeviceId>& placement,
                           const sim::Outcome& outcome, size_t max_events_with_details = 1'000'000);

/// Clusters per device, cut edges red; over 2,000 ops the quotient graph of (device, level) groups.
std::string dot(const place::Problem& problem, const std::vector<cluster::DeviceId>& placement);

}  // namespace allot::emit
