// SPDX-License-Identifier: Apache-2.0
// A swarm trained here: one small model on each mixture.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mixcal/stages.h"
#include "mixcal/swarm.h"

namespace allot::mixcal {

struct SwarmRuns {
  Swarm swarm;       // metrics are losses on validation documents, nats a token by domain
  double flops = 0;  // of all
};

/// All models begin with the same weights and see each domain in the same order. Runs are in `folder`NUMBER; they do
/// not wait for each other: each rank of a team trains those that it is dealt, and all get all results. Nothing if a
/// rank was stopped. Errors: those of training.
std::optional<SwarmRuns> run_swarm(const data::TokenStore& store, const CalibrateContext& context,
                                   const TrainSettings& settings, const std::vector<Weights>& mixtures, uint64_t seed,
                                   const std::string& folder);

}  // namespace allot::mixcal
