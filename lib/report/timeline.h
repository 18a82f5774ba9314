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
  uint32_t id;  // handed to the tooltip function
};

struct Lane {
  std::string name, note;  // note: a short figure beside the name ("83 %"), may be empty
  std::string css_class;   // palette class c0..c7
  bool thin = false;       // a secondary lane, drawn lower
  std::vector<Span> spans;
};

/// Lanes from time 0 to `horizon`, both in `unit`. Up to 2,000 spans are drawn one by one, with tooltips. Beyond, each
/// lane is cut into bins shaded by how much of them is busy, and the longest 1,000 spans alone keep tooltips, so that
/// the size stays below 1 MB for any number of spans and up to 100 lanes. The reader can magnify the time axis.
/// `name` tells several charts of one page apart.
std::string timeline(std::string_view name, const std::vector<Lane>& lanes, double horizon, std::string_view unit,
                     const std::function<std::string(const Lane&, const Span&)>& tooltip);

/// Busy share of each of `bins` equal parts of [0, horizon]; where spans overlap it counts at most as 1.
std::vector<double> occupancy(const std::vector<Span>& spans, double horizon, size_t bins);

}  // namespace allot::report
