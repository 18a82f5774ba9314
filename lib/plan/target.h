// SPDX-License-Identifier: Apache-2.0
// The runtime that a placement is made for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/input.h"

namespace allot::plan {

/// The cluster as one session of ONNX Runtime drives it: its sequential executor, one device a provider, graph inputs
/// and outputs on the host unless the file says otherwise.
/// Errors: unavailable when two devices belong to one provider, naming both and the remedy; config without a host.
cluster::Cluster as_ort_session(cluster::Cluster cluster);

/// What ONNX Runtime's own execution is predicted to take for a placement (by op) that was found under other rules:
/// as_ort_session, with its fusions wherever a group is on one device. Nothing where no session can run it, for
/// training graphs, and where the placement was made for that target.
std::optional<int64_t> ort_makespan_ps(const Input& input, const std::vector<cluster::DeviceId>& placement);

}  // namespace allot::plan
