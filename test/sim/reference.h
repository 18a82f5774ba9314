// SPDX-License-Identifier: Apache-2.0
// The simulator's rules once more, told as slowly and plainly as possible: lists that are searched from end to end,
// and memory worked out afterwards from the intervals that blocks live.
#pragma once

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/simulator.h"

namespace allot::test {

class ReferenceRun {
 public:
  ReferenceRun(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
               const std::vector<cluster::DeviceId>& placement)
      : graph_(graph), costs_(costs), cluster_(cluster), placement_(placement), started_(graph.num_ops()) {}

  sim::Outcome operator()() {
    outcome_.start_ps.assign(graph_.num_ops(), -1);
    outcome_.end_ps.assign(graph_.num_ops(), -1);
    outcome_.busy_ps.assign(cluster_.size(), 0);
    ended_.assign(graph_.num_ops(), false);
    running_.assign(cluster_.size(), graph::kNone);
    for (uint32_t tensor = 0; tensor < graph_.num_tensors(); ++tensor) {
      if (graph_.producer[tensor] != graph::kNone) continue;
      for (uint32_t d = 0; d < cluster_.size(); ++d)
        if (!cluster_.io_device || *cluster_.io_device == d) present_[{tensor, d}] = 0;
      if (cluster_.io_device) ask_for_transfers(tensor, *cluster_.io_device, 0);
    }
    int64_t now = 0;
    while (now >= 0) {
      while (end_one(now) || start_some(now)) {
      }
      outcome_.makespan_ps = now;
      now = next_end(now);
    }
    sum_up();
    measure_memory();
    return outcome_;
  }

 private:
  struct Block {
    uint32_t device;
    int64_t from, until, bytes;
  };
  static constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

  std::vector<uint32_t> readers(uint32_t tensor, uint32_t device) const {
    std::vector<uint32_t> result;
    for (const uint32_t op : graph_.consumers[tensor])
      if (placement_[op] == device) result.push_back(op);
    return result;
  }

  void ask_for_transfers(uint32_t tensor, uint32_t from, int64_t now) {
    for (uint32_t to = 0; to < cluster_.size(); ++to) {
      const bool returned = graph_.is_output[tensor] && cluster_.io_device == to;
      if (to == from || (readers(tensor, to).empty() && !returned)) continue;
      const auto& wanted = cluster_.route(from, to).channels;
      int64_t start = now;
      for (const auto& earlier : outcome_.transfers) {
        const auto& taken = cluster_.route(earlier.from, earlier.to).channels;
        const bool shares =
            std::find_first_of(wanted.begin(), wanted.end(), taken.begin(), taken.end()) != wanted.end();
        if (cluster_.simulation.contention == cluster::Contention::link && shares) start = std::max(start, earlier.end_ps);
      }
      const int64_t end = start + cluster_.transfer_ps(from, to, costs_.tensor_bytes[tensor]);
      const bool io = graph_.producer[tensor] == graph::kNone || readers(tensor, to).empty();
      outcome_.transfers.push_back({tensor, from, to, start, end, io});
    }
  }

  /// Ends one transfer, or else the op of lowest id, that is due.
  bool end_one(int64_t now) {
    for (const auto& transfer : outcome_.transfers) {
      const auto key = std::pair(transfer.tensor, transfer.to);
      if (transfer.end_ps != now || present_.count(key)) continue;
      present_[key] = now;
      return true;
    }
    for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
      if (!started_[op] || ended_[op] || outcome_.end_ps[op] != now) continue;
      ended_[op] = true;
      running_[placement_[op]] = graph::kNone;
      for (const uint32_t tensor : graph_.outputs[op]) {
        present_[{tensor, placement_[op]}] = now;
        ask_for_transfers(tensor, placement_[op], now);
      }
      return true;
    }
    return false;
  }

  /// When an op became ready, or -1.
  int64_t ready_ps(uint32_t op) const {
    int64_t ready = 0;
    for (const uint32_t tensor : graph_.inputs[op]) {
      const auto found = present_.find({tensor, placement_[op]});
      if (found == present_.end()) return -1;
      ready = std::max(ready, found->second);
    }
    return ready;
  }

  bool start_some(int64_t now) {
    bool any = false;
    for (uint32_t device = 0; device < cluster_.size(); ++device) {
      if (running_[device] != graph::kNone) continue;
      std::pair<int64_t, uint32_t> first{kForever, graph::kNone};
      for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
        if (started_[op] || placement_[op] != device) continue;
        const int64_t ready = ready_ps(op);
        if (ready >= 0) first = std::min(first, {ready, op});
      }
      const uint32_t op = first.second;
      if (op == graph::kNone) continue;
      started_[op] = true;
      running_[device] = op;
      order_.push_back(op);
      outcome_.start_ps[op] = now;
      outcome_.end_ps[op] = now + costs_.time(op, device);
      any = true;
    }
    return any;
  }

  int64_t next_end(int64_t now) const {
    int64_t next = kForever;
    for (const int64_t end : outcome_.end_ps)
      if (end > now) next = std::min(next, end);
    for (const auto& transfer : outcome_.transfers)
      if (transfer.end_ps > now) next = std::min(next, transfer.end_ps);
    return next == kForever ? -1 : next;
  }

  void sum_up() {
    for (uint32_t op = 0; op < graph_.num_ops(); ++op)
      outcome_.busy_ps[placement_[op]] += costs_.time(op, placement_[op]);
    for (const auto& transfer : outcome_.transfers) {
      (transfer.io ? outcome_.io_transfers : outcome_.crossings) += 1;
      outcome_.bytes_moved += costs_.tensor_bytes[transfer.tensor];
    }
    std::sort(outcome_.transfers.begin(), outcome_.transfers.end(), [](const auto& a, const auto& b) {
      return std::tuple(a.start_ps, a.tensor, a.to) < std::tuple(b.start_ps, b.tensor, b.to);
    });
  }

  int64_t rounded(int64_t bytes, uint32_t device) const {
    const int64_t align = cluster_.devices[device].align_bytes;
    return (bytes + align - 1) / align * align;
  }

  int64_t last_use(uint32_t tensor, uint32_t device, int64_t since) const {
    int64_t last = since;
    for (const uint32_t op : readers(tensor, device)) last = std::max(last, outcome_.end_ps[op]);
    for (const auto& transfer : outcome_.transfers)
      if (transfer.tensor == tensor && transfer.from == device) last = std::max(last, transfer.end_ps);
    return last;
  }

  void add_tensor_blocks(uint32_t tensor) {
    const auto add = [&](uint32_t device, int64_t from, int64_t until) {
      blocks_.push_back({device, from, until, rounded(costs_.tensor_bytes[tensor], device)});
    };
    const auto& io = cluster_.io_device;
    const uint32_t producer = graph_.producer[tensor];
    const bool output = graph_.is_output[tensor];
    if (producer != graph::kNone) {
      const uint32_t home = placement_[producer];
      const bool stays = output && (!io || *io == home);
      add(home, outcome_.start_ps[producer], stays ? kForever : last_use(tensor, home, outcome_.end_ps[producer]));
    } else if (io) {
      add(*io, 0, output ? kForever : last_use(tensor, *io, 0));
    } else {
      for (uint32_t device = 0; device < cluster_.size(); ++device)
        if (!readers(tensor, device).empty()) add(device, 0, last_use(tensor, device, 0));
    }
    for (const auto& transfer : outcome_.transfers)
      if (transfer.tensor == tensor)
        add(transfer.to, transfer.start_ps, output && io == transfer.to ? kForever : last_use(tensor, transfer.to, 0));
  }

  void measure_memory() {
    outcome_.param_bytes.assign(cluster_.size(), 0);
    outcome_.peak_bytes.assign(cluster_.size(), 0);
    std::map<std::pair<uint32_t, uint32_t>, bool> held;
    for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
      const uint32_t device = placement_[op];
      blocks_.push_back(
          {device, outcome_.start_ps[op], outcome_.end_ps[op], rounded(costs_.workspace_bytes[op], device)});
      outcome_.param_bytes[device] += rounded(costs_.resident_bytes[op], device);
      for (const uint32_t param : graph_.params[op])
        if (!std::exchange(held[{param, device}], true))
          outcome_.param_bytes[device] += rounded(graph_.param_bytes[param], device);
    }
    for (uint32_t tensor = 0; tensor < graph_.num_tensors(); ++tensor) add_tensor_blocks(tensor);
    for (uint32_t device = 0; device < cluster_.size(); ++device) measure_device(device);
  }

  /// Memory only grows where a block begins, so those instants are enough.
  void measure_device(uint32_t device) {
    std::vector<int64_t> instants{0};
    for (const Block& block : blocks_)
      if (block.device == device) instants.push_back(block.from);
    std::sort(instants.begin(), instants.end());
    instants.erase(std::unique(instants.begin(), instants.end()), instants.end());
    sim::OutOfMemory excess{.device = device};
    for (const int64_t now : instants) {
      int64_t level = outcome_.param_bytes[device];
      for (const Block& block : blocks_)
        if (block.device == device && block.from <= now && (block.until > now || block.from == now))
          level += block.bytes;
      outcome_.peak_bytes[device] = std::max(outcome_.peak_bytes[device], level);
      const int64_t over = level - cluster_.devices[device].usable_bytes();
      if (over > 0 && excess.over_bytes == 0) excess.time_ps = now, excess.op = op_at(device, now);
      excess.over_bytes = std::max(excess.over_bytes, over);
    }
    if (excess.over_bytes == 0) return;
    outcome_.out_of_memory.push_back(excess);
    outcome_.overflow_bytes += excess.over_bytes;
  }

  /// The op started last up to now, unless it has ended before.
  uint32_t op_at(uint32_t device, int64_t now) const {
    uint32_t last = graph::kNone;
    for (const uint32_t op : order_)
      if (placement_[op] == device && outcome_.start_ps[op] <= now) last = op;
    return last != graph::kNone && outcome_.end_ps[last] >= now ? last : graph::kNone;
  }

  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const cluster::Cluster& cluster_;
  const std::vector<cluster::DeviceId>& placement_;
  std::vector<char> started_, ended_;
  std::vector<uint32_t> running_;                             // by device
  std::vector<uint32_t> order_;                               // ops as they started
  std::map<std::pair<uint32_t, uint32_t>, int64_t> present_;  // (tensor, device) -> since when
  std::vector<Block> blocks_;
  sim::Outcome outcome_;
};

}  // namespace allot::test
