// SPDX-License-Identifier: Apache-2.0
// What a placement is chosen for, and how two answers compare.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/op_graph.h"
#include "sim/simulator.h"
#include "sim/wires.h"

namespace allot::place {

enum class Objective : uint8_t {
  latency,     // the makespan of one run
  throughput,  // the interval between the results of a full pipeline of runs
  devices,     // how many devices are used
  memory,      // the largest part of its memory that a device needs at once
};
std::string_view name(Objective objective);
/// Errors: usage with the list of names.
Objective parse_objective(std::string_view text);
/// Names, in order.
std::vector<std::string> objective_names();

/// A value of the objective for people: "412 us", "3", "41.2 %".
std::string value_text(Objective objective, int64_t value);

/// What fits into memory beats what does not; then the objective decides, then the makespan.
struct Score {
  int64_t overflow_bytes = 0;  // sum over devices
  int64_t value = 0;           // of the objective: picoseconds, devices, or millionths of a device's memory
  int64_t makespan_ps = 0;
  friend auto operator<=>(const Score&, const Score&) = default;
};

/// The largest load of a device or channel that one run of a placement causes: when runs follow one another without
/// pause, a result appears that often, and no schedule of this placement can be quicker. With blocking transfers the
/// load of a device includes all that it sends and receives.
class SteadyInterval {
 public:
  /// The arguments must outlive it.
  SteadyInterval(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster);
  /// placement [num_ops] -> picoseconds.
  int64_t operator()(std::span<const cluster::DeviceId> placement);

 private:
  void send(graph::TensorId tensor, cluster::DeviceId from, uint64_t targets);
  void send_to_readers(graph::TensorId tensor, std::span<const cluster::DeviceId> placement);

  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const cluster::Cluster& cluster_;
  const sim::Wires wires_;
  std::vector<int64_t> device_ps_, channel_ps_;
};

/// Devices that a placement uses.
int64_t count_devices(std::span<const cluster::DeviceId> placement);

/// The largest share of its memory that a device held at once, in millionths.
int64_t largest_memory_share(const sim::Outcome& outcome, const cluster::Cluster& cluster);

}  // namespace allot::place
