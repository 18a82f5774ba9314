// SPDX-License-Identifier: Apache-2.0
// The simulator's rules once more, told as slowly and plainly as possible: lists that are searched from end to end,
// and memory worked out afterwards from the intervals that blocks live.
#pragma once

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/reference_network.h"
#include "sim/simulator.h"

namespace allot::test {

class ReferenceRun {
 public:
  ReferenceRun(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
               const std::vector<cluster::DeviceId>& placement, const std::vector<int64_t>& priority = {})
      : graph_(graph),
        costs_(costs),
        cluster_(cluster),
        rules_(cluster.simulation),
        placement_(placement),
        priority_(priority),
        network_(cluster),
        started_(graph.num_ops()),
        ended_(graph.num_ops()) {}

  sim::Outcome operator()() {
    outcome_.start_ps.assign(graph_.num_ops(), -1);
    outcome_.end_ps.assign(graph_.num_ops(), -1);
    outcome_.stream.assign(graph_.num_ops(), 0);
    outcome_.busy_ps.assign(cluster_.size(), 0);
    for (const auto& device : cluster_.devices) streams_.emplace_back(device.streams, graph::kNone);
    if (priority_.empty()) rank_upward();
    for (uint32_t tensor = 0; tensor < graph_.num_tensors(); ++tensor) {
      if (graph_.producer[tensor] != graph::kNone) continue;
      for (uint32_t d = 0; d < cluster_.size(); ++d)
        if (!cluster_.io_device || *cluster_.io_device == d) present_[{tensor, d}] = 0;
      if (cluster_.io_device) ask_for_transfers(tensor, *cluster_.io_device, 0);
    }
    for (int64_t now = 0; now != kForever;) {
      while (end_one(now) || start_some(now)) {
      }
      network_.set_rates();
      const int64_t next = next_change(now);
      if (next != kForever) network_.advance(now, next);
      now = next;
    }
    sum_up();
    measure_memory();
    return outcome_;
  }

 private:
  static constexpr int64_t kForever = ReferenceNetwork::kUnknown;
  using Place = std::pair<uint32_t, uint32_t>;  // (tensor, device)
  struct Block {
    uint32_t tensor, device;  // tensor: kNone for workspace
    int64_t from, until, bytes;
  };

  std::vector<uint32_t> readers(uint32_t tensor, uint32_t device) const {
    std::vector<uint32_t> result;
    for (const uint32_t op : graph_.consumers[tensor])
      if (placement_[op] == device) result.push_back(op);
    return result;
  }

  void rank_upward() {
    priority_.assign(graph_.num_ops(), 0);
    for (uint32_t op = graph_.num_ops(); op-- > 0;) {
      for (const uint32_t tensor : graph_.outputs[op])
        for (const uint32_t reader : graph_.consumers[tensor])
          priority_[op] =
              std::max(priority_[op], priority_[reader] + cluster_.transfer_ps(placement_[op], placement_[reader],
                                                                               costs_.tensor_bytes[tensor]));
      priority_[op] += costs_.time(op, placement_[op]);
    }
  }

  void ask_for_transfers(uint32_t tensor, uint32_t from, int64_t now) {
    std::vector<uint32_t> targets;
    for (uint32_t to = 0; to < cluster_.size(); ++to) {
      const bool returned = graph_.is_output[tensor] && cluster_.io_device == to;
      if (to != from && (!readers(tensor, to).empty() || returned)) targets.push_back(to);
    }
    if (!targets.empty()) network_.ask(tensor, from, targets, costs_.tensor_bytes[tensor], now);
  }

  /// Ends one transfer, or else the op of lowest id, that is due.
  bool end_one(int64_t now) {
    for (const auto& transfer : network_.transfers()) {
      if (transfer.end_ps != now || present_.count({transfer.tensor, transfer.to})) continue;
      present_[{transfer.tensor, transfer.to}] = now;
      outcome_.makespan_ps = now;
      return true;
    }
    for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
      if (!started_[op] || ended_[op] || outcome_.end_ps[op] != now) continue;
      ended_[op] = true;
      outcome_.makespan_ps = now;
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

  /// The op that a free stream of the device takes, or kNone.
  uint32_t choose(uint32_t device) const {
    using cluster::Queue;
    std::tuple<int64_t, int64_t, uint32_t> first{kForever, kForever, graph::kNone};
    for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
      if (started_[op] || placement_[op] != device) continue;
      const int64_t ready = ready_ps(op), urgency = -priority_[op];
      if (rules_.queue == Queue::order) first = std::min(first, std::tuple(urgency, int64_t{0}, op));
      if (rules_.queue == Queue::priority && ready >= 0) first = std::min(first, std::tuple(urgency, ready, op));
      if (rules_.queue == Queue::fifo && ready >= 0) first = std::min(first, std::tuple(int64_t{0}, ready, op));
    }
    const uint32_t op = std::get<2>(first);
    return op != graph::kNone && ready_ps(op) >= 0 ? op : graph::kNone;
  }

  int64_t rested_ps(uint32_t op) const {
    const bool works = outcome_.end_ps[op] > outcome_.start_ps[op];
    return outcome_.end_ps[op] + (works ? rules_.op_gap_ps : 0);
  }

  bool start_some(int64_t now) {
    bool any = false;
    for (uint32_t device = 0; device < cluster_.size(); ++device) {
      for (uint32_t stream = 0; stream < streams_[device].size(); ++stream) {
        uint32_t& last = streams_[device][stream];
        if (last != graph::kNone && (!ended_[last] || rested_ps(last) > now)) continue;
        if (network_.blocks(device, now)) continue;
        const uint32_t op = choose(device);
        if (op == graph::kNone) continue;
        find_blocks(op);
        last = op;
        started_[op] = true;
        order_.push_back(op);
        outcome_.stream[op] = stream;
        outcome_.start_ps[op] = now;
        outcome_.end_ps[op] = now + costs_.time(op, device);
        if (rules_.blocks_receivers()) network_.occupy({"compute", device}, rested_ps(op));
        any = true;
      }
    }
    return any;
  }

  int64_t next_change(int64_t now) const {
    int64_t next = network_.next(now);
    for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
      if (!started_[op]) continue;
      for (const int64_t time : {outcome_.end_ps[op], rested_ps(op)})
        if (time > now) next = std::min(next, time);
    }
    return next;
  }

  void sum_up() {
    for (uint32_t op = 0; op < graph_.num_ops(); ++op)
      outcome_.busy_ps[placement_[op]] += costs_.time(op, placement_[op]);
    for (const auto& transfer : network_.transfers()) {
      const bool io = graph_.producer[transfer.tensor] == graph::kNone || readers(transfer.tensor, transfer.to).empty();
      outcome_.transfers.push_back(
          {transfer.tensor, transfer.from, transfer.to, transfer.start_ps, transfer.end_ps, io});
      (io ? outcome_.io_transfers : outcome_.crossings) += 1;
      outcome_.bytes_moved += costs_.tensor_bytes[transfer.tensor];
    }
    std::sort(outcome_.transfers.begin(), outcome_.transfers.end(), [](const auto& a, const auto& b) {
      return std::tuple(a.start_ps, a.tensor, a.to) < std::tuple(b.start_ps, b.tensor, b.to);
    });
  }

  // -- memory

  int64_t rounded(int64_t bytes, uint32_t device) const {
    const int64_t align = cluster_.devices[device].align_bytes;
    return (bytes + align - 1) / align * align;
  }

  /// The block that a tensor lives in on a device: named by the tensor that took it.
  Place block_of(const Place& place) const {
    const auto found = lives_in_.find(place);
    return found == lives_in_.end() ? place : found->second;
  }

  bool stays(const Place& place) const {
    const auto& [tensor, device] = place;
    if (!graph_.is_output[tensor]) return false;
    if (cluster_.io_device) return *cluster_.io_device == device;
    return graph_.producer[tensor] != graph::kNone && placement_[graph_.producer[tensor]] == device;
  }

  /// Whether anything but the start of `op` still needs the block.
  bool needed(const Place& block, uint32_t op) const {
    for (const auto& [place, unused] : present_) {
      const auto& [tensor, device] = place;
      if (block_of(place) != block) continue;
      if (stays(place)) return true;
      for (const uint32_t reader : readers(tensor, device))
        if (reader != op && !ended_[reader]) return true;
      for (const auto& transfer : network_.transfers())
        if (transfer.tensor == tensor && transfer.from == device && !present_.count({tensor, transfer.to})) return true;
    }
    for (const auto& [place, home] : lives_in_)  // what a running op makes
      if (home == block && !present_.count(place)) return true;
    return false;
  }

  void find_blocks(uint32_t op) {
    if (costs_.ops.empty() || graph_.outputs[op].size() != 1) return;
    const auto op_class = costs_.ops[op].op_class;
    const bool alias = op_class == cluster::OpClass::alias;
    if (!alias && !(rules_.in_place && op_class == cluster::OpClass::elementwise)) return;
    const uint32_t output = graph_.outputs[op][0];
    for (const uint32_t input : graph_.inputs[op]) {
      if (costs_.tensor_bytes[input] != costs_.tensor_bytes[output]) continue;
      const Place block = block_of({input, placement_[op]});
      if (!alias && needed(block, op)) continue;
      lives_in_[{output, placement_[op]}] = block;
      return;
    }
  }

  int64_t last_use(uint32_t tensor, uint32_t device, int64_t since) const {
    int64_t last = since;
    for (const uint32_t op : readers(tensor, device)) last = std::max(last, outcome_.end_ps[op]);
    for (const auto& transfer : network_.transfers())
      if (transfer.tensor == tensor && transfer.from == device) last = std::max(last, transfer.end_ps);
    return last;
  }

  void add_tensor_blocks(uint32_t tensor) {
    const auto add = [&](uint32_t device, int64_t from, int64_t until) {
      if (stays({tensor, device})) until = kForever;
      blocks_.push_back({tensor, device, from, until, rounded(costs_.tensor_bytes[tensor], device)});
    };
    const uint32_t producer = graph_.producer[tensor];
    if (producer != graph::kNone) {
      const uint32_t home = placement_[producer];
      add(home, outcome_.start_ps[producer], last_use(tensor, home, outcome_.end_ps[producer]));
    } else if (cluster_.io_device) {
      add(*cluster_.io_device, 0, last_use(tensor, *cluster_.io_device, 0));
    } else {
      for (uint32_t device = 0; device < cluster_.size(); ++device)
        if (!readers(tensor, device).empty()) add(device, 0, last_use(tensor, device, 0));
    }
    for (const auto& transfer : network_.transfers())
      if (transfer.tensor == tensor)
        add(transfer.to, transfer.receive_ps, last_use(tensor, transfer.to, transfer.end_ps));
  }

  /// Tensors that live in another's block only make it live longer.
  void join_blocks() {
    for (const auto& [place, home] : lives_in_) {
      const auto find = [&](const Place& wanted) {
        return std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& block) {
          return Place{block.tensor, block.device} == wanted;
        });
      };
      const auto guest = find(place);
      const int64_t until = guest->until;
      blocks_.erase(guest);
      const auto host = find(home);
      host->until = std::max(host->until, until);
    }
  }

  void measure_memory() {
    outcome_.param_bytes.assign(cluster_.size(), 0);
    outcome_.peak_bytes.assign(cluster_.size(), 0);
    outcome_.memory.assign(cluster_.size(), {});
    for (uint32_t tensor = 0; tensor < graph_.num_tensors(); ++tensor) add_tensor_blocks(tensor);
    join_blocks();
    std::map<std::pair<uint32_t, uint32_t>, bool> held;
    for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
      const uint32_t device = placement_[op];
      blocks_.push_back({graph::kNone, device, outcome_.start_ps[op], outcome_.end_ps[op],
                         rounded(costs_.workspace_bytes[op], device)});
      outcome_.param_bytes[device] += rounded(costs_.resident_bytes[op], device);
      for (const uint32_t param : graph_.params[op])
        if (!std::exchange(held[{param, device}], true))
          outcome_.param_bytes[device] += rounded(graph_.param_bytes[param], device);
    }
    for (uint32_t device = 0; device < cluster_.size(); ++device) measure_device(device);
  }

  void measure_device(uint32_t device) {
    std::vector<Block> blocks;
    std::vector<int64_t> instants{0};
    for (const Block& block : blocks_) {
      if (block.device != device) continue;
      blocks.push_back(block);
      instants.push_back(block.from);
      if (block.until != kForever) instants.push_back(block.until);
    }
    std::sort(instants.begin(), instants.end());
    instants.erase(std::unique(instants.begin(), instants.end()), instants.end());
    sim::OutOfMemory excess{.device = device};
    auto& points = outcome_.memory[device];
    for (const int64_t now : instants) {
      int64_t level = outcome_.param_bytes[device], rest = level;
      for (const Block& block : blocks) {
        if (there(block, now)) level += block.bytes;
        if (block.from <= now && block.until > now) rest += block.bytes;
      }
      for (const int64_t bytes : {level, rest})
        if (points.empty() || points.back().bytes != bytes) points.push_back({now, bytes});
      outcome_.peak_bytes[device] = std::max(outcome_.peak_bytes[device], level);
      const int64_t over = level - cluster_.devices[device].usable_bytes();
      if (over > 0 && excess.over_bytes == 0)
        excess.time_ps = now, excess.op = op_at(device, now), held(blocks, excess);
      excess.over_bytes = std::max(excess.over_bytes, over);
    }
    if (points.back().time_ps < outcome_.makespan_ps) points.push_back({outcome_.makespan_ps, points.back().bytes});
    if (excess.over_bytes == 0) return;
    outcome_.out_of_memory.push_back(excess);
    outcome_.overflow_bytes += excess.over_bytes;
  }

  static bool there(const Block& block, int64_t now) {
    return block.from <= now && (block.until > now || block.from == now);
  }

  static void held(const std::vector<Block>& blocks, sim::OutOfMemory& excess) {
    for (const Block& block : blocks)
      if (block.tensor != graph::kNone && there(block, excess.time_ps))
        excess.held.push_back({block.tensor, block.bytes});
    std::sort(excess.held.begin(), excess.held.end(), [](const auto& a, const auto& b) {
      return std::pair(-a.bytes, a.tensor) < std::pair(-b.bytes, b.tensor);
    });
    if (excess.held.size() > 16) excess.held.resize(16);
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
  const cluster::Simulation& rules_;
  const std::vector<cluster::DeviceId>& placement_;
  std::vector<int64_t> priority_;  // by op
  ReferenceNetwork network_;
  std::vector<char> started_, ended_;
  std::vector<std::vector<uint32_t>> streams_;  // by device: the op that each ran last
  std::vector<uint32_t> order_;                 // ops as they started
  std::map<Place, int64_t> present_;            // since when
  std::map<Place, Place> lives_in_;             // in a block that another tensor took
  std::vector<Block> blocks_;
  sim::Outcome outcome_;
};

}  // namespace allot::test
