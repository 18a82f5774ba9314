// SPDX-License-Identifier: Apache-2.0
// The transfers of a run: under way, waiting, and done.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "graph/op_graph.h"
#include "sim/fair_share.h"
#include "sim/timers.h"
#include "sim/wires.h"

namespace allot::sim {

/// A tensor on a device that did not make it, or on its way there.
struct Copy {
  int64_t start_ps = 0, end_ps = 0;  // received from, present from
  graph::TensorId tensor = 0;
  cluster::DeviceId to = 0;
  uint32_t readers = 0;          // consumers there that have not ended, and the end of the run for an output
  uint32_t next = graph::kNone;  // behind it in its lane
};

/// Copies are numbered in the order of asking. Only the head of each lane has a timer; transfers without a lane, whose
/// ends come in any order, share one. Bandwidth that is shared has ends of its own.
class Network {
 public:
  /// What happens at an instant: one copy is there, one begins to be received, both, or nothing that shows.
  struct Event {
    uint32_t ends = graph::kNone, starts = graph::kNone;
  };

  /// `most` copies at once and in all.
  Network(const cluster::Cluster& cluster, size_t most);

  /// Without `report_starts` events tell ends only.
  void clear(bool report_starts);

  /// A copy that needs no transfer.
  void add(Copy copy) { copies_.push_back(copy); }
  /// Returns whether its destination begins to receive at once; if not, an event tells when it does.
  bool send(graph::TensorId tensor, cluster::DeviceId from, cluster::DeviceId to, int64_t bytes, int64_t now);
  /// One transfer to all devices of the set `to`, whose copies follow one another; events name the first.
  bool send_once(graph::TensorId tensor, cluster::DeviceId from, uint64_t to, int64_t bytes, int64_t now);

  int64_t earliest() const { return timers_.earliest(); }
  /// Takes the next event at earliest().
  Event take();

  uint32_t size() const { return static_cast<uint32_t>(copies_.size()); }
  Copy& operator[](uint32_t copy) { return copies_[copy]; }
  const Copy& operator[](uint32_t copy) const { return copies_[copy]; }
  /// When its first leg began.
  int64_t sent_ps(uint32_t copy) const { return sent_ps_.empty() ? copies_[copy].start_ps : sent_ps_[copy]; }
  Wires& wires() { return wires_; }

 private:
  struct Lane {
    uint32_t head = graph::kNone, tail = graph::kNone;
    bool started = false;  // the head's start needs no event
  };
  bool enqueue(uint32_t copy, uint32_t lane, int64_t now);
  void end_later(uint32_t copy, int64_t end);
  Event take_lane(uint32_t lane);
  void set_timer(uint32_t lane);
  void set_loose_timer();
  uint32_t loose_timer() const { return static_cast<uint32_t>(lanes_.size()); }
  uint32_t share_timer() const { return loose_timer() + 1; }

  Wires wires_;
  std::optional<FairShare> fair_share_;
  std::vector<Copy> copies_;
  std::vector<int64_t> sent_ps_;  // by copy, where transfers have legs
  std::vector<Lane> lanes_;
  std::vector<std::pair<int64_t, uint32_t>> loose_;  // a heap: (end, copy) of those without a lane
  Timers timers_;                                    // lanes, then the earliest loose one, then shared bandwidth
  bool report_starts_ = false;
};

}  // namespace allot::sim
