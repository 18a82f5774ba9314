// SPDX-License-Identifier: Apache-2.0
#include "policy/elites.h"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"

namespace allot::policy {

using base::Error;
using base::ErrorKind;

Elites::Elites(const place::Problem& problem, size_t most) : problem_(problem), most_(most), canonical_(problem) {
  ALLOT_ASSERT(most > 0);
}

bool Elites::add(const place::UnitPlacement& placement, const place::Score& score) {
  if (elites_.size() == most_ && score >= elites_.back().score) return false;
  Elite elite{.placement = canonical_.of(placement), .score = score};
  elite.key = key_of(elite.placement);
  for (const Elite& other : elites_)
    if (other.key == elite.key) return false;
  const auto place = std::upper_bound(elites_.begin(), elites_.end(), score,
                                      [](const place::Score& a, const Elite& b) { return a < b.score; });
  const bool first = place == elites_.begin();
  elites_.insert(place, std::move(elite));
  if (elites_.size() > most_) elites_.pop_back();
  return first;
}

ElitesState Elites::state() const {
  ElitesState state;
  for (const auto& [placement, score, key] : elites_) {
    state.placements.insert(state.placements.end(), placement.begin(), placement.end());
    state.scores.insert(state.scores.end(), {score.overflow_bytes, score.value, score.makespan_ps});
  }
  return state;
}

void Elites::restore(const ElitesState& state, const std::string& where) {
  const auto wrong = [&](const std::string& what) {
    throw Error(ErrorKind::malformed, where, what,
                "resume with the model, cluster and constraints that it was made for");
  };
  const size_t units = problem_.graph().num_units(), count = state.scores.size() / 3;
  if (state.scores.size() != count * 3 || state.placements.size() != count * units)
    wrong(fmt::format("holds placements of {} numbers in all and scores of {}, which is not so for {} units",
                      state.placements.size(), state.scores.size(), units));
  Elites restored(problem_, most_);
  for (size_t i = 0; i < count; ++i) {
    place::UnitPlacement placement;
    for (place::UnitId unit = 0; unit < units; ++unit) {
      const int32_t device = state.placements[i * units + unit];
      if (device < 0 || static_cast<uint32_t>(device) >= problem_.devices() ||
          !problem_.allowed(unit, static_cast<place::DeviceId>(device)))
        wrong(fmt::format("places unit {} on device {}, which may not run it", unit, device));
      placement.push_back(static_cast<place::DeviceId>(device));
    }
    const int64_t* score = &state.scores[i * 3];
    restored.add(placement, {score[0], score[1], score[2]});
  }
  elites_ = std::move(restored.elites_);
}

}  // namespace allot::policy
