// SPDX-License-Identifier: Apache-2.0
#include "emit/trace_layout.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

namespace allot::emit {
namespace {

constexpr uint32_t kThreadsPerTrack = 16;  // at least; more where more transfers overlap

uint32_t count_rows(const std::vector<uint32_t>& rows_of_slices) {
  return rows_of_slices.empty() ? 0 : *std::max_element(rows_of_slices.begin(), rows_of_slices.end()) + 1;
}

/// Which slices are bundled: those shorter than `long_ps`, at most `most` at a time.
struct Bundling {
  int64_t long_ps = 0;
  size_t most = 1;
};

/// A third of `max_slices` for what is drawn for itself, as much for what stands between, the rest for what is equal.
Bundling bundling(const std::vector<Track>& tracks, size_t max_slices) {
  std::vector<int64_t> lengths;
  for (const Track& track : tracks)
    for (const Slice& slice : track.slices) lengths.push_back(slice.end_ps - slice.start_ps);
  if (lengths.size() <= max_slices) return {};
  const size_t third = max_slices / 3;
  const auto nth = lengths.begin() + static_cast<std::ptrdiff_t>(third);
  std::nth_element(lengths.begin(), nth, lengths.end(), std::greater<>());
  return {*nth + 1, lengths.size() / std::max<size_t>(third, 1) + 1};
}

class Layout {
 public:
  Layout(size_t num_ops, size_t num_transfers, const Bundling& bundling) : bundling_(bundling) {
    result_.ops.resize(num_ops);
    result_.transfers.resize(num_transfers);
  }

  /// `first`: number of the track's first thread.
  void add(const Track& track, const std::vector<uint32_t>& rows_of_slices, uint32_t first) {
    track_ = &track;
    const uint32_t least = track.is_device ? 1 : 0;  // a device that does nothing has a thread, too
    const int process = track.is_device ? kDevicesProcess : kLinksProcess;
    open_.assign(std::max(least, count_rows(rows_of_slices)), {});
    for (size_t i = 0; i < track.slices.size(); ++i) {
      const Slice& slice = track.slices[i];
      const uint32_t row = rows_of_slices[i];
      add(slice, {process, first + row, whole_ns(slice.start_ps), whole_ns(slice.end_ps)}, open_[row]);
    }
    for (uint32_t row = 0; row < open_.size(); ++row) {
      close(open_[row]);
      const std::string name = row == 0 ? track.name : fmt::format("{} ({})", track.name, row + 1);
      result_.threads.push_back({process, first + row, name});
    }
  }

  TraceLayout take() { return std::move(result_); }

 private:
  struct Open {
    Bundle bundle;
    uint32_t first = 0;  // id of its first slice
  };

  void add(const Slice& slice, const TracePlace& place, Open& open) {
    if (slice.end_ps - slice.start_ps >= bundling_.long_ps) {
      close(open);
      put(slice.id, place);
      return;
    }
    if (open.bundle.slices == bundling_.most) close(open);
    if (open.bundle.slices == 0) open = {{place, 0, 0}, slice.id};
    ++open.bundle.slices;
    open.bundle.busy_ns += place.end_ns - place.start_ns;
    open.bundle.place.end_ns = place.end_ns;
  }

  /// A bundle of one slice is that slice.
  void close(Open& open) {
    if (open.bundle.slices == 1) put(open.first, open.bundle.place);
    if (open.bundle.slices > 1) result_.bundles.push_back(open.bundle);
    open = {};
  }

  void put(uint32_t id, const TracePlace& place) {
    if (track_->is_device)
      result_.ops[id] = place;
    else
      result_.transfers[id].push_back(place);
  }

  const Bundling bundling_;
  const Track* track_ = nullptr;
  std::vector<Open> open_;  // by row
  TraceLayout result_;
};

}  // namespace

TraceLayout lay_out(const std::vector<Track>& tracks, size_t num_ops, size_t num_transfers, size_t max_slices) {
  uint32_t threads_per_track = kThreadsPerTrack, wires = 0;
  std::vector<std::vector<uint32_t>> rows_of_track;
  for (const Track& track : tracks) {
    rows_of_track.push_back(rows(track.slices));
    threads_per_track = std::max(threads_per_track, count_rows(rows_of_track.back()));
  }
  Layout layout(num_ops, num_transfers, bundling(tracks, max_slices));
  for (size_t i = 0; i < tracks.size(); ++i) {
    const uint32_t number = tracks[i].is_device ? *tracks[i].device : wires++;
    layout.add(tracks[i], rows_of_track[i], number * threads_per_track);
  }
  TraceLayout result = layout.take();
  result.threads_per_track = threads_per_track;
  return result;
}

}  // namespace allot::emit
