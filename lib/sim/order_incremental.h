// SPDX-License-Identifier: Apache-2.0
// Re-evaluation of a fixed order after a few ops have moved, in time that depends on the moves and not on the graph.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/csr.h"
#include "sim/moves.h"
#include "sim/order_tables.h"

namespace allot::sim {

/// Keeps one placement, the base, and answers what OrderEvaluator would say if some of its ops moved, bit for bit.
///
/// Under the rules of order_evaluator.h every time is the latest of some earlier times plus a constant. So at any
/// position each device, channel and arrived tensor has one number: how long after it the run ends at least; and the
/// makespan is the largest sum of a time and its number (max-plus linear systems: Baccelli et al., "Synchronization and
/// Linearity", 1992). A pass from the end to the beginning finds these numbers for the base. A try replays the ops from
/// the first that moved until all that follow ask for the same tensors as in the base, and adds the numbers there: some
/// hundred ops instead of the whole graph, with no need for a cutoff.
///
/// One instance serves one thread; the arguments must outlive it. Memory: 28 bytes a tensor and device.
class OrderIncremental {
 public:
  /// order and errors: as of OrderTables.
  OrderIncremental(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                   std::span<const graph::OpId> order = {});

  /// Makes `placement` [num_ops] the base; returns its makespan. O(V + E). Errors: those of OrderEvaluator::run.
  int64_t reset(std::span<const DeviceId> placement);

  /// The makespan of the base with `moves` applied in order. Errors: those of OrderEvaluator::run; the base stays.
  int64_t try_moves(std::span<const Move> moves);

  /// Makes what was tried last the base. O(V + E). Errors: internal when nothing was tried since, or it failed.
  void accept();

  /// The base [num_ops], and its makespan.
  std::span<const DeviceId> placement() const { return base_; }
  int64_t makespan_ps() const { return makespan_ps_; }

 private:
  /// Of devices and channels, before the op at a position that is a multiple of spacing_.
  struct Checkpoint {
    std::vector<int64_t> device_free_ps, channel_free_ps;    // times
    std::vector<int64_t> device_ahead_ps, channel_ahead_ps;  // how long after them the run ends at least
    int64_t last_return_ps = 0;                              // end of the last transfer of a graph output
  };
  using FirstReads = std::array<uint32_t, cluster::kMaxDevices>;  // device -> position, or kNone

  void place_checkpoints();
  template <typename Visit>
  void for_each_affected(const Visit& visit) const;

  // -- the base
  FirstReads first_reads(graph::TensorId tensor, const std::vector<DeviceId>& placement) const;
  void note_first_reads(graph::TensorId tensor);
  void run_base(uint32_t from);
  int64_t send_in_base(graph::TensorId tensor, DeviceId to);
  void look_back();
  int64_t ahead_of_outputs(graph::OpId op);
  void ask_in_reverse(graph::TensorId tensor, DeviceId to, int64_t ahead_ps);

  // -- a try
  void take_back();
  uint32_t end_of_difference() const;
  void replay(uint32_t from, uint32_t to);
  int64_t known_ps(graph::TensorId tensor, DeviceId device);
  int64_t arrival_ps(graph::TensorId tensor, DeviceId device);
  int64_t last_end_ps(uint32_t checkpoint);

  int64_t transfer_ps(graph::TensorId tensor, DeviceId from, DeviceId to) const {
    return tables_.transfer_ps(tensor, from * tables_.devices + to);
  }
  size_t slot(graph::TensorId tensor, DeviceId device) const {
    return device * size_t{tables_.graph.num_tensors()} + tensor;
  }

  const OrderTables tables_;
  uint32_t spacing_ = 0;
  base::Csr<graph::TensorId> open_;  // checkpoint -> tensors made before it that are read after it

  std::vector<DeviceId> base_;
  int64_t makespan_ps_ = 0;
  std::vector<Checkpoint> checkpoints_;
  std::vector<int64_t> op_ahead_ps_;  // by position: from the start of the op to the end of the run
  std::vector<uint32_t> asked_at_;    // by slot: position whose op asks for it there; kNone: nobody, or made there
  std::vector<int64_t> arrived_ps_;   // by slot
  std::vector<int64_t> transfer_ahead_ps_;  // by slot: from the start of the transfer to the end of the run

  // -- of a pass over the base, or of a try; the times of tries begin at epoch_, as in OrderEvaluator
  std::vector<int64_t> device_ps_, channel_ps_;  // when they are free, or what is ahead of them
  int64_t last_return_ps_ = 0;
  int64_t epoch_ = 0, next_epoch_ = 0;
  uint32_t restart_ = 0;
  std::vector<int64_t> tried_arrival_ps_;  // by slot
  std::vector<DeviceId> tried_;
  std::vector<Change> changes_;
  bool acceptable_ = false;
};

}  // namespace allot::sim
