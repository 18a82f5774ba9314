// SPDX-License-Identifier: Apache-2.0
// All that a run of sequential.h works with.
#pragma once

#include <bit>
#include <optional>
#include <vector>

#include "sim/ledger.h"
#include "sim/sequential.h"

namespace allot::sim {

struct Sequential::State {
  using OpId = graph::OpId;
  using TensorId = graph::TensorId;

  static constexpr DeviceId kEverywhere = cluster::kMaxDevices;  // home of graph inputs when there is no io device

  /// A node as what another one waited for.
  struct NodeRef {
    uint32_t id = graph::kNone;
    bool copy = false;
  };

  /// A tensor where it was made.
  struct Home {
    DeviceId device;
    uint32_t readers;     // ops and copies that have not run, and the end of the run for an output
    uint32_t first_copy;  // one a device, following one another
  };

  /// A tensor on another device.
  struct Copy {
    TensorId tensor;
    DeviceId from, to;
    uint32_t readers = 0;  // as Home's
    bool io = false;
    bool visited = false;
    int64_t start_ps = 0, end_ps = 0;
    NodeRef before = {};
  };

  /// A node that the search of rule 3 has to look at, or to run.
  struct Visit {
    uint32_t id;
    bool copy, runs;
  };

  State(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster, bool blocking);

  const Outcome& run(std::span<const DeviceId> placement, const Options& options);

  void clear();
  void hold_what_stays();
  void find_homes();
  void plan_copies(TensorId tensor);
  void count_readers(TensorId tensor, uint64_t elsewhere);
  void offer_inputs();
  void walk();
  void visit_op(OpId op);
  void visit_copy(uint32_t index);
  void run_op(OpId op);
  void bring(uint32_t index);
  void run_copy(uint32_t index);
  void start_copy(Copy& copy, int64_t duration_ps);
  NodeRef blocker(DeviceId queue) const;
  void take_outputs();
  void settle(int64_t now, uint32_t op);
  void release(TensorId tensor, DeviceId device);
  void report();
  void report_timeline();
  void report_critical();

  static uint64_t bit(DeviceId device) { return uint64_t{1} << device; }
  static DeviceId lowest(uint64_t set) { return static_cast<DeviceId>(std::countr_zero(set)); }
  uint32_t copy_at(TensorId tensor, DeviceId device) const;
  bool local(TensorId tensor, DeviceId device) const { return homes[tensor].device == device; }
  bool on_host_thread(DeviceId device) const { return (host_thread & bit(device)) != 0; }
  int64_t block(TensorId tensor, DeviceId device) const { return ledger.block(costs.tensor_bytes[tensor], device); }

  const graph::OpGraph& graph;
  const cost::CostTable& costs;
  const cluster::Cluster& cluster;
  const bool blocking_uploads;
  uint64_t host_thread = 0;      // devices of kind cpu
  std::optional<DeviceId> host;  // the first of them
  TensorId num_inputs = 0;       // of the graph: the first tensors
  std::vector<OpId> last_ops;    // without successors

  // -- of a run
  Options options;
  std::span<const DeviceId> placement;
  int64_t host_ps = 0;            // h of rule 1
  std::vector<int64_t> queue_ps;  // g of rule 1, by device
  std::vector<Home> homes;        // by tensor
  std::vector<Copy> copies;
  std::vector<char> visited;  // by op
  std::vector<Visit> stack;
  std::vector<int64_t> start_ps, end_ps;  // by op
  NodeRef last_on_host;                   // that moved h
  std::vector<NodeRef> last_in_queue;     // that moved g, by device
  std::vector<NodeRef> before;            // by op: what it waited for
  std::vector<uint64_t> param_at;         // parameter -> devices that hold it
  Ledger ledger;
  Outcome outcome;
};

}  // namespace allot::sim
