// SPDX-License-Identifier: Apache-2.0
#include "emit/segments.h"

#include <algorithm>
#include <map>

namespace allot::emit {
namespace {

using cluster::DeviceId;
using ir::NodeId;
using ir::ValueId;

class Cutter {
 public:
  Cutter(const ir::Values& values, const std::vector<DeviceId>& device_of_node, Replicated replicated)
      : values_(values),
        main_(values.graphs[0]),
        device_of_node_(device_of_node),
        replicated_(std::move(replicated)),
        devices_(device_of_node.empty() ? 1 : 1 + *std::max_element(device_of_node.begin(), device_of_node.end())),
        position_(main_.order.size()),
        live_(main_.order.size()),
        level_(main_.order.size()),
        replica_level_(main_.order.size()),
        visited_by_(main_.order.size(), ir::kNone) {
    for (uint32_t i = 0; i < main_.order.size(); ++i) position_[main_.order[i]] = i;
  }

  std::vector<Segment> run() {
    find_live();
    find_levels();
    lift_segments();
    std::vector<Segment> segments = group();
    for (uint32_t s = 0; s < segments.size(); ++s) collect(segments[s], s);
    find_outputs(segments);
    return segments;
  }

 private:
  // Calls visit(value) for each main-graph value that the node reads, directly or from its bodies.
  template <typename Visit>
  void each_read(NodeId node, const Visit& visit) const {
    for (const ValueId value : values_.inputs[node])
      if (value != ir::kNone) visit(value);
    for (const ir::GraphId body : values_.bodies[node])
      for (const ValueId value : values_.graphs[body].captured) visit(value);
  }

  NodeId producer(ValueId value) const { return values_.values[value].producer; }

  void find_live() {
    for (const ValueId value : main_.outputs) {
      if (producer(value) == ir::kNone) continue;
      live_[producer(value)] = true;
      replicated_[producer(value)] = false;
    }
    for (auto node = main_.order.rbegin(); node != main_.order.rend(); ++node)
      if (live_[*node])
        each_read(*node, [&](ValueId value) {
          if (producer(value) != ir::kNone) live_[producer(value)] = true;
        });
  }

  /// The first level at which a segment of `device` can read `value`.
  uint32_t available(ValueId value, DeviceId device) const {
    const NodeId node = producer(value);
    if (node == ir::kNone) return 0;
    if (replicated_[node]) return replica_level_[node][device];
    return level_[node] + (device_of_node_[node] != device);
  }

  void find_levels() {
    for (const NodeId node : main_.order) {
      if (!live_[node]) continue;
      const auto level_on = [&](DeviceId device) {
        uint32_t level = 0;
        each_read(node, [&](ValueId value) { level = std::max(level, available(value, device)); });
        return level;
      };
      if (!replicated_[node]) {
        level_[node] = level_on(device_of_node_[node]);
        continue;
      }
      auto& levels = replica_level_[node];
      for (DeviceId device = 0; device < devices_; ++device) levels.push_back(level_on(device));
    }
  }

  /// Non-replicated nodes by (level, device), replicas not yet added.
  std::vector<Segment> group() const {
    std::map<std::pair<uint32_t, DeviceId>, Segment> segments;
    for (const NodeId node : main_.order)
      if (live_[node] && !replicated_[node]) segments[{level_[node], device_of_node_[node]}].nodes.push_back(node);
    std::vector<Segment> result;
    for (auto& [key, segment] : segments) {
      segment.device = key.second;
      result.push_back(std::move(segment));
    }
    return result;
  }

  /// Adds the replicas that segment number `s` needs and lists what comes from outside.
  void collect(Segment& segment, uint32_t s) {
    for (const NodeId node : segment.nodes) visited_by_[node] = s;
    for (size_t i = 0; i < segment.nodes.size(); ++i)  // grows meanwhile
      each_read(segment.nodes[i], [&](ValueId value) {
        const NodeId node = producer(value);
        if (node == ir::kNone) {
          const bool is_input = values_.values[value].is_input;
          (is_input ? segment.inputs : segment.constants).push_back(value);
        } else if (visited_by_[node] != s && replicated_[node]) {
          visited_by_[node] = s;
          segment.nodes.push_back(node);
        } else if (visited_by_[node] != s) {
          segment.inputs.push_back(value);
        }
      });
    std::sort(segment.nodes.begin(), segment.nodes.end(),
              [&](NodeId a, NodeId b) { return position_[a] < position_[b]; });
    for (auto* list : {&segment.inputs, &segment.constants}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
  }

  /// Moves whole segments to a later level of their device, where they join the one that is there.
  void lift_segments() {
    std::vector<Segment> segments = group();
    std::vector<uint32_t> level, latest(segments.size(), ir::kNone), segment_of(main_.order.size());
    for (uint32_t s = 0; s < segments.size(); ++s) {
      level.push_back(level_[segments[s].nodes.front()]);
      for (const NodeId node : segments[s].nodes) segment_of[node] = s;
    }
    std::vector<std::vector<uint32_t>> levels_of_device(devices_);  // descending: those seen so far
    for (auto s = static_cast<uint32_t>(segments.size()); s-- > 0;) {
      const DeviceId device = segments[s].device;
      auto& later = levels_of_device[device];
      // The last of them is the nearest.
      if (!later.empty() && later.back() <= latest[s])
        level[s] = later.back();
      else
        later.push_back(level[s]);
      for (const NodeId node : segments[s].nodes) level_[node] = level[s];
      collect(segments[s], s);
      for (const ValueId value : segments[s].inputs) {
        if (producer(value) == ir::kNone) continue;
        const uint32_t p = segment_of[producer(value)];
        latest[p] = std::min(latest[p], level[s] - (segments[p].device != device));
      }
    }
    std::fill(visited_by_.begin(), visited_by_.end(), ir::kNone);
  }

  void find_outputs(std::vector<Segment>& segments) const {
    std::vector<char> wanted(values_.values.size());
    for (const ValueId value : main_.outputs) wanted[value] = true;
    for (const Segment& segment : segments)
      for (const ValueId value : segment.inputs) wanted[value] = true;
    for (Segment& segment : segments) {
      for (const NodeId node : segment.nodes)
        for (const ValueId value : values_.outputs[node])
          if (!replicated_[node] && value != ir::kNone && wanted[value]) segment.outputs.push_back(value);
      std::sort(segment.outputs.begin(), segment.outputs.end());
    }
  }

  const ir::Values& values_;
  const ir::Values::GraphRef& main_;
  const std::vector<DeviceId>& device_of_node_;
  Replicated replicated_;
  DeviceId devices_;
  std::vector<uint32_t> position_;  // node -> place in the order
  std::vector<char> live_;
  std::vector<uint32_t> level_;                       // of nodes that are not replicated
  std::vector<std::vector<uint32_t>> replica_level_;  // of those that are, by device
  std::vector<uint32_t> visited_by_;                  // node -> the segment that was last seen to hold it
};

}  // namespace

std::vector<Segment> find_segments(const ir::Values& values, const std::vector<DeviceId>& device_of_node,
                                   Replicated replicated) {
  return Cutter(values, device_of_node, std::move(replicated)).run();
}

}  // namespace allot::emit
