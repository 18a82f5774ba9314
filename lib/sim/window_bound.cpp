// SPDX-License-Identifier: Apache-2.0
#include "sim/window_bound.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace allot::sim {
namespace {

constexpr size_t kStarts = 24, kEnds = 128;  // of windows
constexpr size_t kGrid = 48;                 // heads and tails

/// What the sums can be off, relatively.
double rounding(size_t ops) { return 1e-15 * static_cast<double>(ops + 64); }

/// About `count` values, ascending, as evenly spread over the ops as that allows, with the least.
std::vector<int64_t> quantiles(std::vector<int64_t> values, size_t count) {
  std::sort(values.begin(), values.end());
  std::vector<int64_t> result;
  for (size_t i = 0; i < count && !values.empty(); ++i) result.push_back(values[i * values.size() / count]);
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

/// What the ops need beyond capacity in the worst window that starts at `start_ps`, divided among the machines.
double most_missing(std::span<const Span> ops, double machines, int64_t horizon_ps, int64_t start_ps) {
  const double width = static_cast<double>(horizon_ps - start_ps) / static_cast<double>(kEnds);
  if (width <= 0) return 0;
  // The need of an op as the window's end grows: none until it can be kept out no more, then all of it, then no more.
  // By end of window: slopes and offsets that begin (rise) or cease (full) there.
  std::vector<double> slope(kEnds + 2, 0), offset(kEnds + 2, 0);
  const auto bucket = [&](double time) {
    return std::min<size_t>(kEnds + 1, static_cast<size_t>(std::max(0.0, std::ceil(time / width))));
  };
  for (const Span& op : ops) {
    const int64_t latest_ps = horizon_ps - op.tail_ps - op.duration_ps;
    const auto most = static_cast<double>(std::min(op.duration_ps, op.head_ps + op.duration_ps - start_ps));
    if (most <= 0) continue;
    const auto from = static_cast<double>(std::max<int64_t>(0, latest_ps - start_ps));
    const size_t rise = bucket(from), full = bucket(from + most);
    slope[rise] += 1, offset[rise] -= from;
    slope[full] -= 1, offset[full] += from + most;
  }
  double missing = 0, present_slope = 0, present_offset = 0;
  for (size_t end = 0; end <= kEnds; ++end) {
    present_slope += slope[end];
    present_offset += offset[end];
    const double length = width * static_cast<double>(end);
    missing = std::max(missing, (present_slope * length + present_offset) / machines - length);
  }
  return missing;
}

int64_t from_windows(std::span<const Span> ops, double machines, int64_t horizon_ps) {
  std::vector<int64_t> heads;
  for (const Span& op : ops) heads.push_back(op.head_ps);
  double missing = 0;
  for (const int64_t start_ps : quantiles(std::move(heads), kStarts))
    missing = std::max(missing, most_missing(ops, machines, horizon_ps, start_ps));
  missing -= rounding(ops.size()) * static_cast<double>(ops.size()) * static_cast<double>(horizon_ps);
  return horizon_ps + static_cast<int64_t>(std::ceil(std::max(0.0, missing)));
}

int64_t from_ends(std::span<const Span> ops) {
  std::vector<int64_t> heads, tails;
  for (const Span& op : ops) heads.push_back(op.head_ps), tails.push_back(op.tail_ps);
  heads = quantiles(std::move(heads), kGrid);
  tails = quantiles(std::move(tails), kGrid);
  // work[h][t]: of ops with a head from heads[h] on and a tail from tails[t] on.
  std::vector<double> work((heads.size() + 1) * (tails.size() + 1), 0);
  const auto cell = [&](size_t head, size_t tail) -> double& { return work[head * (tails.size() + 1) + tail]; };
  const auto last_at_most = [](const std::vector<int64_t>& values, int64_t value) {
    return static_cast<size_t>(std::upper_bound(values.begin(), values.end(), value) - values.begin()) - 1;
  };
  for (const Span& op : ops) cell(last_at_most(heads, op.head_ps), last_at_most(tails, op.tail_ps)) += op.share_ps;
  double best = 0;
  for (size_t h = heads.size(); h-- > 0;) {
    for (size_t t = tails.size(); t-- > 0;) {
      cell(h, t) += cell(h + 1, t) + cell(h, t + 1) - cell(h + 1, t + 1);
      if (cell(h, t) > 0) best = std::max(best, cell(h, t) + static_cast<double>(heads[h] + tails[t]));
    }
  }
  return static_cast<int64_t>(std::ceil(best * (1 - rounding(ops.size()))));
}

}  // namespace

int64_t window_bound(std::span<const Span> ops, double machines, int64_t horizon_ps) {
  if (ops.empty()) return 0;
  return std::max(from_windows(ops, machines, horizon_ps), from_ends(ops));
}

}  // namespace allot::sim
