// SPDX-License-Identifier: Apache-2.0
// A Gantt chart: lanes of busy spans over time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace allot::report {

struct Span {
  double start, end;
  uint32_t id;            // handed to the tooltip function
  bool critical = false;  // underlined
};

struct Lane {
  std::string name, note;   // note: a short figure beside the name ("83 %"), may be empty
  std::string css_class;    // of the palette (palette.h)
  bool thin = false;        // a secondary lane, drawn lower
  std::vector<Span> spans;  // by start
};

/// Lanes from time 0 to `horizon`, both in `unit`. The reader can magnify the time axis and move along it by wheel, by
/// dragging and by keyboard, and sees the tooltip of the span that he points to; a tooltip's text up to " (" is the
/// name that wide bars bear. Spans that the page has no room for, some 20,000, are left out, the shortest first, those
/// that are critical last; lanes are shaded by how busy they are instead. So the size stays below 3 MB for any number
/// of spans and up to 100 lanes.
std::string timeline(const std::vector<Lane>& lanes, double horizon, std::string_view unit,
                     const std::function<std::string(const Lane&, const Span&)>& tooltip);

/// Busy share of each of `bins` equal parts of [0, horizon]; where spans overlap it counts at most as 1.
std::vector<double> occupancy(const std::vector<Span>& spans, double horizon, size_t bins);

}  // namespace allot::report
