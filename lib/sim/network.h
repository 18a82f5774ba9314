// SPDX-License-Identifier: Apache-2.0
// The transfers of a run: under way, waiting, and done.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "graph/op_graph.h"
#include "sim/timers.h"
#include "sim/wires.h"

namespace allot::sim {

/// A tensor on a device that did not make it, or on its way there.
struct Copy {
  int64_t start_ps = 0, end_ps = 0;
  graph::TensorId tensor = 0;
  cluster::DeviceId to = 0;
  uint32_t readers = 0;          // consumers there that have not ended, and the end of the run for an output
  uint32_t next = graph::kNone;  // behind it in its lane
};

/// Copies are numbered in the order of asking. Only the head of each lane has a timer; transfers without a lane, whose
/// ends come in any order, share one.
class Network {
 public:
  struct Event {
    uint32_t copy;
    bool ends;  // else it starts
  };

  /// `most` copies at once and in all.
  Network(const cluster::Cluster& cluster, size_t most);

  /// Without `report_starts` events tell ends only.
  void clear(bool report_starts);

  /// A copy that needs no transfer.
  void add(Copy copy) { copies_.push_back(copy); }
  /// Returns whether it starts at once; if not, an event tells when it does.
  bool send(graph::TensorId tensor, cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now);

  int64_t earliest() const { return timers_.earliest(); }
  /// Takes the event at earliest().
  Event take();

  uint32_t size() const { return static_cast<uint32_t>(copies_.size()); }
  Copy& operator[](uint32_t copy) { return copies_[copy]; }
  const std::vector<Copy>& copies() const { return copies_; }

 private:
  struct Lane {
    uint32_t head = graph::kNone, tail = graph::kNone;
    bool started = false;  // the head's start needs no event
  };
  void set_timer(uint32_t lane);
  void set_loose_timer();

  Wires wires_;
  std::vector<Copy> copies_;
  std::vector<Lane> lanes_;
  std::vector<std::pair<int64_t, uint32_t>> loose_;  // a heap: (end, copy) of those without a lane
  Timers timers_;                                    // lanes, then the earliest loose one
  bool report_starts_ = false;
};

}  // namespace allot::sim
