// SPDX-License-Identifier: Apache-2.0
// How urgent each op is to a list scheduler.
#pragma once

#include <vector>

#include "place/problem.h"

namespace allot::place {

/// Mean transfer between two devices drawn with replacement, as a function of size.
class MeanTransfer {
 public:
  explicit MeanTransfer(const cluster::Cluster& cluster);
  /// In picoseconds.
  double operator()(int64_t bytes) const { return latency_ps_ + ps_per_byte_ * static_cast<double>(bytes); }

 private:
  double latency_ps_ = 0, ps_per_byte_ = 0;
};

/// Over the devices that may run its unit.
double mean_time_ps(const Problem& problem, OpId op);

/// Mean length in picoseconds of the longest path from the start of each op to the end of the graph: mean times over
/// the devices that may run an op, mean transfers over pairs of devices drawn with replacement. Never smaller than
/// that of a consumer. After: Topcuoglu, Hariri, Wu, TPDS 2002, the upward rank.
std::vector<double> upward_ranks(const Problem& problem);

}  // namespace allot::place
