// SPDX-License-Identifier: Apache-2.0
// A placement that a search changes a little at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/csr.h"
#include "base/rng.h"
#include "place/problem.h"

namespace allot::place {

class MovePolicy;

struct UnitMove {
  UnitId unit;
  DeviceId device;
};

/// Proposes neighbours of a placement: one unit to another device, a unit with some of those it exchanges tensors with,
/// two units swapped, a cluster of units of one device that hang together. Units of the critical chain are preferred,
/// and devices of units next to the one that moves.
class Walker {
 public:
  Walker(const Problem& problem, UnitPlacement placement);

  /// Some unit has a choice.
  bool can_move() const { return !movable_.empty(); }
  const UnitPlacement& placement() const { return placement_; }
  void restart(const UnitPlacement& placement);

  /// The units whose times add up to the makespan now; those without a choice are left out.
  void set_critical(std::span<const UnitId> units);

  /// From now on most units and devices are drawn by the policy, which must outlive the walker; null: none are.
  void follow(const MovePolicy* policy) { policy_ = policy; }

  /// Changes the placement. Returns the moves, at most one a unit; none if what was drawn changes nothing.
  std::span<const UnitMove> propose(base::Rng& rng);
  /// Takes the last proposal back.
  void undo();

  /// Equal for placements that differ by exchanging devices on which every unit takes the same time.
  uint64_t fingerprint() const;

 private:
  UnitMove draw(base::Rng& rng) const;
  UnitId draw_unit(base::Rng& rng) const;
  DeviceId draw_device(UnitId unit, base::Rng& rng) const;
  void put_cluster(UnitId unit, DeviceId device, base::Rng& rng);
  void put(UnitId unit, DeviceId device);
  void set(UnitId unit, DeviceId device);

  const Problem& problem_;
  const MovePolicy* policy_ = nullptr;
  base::Csr<UnitId> neighbours_;
  UnitPlacement placement_;
  std::vector<UnitId> movable_, critical_;
  std::vector<UnitMove> moves_;
  std::vector<UnitId> cluster_;       // candidates to join the one that moves
  std::vector<DeviceId> before_;      // devices of moves_, before
  std::vector<uint64_t> unit_key_;    // random
  std::vector<uint64_t> device_key_;  // of equal devices the same
  std::vector<uint64_t> contents_;    // device -> sum of its units' keys
};

}  // namespace allot::place
