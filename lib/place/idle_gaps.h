// SPDX-License-Identifier: Apache-2.0
// The timetable of one device that is filled out of order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace allot::place {

/// Remembers the latest kMost gaps between what is scheduled. Earlier ones are given up: list schedulers move forward
/// in time, so they are rarely wanted, and a search through all would be quadratic.
class IdleGaps {
 public:
  /// First time from `ready_ps` on at which the device is free for `duration_ps`.
  int64_t earliest(int64_t ready_ps, int64_t duration_ps) const {
    for (size_t i = first_ending_at(ready_ps + duration_ps); i < gaps_.size(); ++i) {
      const int64_t start = std::max(ready_ps, gaps_[i].begin_ps);
      if (start + duration_ps <= gaps_[i].end_ps) return start;
    }
    return std::max(ready_ps, end_ps_);
  }

  /// Books a time that earliest() gave.
  void book(int64_t start_ps, int64_t duration_ps) {
    if (duration_ps == 0) return;
    const int64_t stop_ps = start_ps + duration_ps;
    if (start_ps >= end_ps_) {
      if (start_ps > end_ps_) gaps_.push_back({end_ps_, start_ps});
      if (gaps_.size() > kMost) gaps_.erase(gaps_.begin());
      end_ps_ = stop_ps;
      return;
    }
    const auto gap = gaps_.begin() + static_cast<std::ptrdiff_t>(first_ending_at(stop_ps));
    const Gap before{gap->begin_ps, start_ps}, after{stop_ps, gap->end_ps};
    const bool keep_before = before.begin_ps < before.end_ps, keep_after = after.begin_ps < after.end_ps;
    if (keep_before && keep_after) {
      *gap = after;
      gaps_.insert(gap, before);
    } else if (keep_before || keep_after) {
      *gap = keep_before ? before : after;
    } else {
      gaps_.erase(gap);
    }
  }

 private:
  static constexpr size_t kMost = 128;
  struct Gap {
    int64_t begin_ps, end_ps;
  };
  size_t first_ending_at(int64_t time_ps) const {
    const auto found = std::lower_bound(gaps_.begin(), gaps_.end(), time_ps,
                                        [](const Gap& gap, int64_t time) { return gap.end_ps < time; });
    return static_cast<size_t>(found - gaps_.begin());
  }

  std::vector<Gap> gaps_;  // ascending, apart from one another
  int64_t end_ps_ = 0;     // free from here on
};

}  // namespace allot::place
