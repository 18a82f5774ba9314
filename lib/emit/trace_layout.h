// SPDX-License-Identifier: Apache-2.0
// Where each op and transfer of a run is drawn in a trace: process, thread, whole nanoseconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "emit/tracks.h"

namespace allot::emit {

constexpr int kDevicesProcess = 1, kLinksProcess = 2;

struct TracePlace {
  int process = 0;  // 0: nowhere of its own, part of a bundle
  uint32_t thread = 0;
  int64_t start_ns = 0, end_ns = 0;
};

/// Short slices in a row on one thread, drawn as one.
struct Bundle {
  TracePlace place;
  uint32_t slices = 0;
  int64_t busy_ns = 0;
};

struct TraceThread {
  int process;
  uint32_t thread;
  std::string name;
};

struct TraceLayout {
  std::vector<TracePlace> ops;                     // by op
  std::vector<std::vector<TracePlace>> transfers;  // by transfer: a place for each wire on its way
  std::vector<Bundle> bundles;
  std::vector<TraceThread> threads;
  uint32_t threads_per_track = 0;  // a device's first thread is its number times that
};

/// Slices that overlap get threads of their own: Perfetto nests what shares one. Of more than `max_slices` all but the
/// longest third of that number are bundled where several follow one another, so that no more remain. Rounding to
/// nanoseconds goes down, which is monotone: what does not overlap in picoseconds does not here. O(n log n).
TraceLayout lay_out(const std::vector<Track>& tracks, size_t num_ops, size_t num_transfers, size_t max_slices);

/// Rounds down.
inline int64_t whole_ns(int64_t ps) { return ps / 1000; }

}  // namespace allot::emit
