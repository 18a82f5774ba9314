// SPDX-License-Identifier: Apache-2.0
// The ops that wait for a device, in order of (ready time, id).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

#include "graph/op_graph.h"

namespace allot::sim {

/// Time never runs backwards, so older ops are simply in front: a plain array that is filled once. Only ops that
/// become ready at the present instant may still need sorting; those form a heap from the first that comes out of
/// order (an ascending array already is one) until the instant is over.
class ReadyQueue {
 public:
  /// `slots` holds as many ops as will ever be pushed.
  void reset(graph::OpId* slots) {
    slots_ = slots;
    head_ = present_ = tail_ = 0;
    time_ = 0;
    heap_ = false;
  }

  bool empty() const { return head_ == tail_; }

  void push(graph::OpId op, int64_t now) {
    if (now != time_) {
      if (heap_) std::sort(slots_ + present_, slots_ + tail_);
      heap_ = false;
      present_ = tail_;
      time_ = now;
    } else if (!heap_ && tail_ > std::max(head_, present_) && op < slots_[tail_ - 1]) {
      present_ = std::max(head_, present_);
      heap_ = true;
    }
    slots_[tail_++] = op;
    if (heap_) std::push_heap(slots_ + present_, slots_ + tail_, std::greater<>());
  }

  graph::OpId pop() {
    if (head_ < present_ || !heap_) return slots_[head_++];
    std::pop_heap(slots_ + present_, slots_ + tail_, std::greater<>());
    return slots_[--tail_];
  }

 private:
  graph::OpId* slots_ = nullptr;
  uint32_t head_ = 0, present_ = 0, tail_ = 0;  // [head, tail) wait; from `present` on since time_
  int64_t time_ = 0;
  bool heap_ = false;
};

}  // namespace allot::sim
