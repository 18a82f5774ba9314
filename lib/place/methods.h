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

/// Where a search is given no start: the best of what the constructive methods make.
UnitPlacement best_start(const Problem& problem, const Budget& budget);

// Placements that exceed a memory are repaired (repair.h) by all methods below. Those that do not search heed nothing
// of the budget but its stop, and then throw base::Stopped, unless they are done within moments.

/// What a search begins with: the budget's start if it has one, else what some constructive methods give.
std::vector<UnitPlacement> starts(const Problem& problem, const Budget& budget);

/// Units in topological order cut into one block a device, so that the longest block is as short as possible and
/// each fits into its memory (blocks.h).
UnitPlacement place_contiguous(const Problem& problem, const Budget& budget);

/// Blocks of the topological order, one a device in order of id, within memory, so that the times of all units and of
/// all that is sent from one block to the next add up to as little as possible: for graphs without parallelism that
/// one device cannot hold. O(units devices).
UnitPlacement place_cheapest_cuts(const Problem& problem, const Budget& budget);

/// Layers, as the scopes of the node names or recurrent nodes tell them, cut like `contiguous`. After: the expert
/// placements of Mirhoseini et al., ICML 2017.
UnitPlacement place_expert(const Problem& problem, const Budget& budget);

/// Stages of a pipeline: contiguous sets of units, one a device, whose largest load (StageCost) is the least possible.
/// Exact over all contiguous splits for the throughput objective where the graph has at most 60,000 ideals; otherwise
/// over the splits of one topological order. After: Tarnawski et al., NeurIPS 2020.
UnitPlacement place_pipeline(const Problem& problem, const Budget& budget);

/// Units in topological order dealt out in turn.
UnitPlacement place_round_robin(const Problem& problem, const Budget& budget);

/// Min-cut: parts of work in proportion to the devices' speed (and of bytes to their memory, where it may run out) that
/// exchange as few bytes as METIS can find; the order of ops plays no part. After: Karypis, Kumar, SISC 1998.
UnitPlacement place_metis(const Problem& problem, const Budget& budget);
/// Why this build lacks the method, or nullptr.
const char* metis_missing();

/// Partitions mapped onto the cluster: units and devices are halved together, again and again, so that bytes travel
/// short distances. After: Pellegrini, Roman, "Scotch", HPCN 1996 (dual recursive bipartitioning).
UnitPlacement place_mapping(const Problem& problem, const Budget& budget);

/// Heterogeneous earliest finish time with insertion. After: Topcuoglu, Hariri, Wu, TPDS 2002.
UnitPlacement place_heft(const Problem& problem, const Budget& budget);

/// List scheduling: of the ready ops the one with the longest path to the end, where it is done first. After: the
/// critical-path baseline of DOPPLER, ICLR 2026.
UnitPlacement place_critical_path(const Problem& problem, const Budget& budget);

/// Memory-balanced: devices filled in topological order, each with its share of the bytes. After: Jeon et al.,
/// "Baechi", SoCC 2020.
UnitPlacement place_m_topo(const Problem& problem, const Budget& budget);

/// Memory-aware earliest task first. After: Jeon et al., "Baechi", SoCC 2020.
UnitPlacement place_m_etf(const Problem& problem, const Budget& budget);

/// The same with favourite successors that a linear programme finds, small communication times. After: Jeon et al.,
/// "Baechi", SoCC 2020; Hanen, Munier, ETFA 1995.
UnitPlacement place_m_sct(const Problem& problem, const Budget& budget);
const char* m_sct_missing();

/// Cross-entropy: samples placements unit by unit, and learns the distribution of the best tenth.
UnitPlacement place_cem(const Problem& problem, const Budget& budget);

/// Genetic search over random keys that a list scheduler decodes. After: Goncalves, Resende, J. Heuristics 2011.
UnitPlacement place_brkga(const Problem& problem, const Budget& budget);

/// Branch and bound over all placements (exact.h).
UnitPlacement place_exact(const Problem& problem, const Budget& budget);

/// Simulated annealing from the best of the others.
UnitPlacement place_anneal(const Problem& problem, const Budget& budget);

/// For large graphs, of which a budget buys few evaluations: what list schedulers make of coarser graphs (coarsen.h),
/// then windows of the run, annealed one after another (windows.h), then annealing of the whole for the rest. For
/// objectives other than latency only the last.
UnitPlacement place_multilevel(const Problem& problem, const Budget& budget);

/// Of the plans that "auto" makes for each input shape alone, the one that serves all best. Evaluations count for each
/// shape anew, seconds are shared.
UnitPlacement place_scenarios(const Problem& problem, const Budget& budget);

/// On one device, two, three ... those with most memory first, until "auto" finds a placement that fits there.
UnitPlacement place_fewest_devices(const Problem& problem, const Budget& budget);

}  // namespace allot::place
