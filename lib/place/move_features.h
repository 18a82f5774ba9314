// SPDX-License-Identifier: Apache-2.0
// What is known of every move of one unit before it is tried.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "place/problem.h"
#include "place/timetable.h"
#include "sim/simulator.h"

namespace allot::place {

constexpr size_t kMoveFeatures = 18;

/// Of a unit that moves from its device to another, times in units' mean times and squashed to (-1, 1): 1; when it
/// would end there, against now; when its inputs would be there, against now; how busy that device is when it would
/// run, and a little longer; how loaded, against its own; what is sent, against now; the shares of its neighbours there
/// and here; its time there, against here; its time; its slack; how long it waits for its device; when its inputs are
/// there, as a part of the run; whether a critical transfer comes from there, or leads there; how full that memory
/// would be; whether the memory here is too small.
struct MoveFeatures {
  std::array<float, kMoveFeatures> values;
  bool critical;  // the unit is on the critical chain
};

/// Features of all moves from one placement, by one simulation of it (the problem's own input shape).
class MoveScene {
 public:
  /// The problem must outlive it.
  explicit MoveScene(const Problem& problem);

  /// O(edges devices) beside the simulation.
  void look(const UnitPlacement& placement);
  bool looked() const { return !moves_.empty(); }

  /// Move `unit` to `device` from where it was: meaningful if the device is allowed and another than that.
  const MoveFeatures& of(UnitId unit, DeviceId device) const { return moves_[unit * size_t{devices_} + device]; }
  bool possible(UnitId unit, DeviceId device) const {
    return placement_[unit] != device && problem_.allowed(unit, device);
  }
  /// Units on the critical chain, ascending.
  const std::vector<UnitId>& critical() const { return critical_; }

 private:
  struct There {  // what a device means to the unit at hand
    int64_t ready_ps, moved_ps;
    uint32_t neighbours;
  };
  struct Unit {
    int64_t start_ps, end_ps, tail_ps;
    uint32_t neighbours;
  };
  void note_run(const sim::Outcome& run);
  void note_chain(const sim::Outcome& run);
  void note_tails();
  Unit gather(UnitId unit, const sim::Outcome& run);
  void describe(UnitId unit, const Unit& here);
  int64_t sent_ps(graph::TensorId tensor, DeviceId from, DeviceId to) const;

  const Problem& problem_;
  const uint32_t devices_;
  sim::Simulator simulator_;
  double mean_ps_;                   // of a unit
  std::vector<int64_t> unit_bytes_;  // by unit
  std::vector<MoveFeatures> moves_;  // [units, devices]
  UnitPlacement placement_;
  std::vector<UnitId> critical_;
  // -- of the placement at hand
  std::vector<DeviceId> ops_;                  // device by op
  std::vector<int64_t> tail_ps_;               // by op: the longest way from its end to that of the run
  std::vector<DeviceId> fed_from_, leads_to_;  // by unit: the other end of a critical transfer, or no device
  std::vector<char> is_critical_;              // by unit
  std::vector<Timetable> timetables_;          // by device
  std::vector<int64_t> held_bytes_;            // by device
  std::vector<There> there_;                   // by device
  int64_t makespan_ps_ = 0, mean_load_ps_ = 0;
};

}  // namespace allot::place
