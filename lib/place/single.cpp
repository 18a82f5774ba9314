// SPDX-License-Identifier: Apache-2.0
#include "place/methods.h"
#include "place/search.h"
#include "place/stop.h"

namespace allot::place {
namespace {

bool runs_everything(const Problem& problem, DeviceId device) {
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    if (!problem.allowed(unit, device)) return false;
  return true;
}

}  // namespace

std::vector<UnitPlacement> single_candidates(const Problem& problem) {
  const uint32_t units = problem.graph().num_units();
  std::vector<UnitPlacement> candidates;
  for (DeviceId device = 0; device < problem.devices(); ++device)
    if (runs_everything(problem, device)) candidates.emplace_back(units, device);
  if (!candidates.empty()) return candidates;

  UnitPlacement by_speed(units);
  for (UnitId unit = 0; unit < units; ++unit) by_speed[unit] = problem.fastest(unit);
  for (DeviceId device = 0; device < problem.devices(); ++device) {
    UnitPlacement mostly = by_speed;
    for (UnitId unit = 0; unit < units; ++unit)
      if (problem.allowed(unit, device)) mostly[unit] = device;
    candidates.push_back(std::move(mostly));
  }
  candidates.push_back(std::move(by_speed));
  return candidates;
}

std::vector<UnitPlacement> starts(const Problem& problem, const Budget& budget) {
  if (budget.start) return {*budget.start};
  std::vector<UnitPlacement> result = single_candidates(problem);
  for (const auto method : {place_contiguous, place_heft, place_critical_path, place_m_etf})
    result.push_back(method(problem, budget));
  return result;
}

UnitPlacement place_single(const Problem& problem, const Budget& budget) {
  Search search(problem, budget);
  for (const UnitPlacement& candidate : single_candidates(problem)) {
    end_if_stopped(budget);
    search.score(candidate);
  }
  return search.finish();
}

}  // namespace allot::place
