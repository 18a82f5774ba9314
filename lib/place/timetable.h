// SPDX-License-Identifier: Apache-2.0
// When a device of a finished run was busy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace allot::place {

class Timetable {
 public:
  void clear() { spans_.clear(), busy_ps_.assign(1, 0); }
  /// Ops may come in any order; ready() when all are there.
  void add(int64_t start_ps, int64_t end_ps) {
    if (end_ps > start_ps) spans_.push_back({start_ps, end_ps});
  }
  void ready() {
    std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) { return a.start_ps < b.start_ps; });
    for (const Span& span : spans_) busy_ps_.push_back(busy_ps_.back() + span.end_ps - span.start_ps);
  }
  int64_t busy_ps() const { return busy_ps_.back(); }
  /// Busy time in [from, to). O(log spans).
  int64_t busy_ps(int64_t from_ps, int64_t to_ps) const { return busy_before(to_ps) - busy_before(from_ps); }

 private:
  struct Span {
    int64_t start_ps, end_ps;
  };
  int64_t busy_before(int64_t time_ps) const {
    const auto next = std::lower_bound(spans_.begin(), spans_.end(), time_ps,
                                       [](const Span& span, int64_t time) { return span.start_ps < time; });
    const auto started = static_cast<size_t>(next - spans_.begin());
    const int64_t left = started > 0 ? std::max<int64_t>(0, spans_[started - 1].end_ps - time_ps) : 0;
    return busy_ps_[started] - left;
  }

  std::vector<Span> spans_;
  std::vector<int64_t> busy_ps_ = {0};  // of the spans before each
};

}  // namespace allot::place
