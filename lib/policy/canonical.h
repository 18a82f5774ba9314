// SPDX-License-Identifier: Apache-2.0
// One name for all placements that differ only in which of several interchangeable devices is which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "place/problem.h"

namespace allot::policy {

class CanonicalForm {
 public:
  /// order: all units, as devices are to be numbered by who uses them first; empty = by id.
  /// Devices are interchangeable (place/interchangeable.h) where they are so for every input shape that is served, and
  /// none is where placements are scored otherwise than by simulation.
  explicit CanonicalForm(const place::Problem& problem, std::vector<place::UnitId> order = {});

  /// The placement with interchangeable devices relabelled by first use: the first of them that a unit uses becomes the
  /// lowest of them, and so on. It has the same score. O(units).
  place::UnitPlacement of(place::UnitPlacement placement) const;

  /// Some two devices are interchangeable.
  bool has_symmetry() const { return symmetric_; }

 private:
  std::vector<place::UnitId> order_;
  std::vector<place::DeviceId> first_,
      next_;  // by device: the first it is interchangeable with, the next such after it
  bool symmetric_ = false;
};

/// Of placements of one problem: equal for equal ones, and for others with a chance of 2^-128 each.
struct PlacementKey {
  uint64_t low = 0, high = 0;
  bool operator==(const PlacementKey&) const = default;
};
PlacementKey key_of(std::span<const place::DeviceId> placement);

struct PlacementKeyHash {
  size_t operator()(const PlacementKey& key) const { return key.low; }
};

}  // namespace allot::policy
