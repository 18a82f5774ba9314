// SPDX-License-Identifier: Apache-2.0
// The built-in placement methods.
#pragma once

#include <vector>

#include "place/placer.h"

namespace allot::place {

/// For each device that may run everything, everything there; if there is none, for each device all it may run and
/// the rest where it is fastest, and each unit where it is fastest.
std::vector<UnitPlacement> single_candidates(const Problem& problem);
/// The best of the candidates.
UnitPlacement place_single(const Problem& problem, const Budget& budget);

/// Units in topological order cut into one block a device, so that the longest block is as short as possible and
/// each fits into its memory. After: the expert placements of Mirhoseini et al., ICML 2017.
UnitPlacement place_contiguous(const Problem& problem, const Budget& budget);

/// Units in topological order dealt out in turn.
UnitPlacement place_round_robin(const Problem& problem, const Budget& budget);

/// Heterogeneous earliest finish time with insertion. After: Topcuoglu, Hariri, Wu, TPDS 2002.
UnitPlacement place_heft(const Problem& problem, const Budget& budget);

/// Memory-aware earliest task first. After: Jeon et al., "Baechi", SoCC 2020.
UnitPlacement place_m_etf(const Problem& problem, const Budget& budget);

/// Simulated annealing from the best of the others.
UnitPlacement place_anneal(const Problem& problem, const Budget& budget);

}  // namespace allot::place
