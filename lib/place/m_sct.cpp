// SPDX-License-Identifier: Apache-2.0
#include "place/earliest_task_first.h"
#include "place/favourites.h"
#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {

#ifdef ALLOT_CLP
UnitPlacement place_m_sct(const Problem& problem, const Budget& budget) {
  return repaired(problem, earliest_task_first(problem, budget, favourites(problem, budget)), budget);
}
const char* m_sct_missing() { return nullptr; }
#else
UnitPlacement place_m_sct(const Problem& problem, const Budget& budget) { return place_m_etf(problem, budget); }
const char* m_sct_missing() { return "COIN-OR Clp; install coinor-libclp-dev and build again with -DALLOT_CLP=ON"; }
#endif

}  // namespace allot::place
