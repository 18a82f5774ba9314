// SPDX-License-Identifier: Apache-2.0
// How the weights of a run moved.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace allot::mixcal {

/// About two thousand rows over a run: step, then a weight of each domain, then what it scored.
class Trajectory {
 public:
  explicit Trajectory(int64_t steps);

  /// After step number `step`, from 0; not every step is kept.
  void note(int64_t step, std::span<const double> weights, std::span<const double> scores);

  const std::vector<std::vector<double>>& rows() const { return rows_; }
  /// All rows as one list; and back.
  std::vector<double> state() const;
  void assign(std::span<const double> state, size_t domains);

 private:
  int64_t stride_;
  std::vector<std::vector<double>> rows_;
};

}  // namespace allot::mixcal
