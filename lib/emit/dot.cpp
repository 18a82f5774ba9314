// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "config/units.h"
#include "emit/trace.h"
#include "report/palette.h"

namespace allot::emit {
namespace {

using cluster::DeviceId;

constexpr uint32_t kMaxNodes = 2000;

/// A node of the drawing: one op, or a group of ops of one device and neighbouring levels.
struct Node {
  DeviceId device;
  std::string label;  // lines separated by \n, not yet quoted
};

struct Drawing {
  std::vector<Node> nodes;
  std::map<std::pair<uint32_t, uint32_t>, int64_t> edges;  // bytes
};

/// A double-quoted string: backslashes would start an escape sequence of the label.
std::string quote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// Bytes that each op reads from each other one, at node level: edges inside a node are dropped.
void add_edges(Drawing& drawing, const place::Problem& problem, const std::vector<uint32_t>& node_of_op) {
  const graph::OpGraph& graph = problem.graph();
  for (uint32_t op = 0; op < graph.num_ops(); ++op)
    for (const uint32_t tensor : graph.inputs[op]) {
      const uint32_t producer = graph.producer[tensor];
      if (producer == graph::kNone || node_of_op[producer] == node_of_op[op]) continue;
      drawing.edges[{node_of_op[producer], node_of_op[op]}] += problem.costs().tensor_bytes[tensor];
    }
}

Drawing draw_ops(const place::Problem& problem, const std::vector<DeviceId>& placement) {
  const graph::OpGraph& graph = problem.graph();
  Drawing drawing;
  std::vector<uint32_t> node_of_op;
  for (uint32_t op = 0; op < graph.num_ops(); ++op) {
    node_of_op.push_back(op);
    drawing.nodes.push_back({placement[op], fmt::format("{}\n{}", base::printable(graph.op_names[op], 60),
                                                        base::printable(graph.type_names[graph.type[op]], 60))});
  }
  add_edges(drawing, problem, node_of_op);
  return drawing;
}

/// Length of the longest path to each op, in ops.
std::vector<uint32_t> levels(const graph::OpGraph& graph) {
  std::vector<uint32_t> level(graph.num_ops(), 0);
  for (uint32_t op = 0; op < graph.num_ops(); ++op)
    for (const uint32_t before : graph.predecessors[op]) level[op] = std::max(level[op], level[before] + 1);
  return level;
}

struct Group {
  uint32_t node = 0, ops = 0;
  int64_t time_ps = 0;
};

/// Neighbouring levels are joined as far as needed to stay below the largest number of nodes.
Drawing draw_groups(const place::Problem& problem, const std::vector<DeviceId>& placement) {
  const std::vector<uint32_t> level = levels(problem.graph());
  const uint32_t depth = *std::max_element(level.begin(), level.end()) + 1;
  const uint32_t bands = std::min(depth, std::max(kMaxNodes / problem.devices(), 1u));
  std::map<std::pair<uint32_t, DeviceId>, Group> groups;  // by band, device
  const auto key = [&](uint32_t op) {
    return std::pair(static_cast<uint32_t>(uint64_t{level[op]} * bands / depth), placement[op]);
  };
  for (uint32_t op = 0; op < level.size(); ++op) {
    Group& group = groups[key(op)];
    ++group.ops;
    group.time_ps += problem.costs().time(op, placement[op]);
  }
  Drawing drawing;
  for (auto& [band_device, group] : groups) {
    group.node = static_cast<uint32_t>(drawing.nodes.size());
    const auto first = (uint64_t{band_device.first} * depth + bands - 1) / bands;
    const auto last = ((uint64_t{band_device.first} + 1) * depth + bands - 1) / bands - 1;
    drawing.nodes.push_back(
        {band_device.second,
         fmt::format("{}\n{} ops, {}",
                     first == last ? fmt::format("level {}", first) : fmt::format("levels {}-{}", first, last),
                     group.ops, config::human_time(static_cast<double>(group.time_ps) * 1e-12))});
  }
  std::vector<uint32_t> node_of_op;
  for (uint32_t op = 0; op < level.size(); ++op) node_of_op.push_back(groups[key(op)].node);
  add_edges(drawing, problem, node_of_op);
  return drawing;
}

/// Ground and border of a device: its colour on the page, and where that repeats another border.
std::string device_style(DeviceId device) {
  constexpr std::array<std::pair<const char*, int>, report::kPatterns> kBorders = {
      {{"", 2}, {",dashed", 2}, {",dotted", 2}, {"", 6}}};
  const auto& [style, width] = kBorders[device / report::kColours % report::kPatterns];
  return fmt::format(
      "    style=\"rounded,filled{0}\";\n    color=\"{1}\";\n    fillcolor=\"{1}20\";\n    penwidth={2};\n", style,
      report::colour(device), width);
}

double pen_width(int64_t bytes) {
  return std::clamp(1 + std::log2(std::max<double>(static_cast<double>(bytes), 1) / 1024) / 4, 1.0, 6.0);
}

// newrank: levels are ranked over all devices at once; the older way fails where devices send both ways.
std::string write(const Drawing& drawing, const cluster::Cluster& cluster) {
  std::string text =
      "// generated by allot\ndigraph placement {\n"
      "  graph [rankdir=TB, fontname=\"sans-serif\", newrank=true];\n"
      "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"sans-serif\", fontsize=10];\n"
      "  edge [color=\"#667080\", fontname=\"sans-serif\", fontsize=9];\n";
  std::vector<std::vector<uint32_t>> members(cluster.size());
  for (uint32_t node = 0; node < drawing.nodes.size(); ++node) members[drawing.nodes[node].device].push_back(node);
  for (DeviceId device = 0; device < cluster.size(); ++device) {
    if (members[device].empty()) continue;
    text += fmt::format("  subgraph cluster_{} {{\n    label={};\n{}", device,
                        quote(base::printable(cluster.devices[device].name, 60)), device_style(device));
    for (const uint32_t node : members[device])
      text += fmt::format("    n{} [label={}];\n", node, quote(drawing.nodes[node].label));
    text += "  }\n";
  }
  for (const auto& [ends, bytes] : drawing.edges) {
    const auto [from, to] = ends;
    const bool cut = drawing.nodes[from].device != drawing.nodes[to].device;
    text += fmt::format("  n{} -> n{} [penwidth={:.2f}", from, to, pen_width(bytes));
    if (cut) text += fmt::format(", color=red, label={}", quote(config::human_bytes(static_cast<double>(bytes))));
    text += "];\n";
  }
  return text + "}\n";
}

}  // namespace

std::string dot(const place::Problem& problem, const std::vector<DeviceId>& placement) {
  const bool small = problem.graph().num_ops() <= kMaxNodes;
  return write(small ? draw_ops(problem, placement) : draw_groups(problem, placement), problem.cluster());
}

}  // namespace allot::emit
