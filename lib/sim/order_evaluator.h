// SPDX-License-Identifier: Apache-2.0
// A quick estimate of a placed op graph's makespan: every device runs its ops in one order fixed beforehand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/order_tables.h"

namespace allot::sim {

/// Semantics (onnx-and-cost 7.2): ops are taken one by one in the given order.
/// 1. An op starts when its device has ended the ops before it and all its tensors have arrived there.
/// 2. A tensor is sent to a device when the first op in the order reads it there: the transfer starts when the tensor
///    is made and its channels have served all transfers asked for before; a later op there finds it arrived. An op
///    asks for its tensors by id.
/// 3. Graph inputs are there at time 0, on the io device or else everywhere. With an io device, an op's graph outputs
///    are sent there in the op's turn, after it.
/// 4. The makespan is the last end of an op or transfer.
/// Of Cluster::simulation only the channels are followed (contention, copy engines), each transfer holding all of its
/// own for as long as it takes; a device has one stream.
///
/// Against the exact engine (simulator.h) a device may idle before an op whose turn has come while others are ready,
/// and a tensor is asked for by its reader instead of its maker; where a runtime executes one fixed order, as ONNX
/// Runtime does, this is the closer model. No queue, no events: one pass over the edges, O(V + E).
///
/// Runs allocate nothing. One instance serves one thread; the arguments must outlive it.
/// Memory: 8 bytes a tensor and device, 8 an op and kind of device, about 8 an op and 5 an edge.
class OrderEvaluator {
 public:
  /// order and errors: as of OrderTables.
  OrderEvaluator(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                 std::span<const graph::OpId> order = {});

  /// The makespan. placement [num_ops]: device of each op. Errors: internal for a device out of range or an op placed
  /// where it cannot run; unavailable when two devices that must talk have no route.
  int64_t run(std::span<const DeviceId> placement);

  struct Timeline {
    int64_t makespan_ps = 0;
    std::vector<int64_t> start_ps, end_ps;  // by op
    std::vector<int64_t> busy_ps;           // by device
  };
  /// The same in full.
  Timeline timeline(std::span<const DeviceId> placement);

 private:
  template <bool kNote>
  int64_t pass(std::span<const DeviceId> placement);
  void begin();
  void list_reads();
  void list_returns();
  int64_t fetch(uint32_t position, DeviceId to, std::span<const DeviceId> placement);
  int64_t send(graph::TensorId tensor, DeviceId to, std::span<const DeviceId> placement);
  void give_out(graph::OpId op, std::span<const DeviceId> placement);
  /// By tensor, and at last of what never has to be waited for.
  int64_t* arrivals(DeviceId device) { return arrival_.data() + device * (size_t{tables_.graph.num_tensors()} + 1); }

  const OrderTables tables_;
  std::vector<uint32_t> reads_begin_;   // position -> its first in reads_
  std::vector<graph::TensorId> reads_;  // an even number for each op
  std::vector<uint32_t> returns_;       // positions of ops that make graph outputs to be sent, then none

  // -- of a run. Its time begins at epoch_, after all times of earlier runs, so that what these left in arrival_ reads
  // as absent without being cleared.
  int64_t epoch_ = 0, next_epoch_ = 0;
  int64_t last_return_ = 0;       // end of the last transfer of a graph output
  std::vector<int64_t> arrival_;  // see arrivals()
  std::vector<int64_t> device_free_, channel_free_;
  std::vector<int64_t> end_ps_;  // by op, if noted
};

}  // namespace allot::sim
