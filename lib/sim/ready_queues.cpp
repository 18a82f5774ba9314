// SPDX-License-Identifier: Apache-2.0
#include "sim/ready_queues.h"

#include <algorithm>

namespace allot::sim {

using cluster::DeviceId;
using cluster::Queue;
using graph::OpId;

namespace {

constexpr int64_t kNotReady = -1;

uint64_t bit(DeviceId device) { return uint64_t{1} << device; }

}  // namespace

ReadyQueues::ReadyQueues(Queue rule, uint32_t devices, uint32_t ops) : rule_(rule) {
  if (rule == Queue::fifo) {
    fifo_.resize(devices);
  } else {
    ranked_.resize(devices);
    ready_ps_.resize(ops);
  }
}

void ReadyQueues::reset(std::span<const uint32_t> count) {
  startable_ = 0;
  for (DeviceId device = 0; device < fifo_.size(); ++device) fifo_[device].reset(count[device]);
}

void ReadyQueues::reset(std::span<const DeviceId> placement, std::span<const int64_t> priority) {
  startable_ = 0;
  priority_ = priority;
  std::fill(ready_ps_.begin(), ready_ps_.end(), kNotReady);
  for (Ranked& queue : ranked_) {
    queue.ops.clear();
    queue.taken = 0;
  }
  if (rule_ != Queue::order) return;
  for (OpId op = 0; op < placement.size(); ++op) ranked_[placement[op]].ops.push_back(op);
  for (Ranked& queue : ranked_)
    std::sort(queue.ops.begin(), queue.ops.end(), [&](OpId a, OpId b) { return before(a, b); });
}

/// The order in which a device takes ready ops; in Queue::order, where all count as ready at the same time, of all ops.
bool ReadyQueues::before(OpId a, OpId b) const {
  if (priority_[a] != priority_[b]) return priority_[a] > priority_[b];
  return ready_ps_[a] != ready_ps_[b] ? ready_ps_[a] < ready_ps_[b] : a < b;
}

void ReadyQueues::push_ranked(OpId op, DeviceId device, int64_t now) {
  ready_ps_[op] = now;
  Ranked& queue = ranked_[device];
  if (rule_ == Queue::order) {
    if (queue.ops[queue.taken] == op) startable_ |= bit(device);
    return;
  }
  queue.ops.push_back(op);
  std::push_heap(queue.ops.begin(), queue.ops.end(), [&](OpId a, OpId b) { return before(b, a); });
  startable_ |= bit(device);
}

OpId ReadyQueues::pop_ranked(DeviceId device) {
  Ranked& queue = ranked_[device];
  if (rule_ == Queue::order) {
    const OpId op = queue.ops[queue.taken++];
    if (queue.taken == queue.ops.size() || ready_ps_[queue.ops[queue.taken]] == kNotReady) startable_ &= ~bit(device);
    return op;
  }
  std::pop_heap(queue.ops.begin(), queue.ops.end(), [&](OpId a, OpId b) { return before(b, a); });
  const OpId op = queue.ops.back();
  queue.ops.pop_back();
  if (queue.ops.empty()) startable_ &= ~bit(device);
  return op;
}

}  // namespace allot::sim
