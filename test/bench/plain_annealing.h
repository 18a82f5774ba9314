// SPDX-License-Identifier: Apache-2.0
// Simulated annealing as textbooks have it (placement 8.11): what a better search is measured against.
#pragma once

#include "place/problem.h"

namespace allot::bench {

/// The best score after `evaluations` exact simulations, the starts among them. Starts from the best of m-ETF, HEFT and
/// the single devices; the temperature falls geometrically from 5 % to 0.01 % of the start's makespan; 60 % of the
/// moves put one unit on a random device, 20 % a unit and each neighbour with probability 1/2, 10 % swap two units, 10
/// % put a run of up to 9 units on one device.
place::Score plain_annealing(const place::Problem& problem, uint64_t evaluations, uint64_t seed);

}  // namespace allot::bench
