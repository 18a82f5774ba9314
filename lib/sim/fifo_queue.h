// SPDX-License-Identifier: Apache-2.0
// The ops that wait for a device, first in first out: by (ready time, id).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "graph/op_graph.h"

namespace allot::sim {

/// Time never runs backwards, so older ops are simply in front: a plain array that is filled once. Only ops that
/// become ready at the present instant may still need sorting; those form a heap from the first that comes out of
/// order (an ascending array already is one) until the instant is over.
class FifoQueue {
 public:
  /// About `pushes` ops will ever be pushed; for more it grows.
  void reset(uint32_t pushes) {
    if (slots_.size() < pushes) slots_.resize(pushes);
    head_ = present_ = tail_ = 0;
    time_ = 0;
    heap_ = false;
  }

  bool empty() const { return head_ == tail_; }

  void push(graph::OpId op, int64_t now) {
    if (tail_ == slots_.size()) slots_.resize(2 * size_t{tail_} + 1);
    graph::OpId* const slots = slots_.data();
    if (now != time_) {
      if (heap_) std::sort(slots + present_, slots + tail_);
      heap_ = false;
      present_ = tail_;
      time_ = now;
    } else if (!heap_ && tail_ > std::max(head_, present_) && op < slots[tail_ - 1]) {
      present_ = std::max(head_, present_);
      heap_ = true;
    }
    slots[tail_++] = op;
    if (heap_) std::push_heap(slots + present_, slots + tail_, std::greater<>());
  }

  graph::OpId pop() {
    graph::OpId* const slots = slots_.data();
    if (head_ < present_ || !heap_) return slots[head_++];
    std::pop_heap(slots + present_, slots + tail_, std::greater<>());
    return slots[--tail_];
  }

 private:
  std::vector<graph::OpId> slots_;
  uint32_t head_ = 0, present_ = 0, tail_ = 0;  // [head, tail) wait; from `present` on since time_
  int64_t time_ = 0;
  bool heap_ = false;
};

}  // namespace allot::sim
