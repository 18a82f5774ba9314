// SPDX-License-Identifier: Apache-2.0
#include "sim/incremental.h"

#include <vector>

#include "base/error.h"

namespace allot::sim {

struct Incremental::State {
  Result run(const std::vector<DeviceId>& placement, int64_t cutoff_ps) {
    const Outcome& outcome = simulator.run(placement, {.memory = memory});
    return {outcome.makespan_ps, outcome.overflow_bytes, outcome.makespan_ps <= cutoff_ps};
  }

  Simulator simulator;
  bool memory;
  std::vector<DeviceId> base, tried;
  bool acceptable = false;  // `tried` has an exact result
};

Incremental::Incremental(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                         bool memory)
    : state_(new State{.simulator = Simulator(graph, costs, cluster), .memory = memory, .base = {}, .tried = {}}) {}
Incremental::~Incremental() = default;
Incremental::Incremental(Incremental&&) noexcept = default;

Incremental::Result Incremental::reset(std::span<const DeviceId> placement) {
  state_->tried.assign(placement.begin(), placement.end());
  const Result result = state_->run(state_->tried, kNoCutoff);
  state_->base = state_->tried;
  state_->acceptable = false;
  return result;
}

Incremental::Result Incremental::try_moves(std::span<const Move> moves, int64_t cutoff_ps) {
  state_->acceptable = false;
  state_->tried = state_->base;
  for (const Move& move : moves) {
    ALLOT_ASSERT(move.op < state_->tried.size());
    state_->tried[move.op] = move.device;
  }
  const Result result = state_->run(state_->tried, cutoff_ps);
  state_->acceptable = result.exact;
  return result;
}

void Incremental::accept() {
  ALLOT_ASSERT(state_->acceptable);
  state_->base.swap(state_->tried);
  state_->acceptable = false;
}

std::span<const DeviceId> Incremental::placement() const { return state_->base; }

}  // namespace allot::sim
