// SPDX-License-Identifier: Apache-2.0
// Whether the chosen placement stays the better one when costs are not quite as predicted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "place/placer.h"

namespace allot::place {

struct Robustness {
  std::string runner_up;  // the method whose placement is next best
  uint32_t draws = 0;
  uint32_t better = 0;  // draws in which the chosen placement was not slower
};

/// Runs the chosen placement and the runner-up with costs that are wrong by up to 20 %: each op's time on each kind of
/// device, and each tensor's size, by a factor of its own, uniform in [0.8, 1.2]. 200 draws, fewer for large graphs
/// (about 4 million op visits, but at least 20 draws). Equal seeds give equal figures at any number of threads.
/// They are compared by what they were chosen for: makespan or interval, over all scenarios. Nothing if that is
/// neither, if all methods gave the same placement, or if the search was stopped.
std::optional<Robustness> robustness(const Problem& problem, const Comparison& comparison, const Budget& budget);

}  // namespace allot::place
