// SPDX-License-Identifier: Apache-2.0
// What each op and transfer of a run waited for last, and the chain that this makes up to the end of the run.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/network.h"
#include "sim/simulator.h"

namespace allot::sim {

/// Nodes are ops, then num_ops + copies. A few stores an event while it is on; the chain takes O(V + copies).
class CriticalLog {
 public:
  void clear(uint32_t ops, uint32_t devices, uint32_t channels);

  /// `node` brought the last tensor of `op`.
  void ready(graph::OpId op, uint32_t node, int64_t now) { ready_[op] = {node, now}; }
  /// A stream of the device is free because `op` has ended and rested.
  void freed_by(DeviceId device, graph::OpId op, int64_t now) { freed_[device] = {op, now}; }
  /// The last transfer that blocked the device has ended.
  void unblocked(const Wires& wires, DeviceId device, int64_t now);
  /// `previous`: the op that the device started before, or kNone.
  void starts(graph::OpId op, DeviceId device, graph::OpId previous, int64_t now);
  /// Before the network is: for a transfer of what `producer` (or kNone) made to the set `to`, which makes the copies
  /// from `first_copy` on.
  void asks(const Wires& wires, graph::OpId producer, DeviceId from, uint64_t to, uint32_t first_copy, int64_t now);
  /// Before the op takes the compute of its device until `end`.
  void occupies(const Wires& wires, DeviceId device, graph::OpId op, int64_t end);

  /// What each step waited for, from the start of the run to `last`. `step_of(node)` gives a step without its wait.
  template <typename StepOf>
  std::vector<CriticalStep> chain(uint32_t last, const StepOf& step_of) const {
    std::vector<CriticalStep> steps;
    for (uint32_t node = last; node != graph::kNone;) {
      const Cause& cause = node < ops_ ? of_op_[node] : of_copy_[node - ops_];
      CriticalStep step = step_of(node);
      step.wait = cause.wait;
      if (!steps.empty()) step.end_ps = std::min(step.end_ps, steps.back().start_ps);
      steps.push_back(step);
      node = cause.node;
    }
    return {steps.rbegin(), steps.rend()};
  }

 private:
  struct At {
    uint32_t node = graph::kNone;
    int64_t time_ps = -1;
  };
  struct Cause {
    uint32_t node = graph::kNone;
    CriticalStep::Wait wait = CriticalStep::Wait::none;
  };

  uint32_t ops_ = 0;
  std::vector<At> ready_;         // by op
  std::vector<At> freed_;         // by device
  std::vector<uint32_t> holder_;  // channel -> the node that takes it last
  std::vector<Cause> of_op_, of_copy_;
};

}  // namespace allot::sim
