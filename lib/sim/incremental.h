// SPDX-License-Identifier: Apache-2.0
// Exact re-evaluation of a placement after a few ops have moved, for search.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "sim/moves.h"
#include "sim/simulator.h"

namespace allot::sim {

/// Keeps one placement, the base, and answers what the exact engine (simulator.h) would say if some of its ops moved:
///
///   incremental.reset(placement);
///   for (...) {
///     const auto result = incremental.try_moves(moves, cutoff_ps);
///     if (result.exact && ...) incremental.accept();
///   }
///
/// Every exact result equals that of Simulator::run on the same placement, bit for bit.
///
/// The device of an op matters for the first time when one of its inputs is made, since that is then sent to all who
/// read it. So a run starts again from the last of some 30 checkpoints of the base before that instant, and is over
/// where its lower bound (prospect.h) exceeds the cutoff. Checkpoints lost by accept() come back as runs pass by. Moves
/// of ops that read nothing, or graph inputs that have to travel or be held, need a whole run; so does every move with
/// Semantics::ort, a queue other than fifo, Contention::share, Forwarding::pipelined or several streams.
///
/// One instance serves one thread. The arguments must outlive it. Memory: about 64 bytes an op and tensor for each
/// checkpoint; of large graphs, so few are made that they fit 256 MiB, but at least 4.
class Incremental {
 public:
  static constexpr int64_t kNoCutoff = std::numeric_limits<int64_t>::max();

  struct Result {
    int64_t makespan_ps = 0;     // if not exact: more than the cutoff, and no more than the true makespan
    int64_t overflow_bytes = 0;  // Outcome::overflow_bytes; 0 without memory; if not exact: so far
    bool exact = true;           // false: the run was cut off
  };

  /// Without `memory` overflow_bytes stays 0 and everything is quicker. Errors: those of Simulator.
  Incremental(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
              bool memory = true);
  ~Incremental();
  Incremental(Incremental&&) noexcept;

  /// Makes `placement` [num_ops] the base. Errors: those of Simulator::run.
  Result reset(std::span<const DeviceId> placement);

  /// Evaluates the base with `moves` applied in order. The run is cut off as soon as it is certain that the makespan
  /// exceeds `cutoff_ps`. A searcher that draws its threshold of acceptance before it evaluates, and passes it here,
  /// decides as it would without a cutoff.
  /// Errors: those of Simulator::run; the base stays.
  Result try_moves(std::span<const Move> moves, int64_t cutoff_ps = kNoCutoff);

  /// Makes what was tried last the base; it must have been exact.
  void accept();

  /// The base [num_ops], and what it gives.
  std::span<const DeviceId> placement() const;
  Result base() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace allot::sim
