// SPDX-License-Identifier: Apache-2.0
#include "enas/costs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"
#include "cost/op_cost.h"
#include "enas/derive.h"
#include "graph/build.h"
#include "ir/payload.h"

namespace allot::enas {
namespace {

constexpr const char* kSchema = "allot.latencies/1";

/// Bytes of the values that are alive together at most, when nodes run in order and a value dies with its last use.
double peak_memory(const graph::PlanningModel& planning) {
  const ir::Values& values = planning.values;
  const auto& order = values.graphs[0].order;
  std::vector<size_t> last(values.values.size(), 0);
  for (size_t i = 0; i < order.size(); ++i)
    for (const ir::ValueId value : values.inputs[order[i]])
      if (value != ir::kNone) last[value] = i;
  for (const ir::ValueId value : values.graphs[0].outputs) last[value] = order.size();
  const auto bytes = [&](ir::ValueId value) {
    return planning.constant(value) ? 0.0 : static_cast<double>(planning.shapes.types[value].bytes());
  };
  double alive = 0, peak = 0;
  for (const ir::ValueId value : values.graphs[0].inputs) alive += bytes(value);
  for (size_t i = 0; i < order.size(); ++i) {
    for (const ir::ValueId value : values.outputs[order[i]])
      if (value != ir::kNone) alive += bytes(value);
    peak = std::max(peak, alive);
    std::vector<ir::ValueId> dying(values.inputs[order[i]].begin(), values.inputs[order[i]].end());
    dying.insert(dying.end(), values.outputs[order[i]].begin(), values.outputs[order[i]].end());
    std::sort(dying.begin(), dying.end());
    dying.erase(std::unique(dying.begin(), dying.end()), dying.end());
    for (const ir::ValueId value : dying)
      if (value != ir::kNone && last[value] <= i && values.values[value].graph == 0) alive -= bytes(value);
  }
  return peak;
}

std::string type_text(const shape::ValueType& type) {
  return fmt::format("{}[{}]", ir::name(type.elem), fmt::join(type.dims, ","));
}

std::string attribute_text(const ir::Attribute& attribute) {
  std::string text = fmt::format("{}=", attribute.name);
  if (attribute.kind == ir::Attribute::Kind::int_) text += std::to_string(attribute.i);
  if (attribute.kind == ir::Attribute::Kind::float_) text += fmt::format("{}", attribute.f);
  if (attribute.kind == ir::Attribute::Kind::string) text += attribute.s;
  if (attribute.kind == ir::Attribute::Kind::ints) text += fmt::format("{}", fmt::join(attribute.ints, ","));
  return text;
}

std::vector<TimedNode> timed_nodes_of(const graph::PlanningModel& planning) {
  std::vector<TimedNode> nodes;
  for (const ir::NodeId id : planning.values.graphs[0].order) {
    const ir::Node& node = *planning.values.nodes[id].node;
    if (planning.constant_node(id)) continue;
    std::string key = graph::operator_type(node);
    std::vector<std::string> attributes;
    for (const ir::Attribute& attribute : node.attributes) attributes.push_back(attribute_text(attribute));
    std::sort(attributes.begin(), attributes.end());
    for (const std::string& attribute : attributes) key += fmt::format(" {}", attribute);
    for (const ir::ValueId value : planning.values.inputs[id])
      key += fmt::format(" {}", value == ir::kNone ? "-" : type_text(planning.shapes.types[value]));
    nodes.push_back({std::move(key), std::string(node.name), id});
  }
  return nodes;
}

double latency_of(const graph::PlanningModel& planning, const LatencyTable& table) {
  double sum = 0;
  for (const TimedNode& node : timed_nodes_of(planning)) sum += table.time(node.key, node.name);
  return sum;
}

}  // namespace

double LatencyTable::time(const std::string& key, const std::string& node) const {
  if (const auto found = times_.find(key); found != times_.end()) return found->second;
  const std::string type = key.substr(0, key.find(' '));
  double sum = 0;
  int64_t count = 0;
  for (auto at = times_.lower_bound(type); at != times_.end() && at->first.starts_with(type); ++at)
    if (at->first.substr(0, at->first.find(' ')) == type) sum += at->second, ++count;
  if (count > 0) return sum / static_cast<double>(count);
  throw base::Error(base::ErrorKind::malformed, fmt::format("node '{}'", base::printable(node)),
                    "is of an operator that the latency table does not have",
                    "profile this supergraph: enas-search profile");
}

std::string LatencyTable::to_text() const {
  base::JsonWriter json;
  json.begin_object().field("schema", kSchema).key("microseconds").begin_object();
  for (const auto& [key, time] : times_) json.field(key, time);
  return json.end_object().end_object().str();
}

LatencyTable LatencyTable::read(const std::string& path) {
  const base::JsonSource source{path, base::read_text(path), "write it with enas-search profile"};
  const auto document = base::parse_json(source.text, path);
  const base::JsonObject top(source, document, "", {"schema", "microseconds"});
  if (top.text("schema") != kSchema)
    top.fail("schema", fmt::format("is not '{}'", kSchema), "write it with enas-search profile");
  LatencyTable table;
  table.times_ = top.numbers("microseconds");
  return table;
}

std::vector<TimedNode> timed_nodes(const ir::Model& model) { return timed_nodes_of(graph::prepare(model, {})); }

Costs costs_of(const Supergraph& supergraph, const Child& child, const LatencyTable* latencies) {
  const ir::Model model = derive(supergraph, child);
  const graph::PlanningModel planning = graph::prepare(model, {});
  Costs costs{{"macs", 0}, {"params", 0}, {"peak-memory", peak_memory(planning)}};
  for (const ir::NodeId id : planning.values.graphs[0].order)
    costs["macs"] += cost::op_cost(planning, id).mac_flops / 2;
  for (const ir::Tensor& tensor : model.graph.initializers)
    if (tensor.dtype == ir::DataType::float32 || tensor.dtype == ir::DataType::float64 ||
        tensor.dtype == ir::DataType::float16)
      costs["params"] += static_cast<double>(ir::element_count(tensor.dims).value_or(0));
  if (latencies) costs["latency"] = latency_of(planning, *latencies);
  return costs;
}

void RewardOptions::bind(config::Binder& binder) {
  binder.choice("cost", cost, "that rewards count beside quality",
                {"none", "macs", "params", "peak-memory", "latency"});
  binder.number("target", target, "of this cost: MACs, numbers, bytes or microseconds", 0, 1e18);
  binder.choice("combine", combine, "how quality Q and cost x with target T become a reward",
                {"mnas-soft", "mnas-hard", "abs", "hinge", "filter"});
  binder.number("weight", weight, "of the cost: exponent of mnas-soft, factor of abs and hinge", 0, 1e6);
}

double reward_of(double quality, double cost, const RewardOptions& options) {
  if (options.cost == "none") return quality;
  const double ratio = cost / options.target;
  if (options.combine == "mnas-soft") return quality * std::pow(ratio, -options.weight);
  if (options.combine == "mnas-hard") return quality * std::min(1.0, 1 / ratio);
  if (options.combine == "abs") return quality - options.weight * std::abs(ratio - 1);
  if (options.combine == "hinge") return quality - options.weight * std::max(0.0, ratio - 1);
  return ratio > 1 ? 0 : quality;
}

std::vector<size_t> pareto_set(const std::vector<double>& quality, const std::vector<double>& cost) {
  std::vector<size_t> order(quality.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return cost[a] != cost[b] ? cost[a] < cost[b] : quality[a] != quality[b] ? quality[a] > quality[b] : a < b;
  });
  std::vector<size_t> set;
  double best = -std::numeric_limits<double>::infinity();
  for (const size_t i : order)
    if (quality[i] > best) best = quality[i], set.push_back(i);
  return set;
}

}  // namespace allot::enas
