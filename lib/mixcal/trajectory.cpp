// SPDX-License-Identifier: Apache-2.0
#include "mixcal/trajectory.h"

#include <algorithm>

namespace allot::mixcal {
namespace {

constexpr int64_t kRows = 2000;

}  // namespace

Trajectory::Trajectory(int64_t steps) : stride_(std::max<int64_t>(1, (steps + kRows - 1) / kRows)) {}

void Trajectory::note(int64_t step, std::span<const double> weights, std::span<const double> scores) {
  if ((step + 1) % stride_ != 0) return;
  std::vector<double> row = {static_cast<double>(step + 1)};
  row.insert(row.end(), weights.begin(), weights.end());
  row.insert(row.end(), scores.begin(), scores.end());
  rows_.push_back(std::move(row));
}

std::vector<double> Trajectory::state() const {
  std::vector<double> state;
  for (const auto& row : rows_) state.insert(state.end(), row.begin(), row.end());
  return state;
}

void Trajectory::assign(std::span<const double> state, size_t domains) {
  const size_t width = 1 + 2 * domains;
  rows_.clear();
  for (size_t at = 0; at + width <= state.size(); at += width) {
    const auto row = state.subspan(at, width);
    rows_.emplace_back(row.begin(), row.end());
  }
}

}  // namespace allot::mixcal
