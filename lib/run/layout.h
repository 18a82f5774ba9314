// SPDX-License-Identifier: Apache-2.0
// A program spread over devices: which steps run where in one go, and what each of these segments waits for.
#pragma once

#include <cstdint>
#include <vector>

#include "exec/plan.h"

namespace allot::run {

using DeviceId = uint32_t;
using SegmentId = uint32_t;
constexpr uint32_t kNone = ~uint32_t{0};

/// A device that reads a slot, and its segments that do, ascending.
struct Reader {
  DeviceId device = 0;
  std::vector<SegmentId> segments;
};

struct Layout {
  std::vector<DeviceId> device_of_segment;
  std::vector<uint32_t> waits;               // by segment: how many of its inputs other segments make
  std::vector<SegmentId> maker;              // by slot: kNone for weights and graph inputs
  std::vector<std::vector<Reader>> readers;  // by slot, devices ascending
  std::vector<char> is_output;               // by slot: the caller takes it
};

/// Segments by step of block 0 of a plan: one for each. A device then takes steps first come, first served, as the
/// simulator does by default.
std::vector<SegmentId> steps_apart(const exec::Plan& plan);

/// Fewer segments, for gradients: each is an autograd graph of its own. Steps are of one segment as long as nothing in
/// between has to be waited for or sent: a segment waits for its inputs before it begins, and gives its outputs away
/// when it ends, so larger ones would delay others. `device_of_step` is by step. O(steps and their inputs).
std::vector<SegmentId> group_steps(const exec::Plan& plan, const std::vector<DeviceId>& device_of_step);

/// Devices by step of block 0, from devices by main-graph node of the file. Steps that only prepare weights go where
/// these are used first.
std::vector<DeviceId> device_of_step(const exec::Plan& plan, const std::vector<DeviceId>& device_of_node);

/// The tables of a plan that was cut (exec/segments.h) into what group_steps gave.
Layout make_layout(const exec::Plan& plan, const std::vector<SegmentId>& segment_of_step,
                   const std::vector<DeviceId>& device_of_step);

}  // namespace allot::run
