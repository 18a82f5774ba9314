// SPDX-License-Identifier: Apache-2.0
// The rules of sim::Sequential once more, slowly: an explicit list of nodes with what each waits for, sorted by
// recursion, then timed, then searched for the blocks that live at each position.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "sim/simulator.h"

namespace allot::test {

class SequentialReference {
 public:
  SequentialReference(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                      const std::vector<cluster::DeviceId>& placement, bool blocking_uploads)
      : graph_(graph), costs_(costs), cluster_(cluster), placement_(placement), blocking_(blocking_uploads) {}

  sim::Outcome operator()() {
    const auto devices = cluster_.size();
    for (uint32_t d = 0; d < devices; ++d)
      if (cluster_.devices[d].kind == "cpu") hosts_.push_back(d);
    for (uint32_t tensor = 0; tensor < graph_.num_tensors(); ++tensor) list_copies(tensor);
    sort_nodes();
    outcome_.busy_ps.assign(devices, 0);
    outcome_.start_ps.assign(graph_.num_ops(), -1);
    outcome_.end_ps.assign(graph_.num_ops(), -1);
    queue_.assign(devices, 0);
    for (const Node& node : order_) time(node);
    outcome_.makespan_ps = std::max(host_, *std::max_element(queue_.begin(), queue_.end()));
    measure_memory();
    std::sort(outcome_.transfers.begin(), outcome_.transfers.end(), [](const auto& a, const auto& b) {
      return std::tuple(a.start_ps, a.tensor, a.to) < std::tuple(b.start_ps, b.tensor, b.to);
    });
    return outcome_;
  }

 private:
  /// An op, or the copy of a tensor to a device (op == kNone).
  struct Node {
    uint32_t op, tensor = 0, to = 0;
    bool operator<(const Node& other) const {
      return std::tie(op, tensor, to) < std::tie(other.op, other.tensor, other.to);
    }
  };

  bool host_thread(uint32_t device) const { return cluster_.devices[device].kind == "cpu"; }
  bool is_input(uint32_t tensor) const { return graph_.producer[tensor] == graph::kNone; }
  uint32_t home(uint32_t tensor) const {
    return is_input(tensor) ? *cluster_.io_device : placement_[graph_.producer[tensor]];
  }
  bool read_at(uint32_t tensor, uint32_t device) const {
    const auto readers = graph_.consumers[tensor];
    return std::any_of(readers.begin(), readers.end(), [&](uint32_t op) { return placement_[op] == device; });
  }

  void list_copies(uint32_t tensor) {
    if (is_input(tensor) && !cluster_.io_device) return;
    for (uint32_t to = 0; to < cluster_.size(); ++to) {
      if (to == home(tensor)) continue;
      const bool returned = graph_.is_output[tensor] && cluster_.io_device == to;
      if (!read_at(tensor, to) && !returned) continue;
      const bool over_host = !host_thread(home(tensor)) && !host_thread(to) && !hosts_.empty();
      source_[{tensor, to}] = over_host ? hosts_[0] : home(tensor);
      if (over_host) source_[{tensor, hosts_[0]}] = home(tensor);
    }
  }

  void sort_nodes() {
    for (const auto& [copy, from] : source_)
      if (is_input(copy.first)) follow({graph::kNone, copy.first, copy.second});
    for (uint32_t op = graph_.num_ops(); op-- > 0;)
      if (graph_.successors[op].empty()) follow({op});
    for (uint32_t tensor = 0; tensor < graph_.num_tensors(); ++tensor)
      if (cluster_.io_device && graph_.is_output[tensor] && source_.count({tensor, *cluster_.io_device}))
        follow({graph::kNone, tensor, *cluster_.io_device});
  }

  void follow(const Node& node) {
    if (!seen_.insert(node).second) return;
    for (const Node& before : waits_for(node)) follow(before);
    order_.push_back(node);
  }

  std::vector<Node> waits_for(const Node& node) const {
    if (node.op == graph::kNone) {
      const auto found = source_.find({node.tensor, node.to});
      if (found == source_.end()) return {};  // there from the start
      return {made_by(node.tensor, found->second)};
    }
    std::vector<Node> copies, ops;
    for (const uint32_t tensor : graph_.inputs[node.op]) {
      const Node maker = made_by(tensor, placement_[node.op]);
      (maker.op == graph::kNone ? copies : ops).push_back(maker);
    }
    std::reverse(copies.begin(), copies.end());
    copies.insert(copies.end(), ops.rbegin(), ops.rend());
    return copies;
  }

  /// The node after which `tensor` is on `device`; the input itself stands for "from the start".
  Node made_by(uint32_t tensor, uint32_t device) const {
    if (source_.count({tensor, device})) return {graph::kNone, tensor, device};
    if (is_input(tensor)) return {graph::kNone, tensor, device};
    return {graph_.producer[tensor]};
  }

  void time(const Node& raw) {
    if (raw.op != graph::kNone) return time_op(raw.op);
    const auto found = source_.find({raw.tensor, raw.to});
    if (found == source_.end()) return;
    const uint32_t from = found->second;
    const int64_t lasts = cluster_.transfer_ps(from, raw.to, costs_.tensor_bytes[raw.tensor]);
    int64_t start = host_;
    if (!host_thread(from)) {
      start = std::max(host_, queue_[from]);
      host_ = queue_[from] = start + lasts;
    } else if (host_thread(raw.to) || blocking_) {
      host_ += lasts;
    } else {
      start = std::max(host_, queue_[raw.to]);
      queue_[raw.to] = start + lasts;
    }
    const bool returned = cluster_.io_device == raw.to && graph_.is_output[raw.tensor];
    bool forwarded = false;
    for (const auto& [copy, source] : source_) forwarded |= copy.first == raw.tensor && source == raw.to;
    const bool io = is_input(raw.tensor) || (returned && !read_at(raw.tensor, raw.to) && !forwarded);
    ++(io ? outcome_.io_transfers : outcome_.crossings);
    outcome_.bytes_moved += costs_.tensor_bytes[raw.tensor];
    outcome_.transfers.push_back({raw.tensor, from, raw.to, start, start + lasts, io});
    copy_start_[raw] = start;
  }

  void time_op(uint32_t op) {
    const uint32_t device = placement_[op];
    const int64_t lasts = costs_.time(op, device);
    int64_t& line = host_thread(device) ? host_ : queue_[device];
    if (!host_thread(device)) host_ += std::min(cluster_.devices[device].overhead_ps, lasts);
    outcome_.start_ps[op] = std::max(host_, line);
    line = outcome_.end_ps[op] = outcome_.start_ps[op] + lasts;
    outcome_.busy_ps[device] += lasts;
  }

  int64_t rounded(int64_t bytes, uint32_t device) const {
    const int64_t align = cluster_.devices[device].align_bytes;
    return (bytes + align - 1) / align * align;
  }

  /// Positions run from 0 (the start) over 1 + index into order_ to the end.
  struct Block {
    uint32_t device;
    size_t first, last;
    int64_t bytes;
  };

  void measure_memory() {
    std::map<Node, size_t> position;
    for (size_t i = 0; i < order_.size(); ++i) position[order_[i]] = i + 1;
    const size_t end = order_.size() + 1;
    outcome_.param_bytes.assign(cluster_.size(), 0);
    outcome_.peak_bytes.assign(cluster_.size(), 0);
    std::vector<Block> blocks;
    std::set<std::pair<uint32_t, uint32_t>> held;
    for (uint32_t op = 0; op < graph_.num_ops(); ++op) {
      const uint32_t device = placement_[op];
      blocks.push_back({device, position[{op}], position[{op}], rounded(costs_.workspace_bytes[op], device)});
      outcome_.param_bytes[device] += rounded(costs_.resident_bytes[op], device);
      for (const uint32_t param : graph_.params[op])
        if (held.insert({param, device}).second)
          outcome_.param_bytes[device] += rounded(graph_.param_bytes[param], device);
    }
    for (uint32_t tensor = 0; tensor < graph_.num_tensors(); ++tensor) {
      for (uint32_t device = 0; device < cluster_.size(); ++device) {
        const bool copied = source_.count({tensor, device}) > 0;
        const bool everywhere = is_input(tensor) && !cluster_.io_device;
        if (!copied && !(everywhere ? read_at(tensor, device) : home(tensor) == device)) continue;
        size_t first = 0;
        if (copied) first = position[{graph::kNone, tensor, device}];
        if (!copied && !is_input(tensor)) first = position[{graph_.producer[tensor]}];
        size_t last = first;
        for (const uint32_t op : graph_.consumers[tensor])
          if (placement_[op] == device) last = std::max(last, position[{op}]);
        for (const auto& [copy, from] : source_)
          if (copy.first == tensor && from == device)
            last = std::max(last, position[{graph::kNone, tensor, copy.second}]);
        if (graph_.is_output[tensor] && !everywhere && cluster_.io_device.value_or(home(tensor)) == device) last = end;
        blocks.push_back({device, first, last, rounded(costs_.tensor_bytes[tensor], device)});
      }
    }
    for (uint32_t device = 0; device < cluster_.size(); ++device) measure_device(device, blocks);
  }

  void measure_device(uint32_t device, const std::vector<Block>& blocks) {
    sim::OutOfMemory excess{.device = device};
    for (size_t now = 0; now <= order_.size(); ++now) {
      int64_t level = outcome_.param_bytes[device];
      for (const Block& block : blocks)
        if (block.device == device && block.first <= now && now <= block.last) level += block.bytes;
      outcome_.peak_bytes[device] = std::max(outcome_.peak_bytes[device], level);
      const int64_t over = level - cluster_.devices[device].usable_bytes();
      if (over <= 0) continue;
      if (excess.over_bytes == 0 && now > 0) {
        const Node& node = order_[now - 1];
        excess.op = node.op;
        excess.time_ps = node.op != graph::kNone ? outcome_.start_ps[node.op] : copy_start_[node];
      }
      excess.over_bytes = std::max(excess.over_bytes, over);
    }
    if (excess.over_bytes == 0) return;
    outcome_.out_of_memory.push_back(excess);
    outcome_.overflow_bytes += excess.over_bytes;
  }

  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const cluster::Cluster& cluster_;
  const std::vector<cluster::DeviceId>& placement_;
  const bool blocking_;
  std::vector<uint32_t> hosts_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> source_;  // copy (tensor, to) -> from
  std::set<Node> seen_;
  std::vector<Node> order_;
  std::map<Node, int64_t> copy_start_;
  int64_t host_ = 0;
  std::vector<int64_t> queue_;
  sim::Outcome outcome_;
};

}  // namespace allot::test
