// SPDX-License-Identifier: Apache-2.0
#include "place/coarsen.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

constexpr double kWorthIt = 0.95;  // a level must leave fewer vertices than so many times those before

struct Vertex {
  double work_ps = 0;
  uint64_t devices = 0;  // that may run all of it
};

struct Edge {
  uint32_t to;
  int64_t bytes;
};

/// An acyclic graph of vertices numbered in topological order.
struct Level {
  std::vector<Vertex> vertices;
  base::Csr<Edge> edges;  // vertex -> later ones, each once
};

/// Rows of edges from pairs, parallel ones joined.
base::Csr<Edge> edges_of(std::vector<std::pair<uint64_t, int64_t>>& pairs, uint32_t vertices) {
  std::sort(pairs.begin(), pairs.end());
  base::Csr<Edge> edges;
  size_t next = 0;
  for (uint32_t from = 0; from < vertices; ++from) {
    while (next < pairs.size() && pairs[next].first >> 32 == from) {
      const uint64_t pair = pairs[next].first;
      int64_t bytes = 0;
      for (; next < pairs.size() && pairs[next].first == pair; ++next) bytes += pairs[next].second;
      edges.push({static_cast<uint32_t>(pair), bytes});
    }
    edges.end_row();
  }
  return edges;
}

uint64_t pair_of(uint32_t from, uint32_t to) { return uint64_t{from} << 32 | to; }

Level finest(const Problem& problem) {
  const auto& graph = problem.graph();
  Level level;
  std::vector<std::pair<uint64_t, int64_t>> pairs;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    Vertex vertex;
    const auto choices = problem.choices(graph.unit_of[op]);
    for (const DeviceId device : choices) {
      vertex.devices |= uint64_t{1} << device;
      vertex.work_ps += static_cast<double>(problem.costs().time(op, device)) / static_cast<double>(choices.size());
    }
    level.vertices.push_back(vertex);
    for (const TensorId tensor : graph.outputs[op])
      for (const OpId reader : graph.consumers[tensor])
        pairs.emplace_back(pair_of(op, reader), problem.costs().tensor_bytes[tensor]);
  }
  level.edges = edges_of(pairs, graph.num_ops());
  return level;
}

/// Topological; after a vertex comes the one of those it released to which it gives most, else the latest released.
std::vector<uint32_t> deep_order(const Level& level) {
  const auto size = static_cast<uint32_t>(level.vertices.size());
  std::vector<uint32_t> pending(size, 0), ready, order;
  for (const Edge& edge : level.edges.items) ++pending[edge.to];
  for (uint32_t v = size; v-- > 0;)
    if (pending[v] == 0) ready.push_back(v);
  std::vector<Edge> released;
  while (!ready.empty()) {
    const uint32_t v = ready.back();
    ready.pop_back();
    order.push_back(v);
    released.clear();
    for (const Edge& edge : level.edges[v])
      if (--pending[edge.to] == 0) released.push_back(edge);
    std::stable_sort(released.begin(), released.end(), [](const Edge& a, const Edge& b) { return a.bytes < b.bytes; });
    for (const Edge& edge : released) ready.push_back(edge.to);
  }
  return order;
}

/// Vertex -> cluster: runs of the order, numbered along it.
std::vector<uint32_t> join(const Level& level, double most_work_ps) {
  std::vector<uint32_t> cluster(level.vertices.size()), reached_by(level.vertices.size(), kNone);
  uint32_t current = kNone;
  Vertex sum;
  for (const uint32_t v : deep_order(level)) {
    const Vertex& vertex = level.vertices[v];
    const bool joins = current != kNone && reached_by[v] == current && (sum.devices & vertex.devices) != 0 &&
                       sum.work_ps + vertex.work_ps <= most_work_ps;
    if (!joins) ++current, sum = {0, ~uint64_t{0}};
    cluster[v] = current;
    sum.work_ps += vertex.work_ps;
    sum.devices &= vertex.devices;
    for (const Edge& edge : level.edges[v]) reached_by[edge.to] = current;
  }
  return cluster;
}

Level contract(const Level& fine, const std::vector<uint32_t>& cluster) {
  Level level;
  level.vertices.resize(1 + *std::max_element(cluster.begin(), cluster.end()), {0, ~uint64_t{0}});
  std::vector<std::pair<uint64_t, int64_t>> pairs;
  for (uint32_t v = 0; v < cluster.size(); ++v) {
    level.vertices[cluster[v]].work_ps += fine.vertices[v].work_ps;
    level.vertices[cluster[v]].devices &= fine.vertices[v].devices;
    for (const Edge& edge : fine.edges[v])
      if (cluster[edge.to] != cluster[v]) pairs.emplace_back(pair_of(cluster[v], cluster[edge.to]), edge.bytes);
  }
  level.edges = edges_of(pairs, static_cast<uint32_t>(level.vertices.size()));
  return level;
}

/// Op -> cluster.
std::vector<uint32_t> clusters(const Problem& problem, uint32_t most) {
  Level level = finest(problem);
  std::vector<uint32_t> result(level.vertices.size());
  std::iota(result.begin(), result.end(), 0u);
  double work_ps = 0;
  for (const Vertex& vertex : level.vertices) work_ps += vertex.work_ps;
  const double largest_ps = 2 * work_ps / most;
  double limit_ps = 2 * work_ps / static_cast<double>(std::max<size_t>(1, level.vertices.size()));
  while (level.vertices.size() > most) {
    const std::vector<uint32_t> cluster = join(level, std::min(limit_ps, largest_ps));
    const size_t before = level.vertices.size();
    level = contract(level, cluster);
    for (uint32_t& each : result) each = cluster[each];
    if (limit_ps >= largest_ps && static_cast<double>(level.vertices.size()) > kWorthIt * static_cast<double>(before))
      break;
    limit_ps *= 2;
  }
  return result;
}

class Contraction {
 public:
  Contraction(const Problem& problem, const std::vector<uint32_t>& cluster)
      : problem_(problem), graph_(problem.graph()), cluster_(cluster), tensor_(graph_.num_tensors(), kNone) {
    base::Csr<uint32_t> by_op;
    for (const uint32_t each : cluster) by_op.push(each), by_op.end_row();
    members_ = base::transpose(by_op, cluster.empty() ? 0 : 1 + *std::max_element(cluster.begin(), cluster.end()));
    table_.devices = problem.devices();
    coarse_.type_names = {"cluster"};
    coarse_.param_bytes = graph_.param_bytes;
    coarse_.param_names = base::Names(graph_.num_params());
  }

  std::optional<Problem> build() {
    for (TensorId tensor = 0; tensor < graph_.num_tensors(); ++tensor)
      if (graph_.producer[tensor] == kNone) tensor_[tensor] = add_tensor(kNone, problem_.costs().tensor_bytes[tensor]);
    for (uint32_t cluster = 0; cluster < members_.rows(); ++cluster) add_outputs(cluster);
    for (uint32_t cluster = 0; cluster < members_.rows(); ++cluster) add_cluster(cluster);
    graph::derive_neighbours(coarse_);
    graph::set_units(coarse_, shared_units());
    table_.measured.assign(coarse_.num_ops(), 0);
    if (!every_unit_has_a_device()) return std::nullopt;
    return Problem(std::move(coarse_), problem_.cluster(), std::move(table_), {}, Objective::latency, false);
  }

 private:
  TensorId add_tensor(uint32_t producer, int64_t bytes) {
    coarse_.producer.push_back(producer);
    coarse_.is_output.push_back(0);
    coarse_.tensor_bytes.push_back(bytes);
    coarse_.tensor_names.push_back({});
    table_.tensor_bytes.push_back(bytes);
    return coarse_.num_tensors() - 1;
  }

  /// What goes to the same clusters is one tensor.
  void add_outputs(uint32_t cluster) {
    std::map<std::pair<std::vector<uint32_t>, bool>, TensorId> by_readers;
    std::vector<uint32_t> readers;
    for (const OpId op : members_[cluster]) {
      for (const TensorId tensor : graph_.outputs[op]) {
        readers.clear();
        for (const OpId reader : graph_.consumers[tensor])
          if (cluster_[reader] != cluster) readers.push_back(cluster_[reader]);
        std::sort(readers.begin(), readers.end());
        readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
        const bool output = graph_.is_output[tensor] != 0;
        if (readers.empty() && !output) continue;
        const auto [entry, is_new] = by_readers.try_emplace({readers, output}, kNone);
        if (is_new) entry->second = add_tensor(cluster, 0), outputs_.push(entry->second);
        tensor_[tensor] = entry->second;
        coarse_.is_output[entry->second] = output;
        coarse_.tensor_bytes[entry->second] += problem_.costs().tensor_bytes[tensor];
        table_.tensor_bytes[entry->second] += problem_.costs().tensor_bytes[tensor];
      }
    }
    outputs_.end_row();
  }

  void add_cluster(uint32_t cluster) {
    std::vector<TensorId> reads;
    std::vector<graph::ParamId> params;
    std::vector<int64_t> time_ps(table_.devices, 0);
    int64_t workspace = 0, resident = 0;
    for (const OpId op : members_[cluster]) {
      for (const TensorId tensor : graph_.inputs[op])
        if (graph_.producer[tensor] == kNone || cluster_[graph_.producer[tensor]] != cluster)
          reads.push_back(tensor_[tensor]);
      params.insert(params.end(), graph_.params[op].begin(), graph_.params[op].end());
      for (DeviceId device = 0; device < table_.devices; ++device) {
        const bool barred = time_ps[device] == cost::kCannotRun || !problem_.allowed(graph_.unit_of[op], device);
        time_ps[device] = barred ? cost::kCannotRun : time_ps[device] + problem_.costs().time(op, device);
      }
      workspace = std::max(workspace, problem_.costs().workspace_bytes[op]);
      resident += problem_.costs().resident_bytes[op];
    }
    for (auto* list : {&reads, &params}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    coarse_.inputs.add_row(reads);
    coarse_.params.add_row(params);
    coarse_.outputs.add_row(outputs_[cluster]);
    coarse_.type.push_back(0);
    coarse_.node.push_back(cluster);
    coarse_.op_names.push_back({});
    table_.time_ps.insert(table_.time_ps.end(), time_ps.begin(), time_ps.end());
    table_.workspace_bytes.push_back(workspace);
    table_.resident_bytes.push_back(resident);
  }

  /// Cluster -> a label; clusters that hold ops of one unit have the same.
  std::vector<uint32_t> shared_units() const {
    std::vector<uint32_t> leader(members_.rows());
    std::iota(leader.begin(), leader.end(), 0u);
    const auto find = [&](uint32_t cluster) {
      while (leader[cluster] != cluster) cluster = leader[cluster] = leader[leader[cluster]];
      return cluster;
    };
    for (UnitId unit = 0; unit < graph_.num_units(); ++unit)
      for (const OpId op : graph_.members[unit])
        leader[find(cluster_[op])] = find(cluster_[graph_.members[unit].front()]);
    std::vector<uint32_t> label;
    for (uint32_t cluster = 0; cluster < leader.size(); ++cluster) label.push_back(find(cluster));
    return label;
  }

  bool every_unit_has_a_device() const {
    for (UnitId unit = 0; unit < coarse_.num_units(); ++unit) {
      uint64_t devices = 0;
      for (DeviceId device = 0; device < table_.devices; ++device) {
        const auto members = coarse_.members[unit];
        const auto runs = [&](OpId op) { return table_.time(op, device) != cost::kCannotRun; };
        devices |= uint64_t{std::all_of(members.begin(), members.end(), runs)} << device;
      }
      if (devices == 0) return false;
    }
    return true;
  }

  const Problem& problem_;
  const graph::OpGraph& graph_;
  const std::vector<uint32_t>& cluster_;
  base::Csr<OpId> members_;       // cluster -> ops
  base::Csr<TensorId> outputs_;   // cluster -> tensors of the coarse graph
  std::vector<TensorId> tensor_;  // of the fine graph -> of the coarse one
  graph::OpGraph coarse_;
  cost::CostTable table_;
};

}  // namespace

UnitPlacement Coarse::project(const UnitPlacement& coarse) const {
  UnitPlacement placement;
  for (const UnitId unit : unit_of) placement.push_back(coarse[unit]);
  return placement;
}

std::optional<Coarse> coarsen(const Problem& problem, uint32_t most_ops) {
  const std::vector<uint32_t> cluster = clusters(problem, most_ops);
  auto contracted = Contraction(problem, cluster).build();
  if (!contracted) return std::nullopt;
  Coarse coarse{std::move(*contracted), {}};
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    coarse.unit_of.push_back(coarse.problem.graph().unit_of[cluster[problem.graph().members[unit].front()]]);
  return coarse;
}

}  // namespace allot::place
