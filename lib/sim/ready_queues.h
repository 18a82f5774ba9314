// SPDX-License-Identifier: Apache-2.0
// The ops that wait for their devices, and which of them each device takes next.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/cluster.h"
#include "graph/op_graph.h"
#include "sim/fifo_queue.h"

namespace allot::sim {

/// The queues of all devices under one rule (cluster::Queue).
class ReadyQueues {
 public:
  ReadyQueues(cluster::Queue rule, uint32_t devices, uint32_t ops);

  /// `count`: ops by device. For fifo.
  void reset(std::span<const uint32_t> count);
  /// For priority and order; `priority` by op must stay until the last pop().
  void reset(std::span<const cluster::DeviceId> placement, std::span<const int64_t> priority);

  void push(graph::OpId op, cluster::DeviceId device, int64_t now) {
    if (rule_ != cluster::Queue::fifo) return push_ranked(op, device, now);
    fifo_[device].push(op, now);
    startable_ |= uint64_t{1} << device;
  }

  /// The next op of a device of startable().
  graph::OpId pop(cluster::DeviceId device) {
    if (rule_ != cluster::Queue::fifo) return pop_ranked(device);
    const graph::OpId op = fifo_[device].pop();
    if (fifo_[device].empty()) startable_ &= ~(uint64_t{1} << device);
    return op;
  }

  /// Devices with an op to start.
  uint64_t startable() const { return startable_; }

 private:
  struct Ranked {
    std::vector<graph::OpId> ops;  // priority: those that are ready, a heap; order: all
    uint32_t taken = 0;            // order
  };
  bool before(graph::OpId a, graph::OpId b) const;
  void push_ranked(graph::OpId op, cluster::DeviceId device, int64_t now);
  graph::OpId pop_ranked(cluster::DeviceId device);

  cluster::Queue rule_;
  uint64_t startable_ = 0;
  std::vector<FifoQueue> fifo_;  // by device
  std::vector<Ranked> ranked_;   // by device
  std::span<const int64_t> priority_;
  std::vector<int64_t> ready_ps_;  // by op; -1 = not ready
};

}  // namespace allot::sim
