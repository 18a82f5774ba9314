// SPDX-License-Identifier: Apache-2.0
// A placed program run again and again: how long it takes as a whole, and what takes how long in it.
#pragma once

#include <string>
#include <vector>

#include "measure/messages.h"
#include "run/placed_program.h"

namespace allot::run {

/// What is run and how often.
struct Rounds {
  exec::RunMode mode;  // training: forward and backward
  uint32_t warm_up = 2, repeat = 20;
};

/// Runs that were timed, in order.
struct MeasuredRun {
  std::vector<double> seconds;
  PlacedResult typical;  // the one whose time is the median (the lower one of two)
  std::vector<measure::NodeTime> nodes;
  std::vector<measure::TransferTime> transfers;
  std::vector<double> busy_us;  // by device, in the typical run
};

/// Warms up, then measures. Nodes and transfers get medians over all repeats; several kernels of one node count
/// together. Errors: those of PlacedProgram::run.
MeasuredRun measure_rounds(PlacedProgram& program, const std::vector<exec::Value>& inputs, const Rounds& rounds,
                           const Watch& watch = {});

}  // namespace allot::run
