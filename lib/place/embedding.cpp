// SPDX-License-Identifier: Apache-2.0
#include "place/embedding.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/hash.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/safetensors.h"

namespace allot::place {
namespace {

constexpr uint32_t kTypeStream = 0x7479;  // keeps type vectors apart from other users of the seed

float signed_log2(int64_t x) {
  const double magnitude = std::log2(1.0 + std::abs(static_cast<double>(x)));
  return static_cast<float>(x < 0 ? -magnitude : magnitude);
}

float log1p_of(double x) { return static_cast<float>(std::log1p(x)); }

// A type's vector depends on its name and the seed alone, so it is the same in every graph.
std::vector<float> type_vector(const std::string& type, uint64_t seed) {
  const uint64_t id = std::stoull(base::sha256(type).substr(0, 16), nullptr, 16);
  base::Rng rng(seed ^ id, kTypeStream);
  std::vector<float> vector(kTypeWidth);
  for (float& x : vector) x = static_cast<float>(rng.normal() / std::sqrt(double{kTypeWidth}));
  return vector;
}

// The unit graph: neighbours of each unit, ascending, itself left out.
base::Csr<UnitId> unit_neighbours(const graph::OpGraph& graph, const base::Csr<OpId>& of_op) {
  base::Csr<UnitId> result;
  std::vector<UnitId> row;
  for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
    row.clear();
    for (const OpId op : graph.members[unit])
      for (const OpId other : of_op[op])
        if (graph.unit_of[other] != unit) row.push_back(graph.unit_of[other]);
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    result.add_row(row);
  }
  return result;
}

// Longest paths through ops with mean durations: from a source up to each op, and from each op down to a sink.
struct Levels {
  std::vector<double> top_us, bottom_us;
};
Levels levels(const Problem& problem) {
  const auto& graph = problem.graph();
  std::vector<double> mean(graph.num_ops());
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    int runs_on = 0;
    for (DeviceId device = 0; device < problem.devices(); ++device)
      if (const int64_t time = problem.costs().time(op, device); time != cost::kCannotRun)
        mean[op] += static_cast<double>(time) * 1e-6, ++runs_on;
    mean[op] /= std::max(1, runs_on);
  }
  Levels result{std::vector<double>(mean.size()), mean};
  for (OpId op = 0; op < graph.num_ops(); ++op)
    for (const OpId before : graph.predecessors[op])
      result.top_us[op] = std::max(result.top_us[op], result.top_us[before] + mean[before]);
  for (OpId op = graph.num_ops(); op-- > 0;)
    for (const OpId after : graph.successors[op])
      result.bottom_us[op] = std::max(result.bottom_us[op], mean[op] + result.bottom_us[after]);
  return result;
}

// Writes one row, column by column.
class Row {
 public:
  explicit Row(float* at) : at_(at) {}
  void add(float x) { *at_++ = x; }
  void add(const std::vector<float>& xs) { at_ = std::copy(xs.begin(), xs.end(), at_); }

 private:
  float* at_;
};

void add_shapes(Row& row, const graph::OpGraph& graph, UnitId unit,
                const std::vector<std::vector<int64_t>>& tensor_dims) {
  std::vector<float> shapes(kMaxOutputs * kMaxDims, -1.0f);
  int output = 0;
  for (const OpId op : graph.members[unit])
    for (const graph::TensorId tensor : graph.outputs[op]) {
      const auto consumers = graph.consumers[tensor];
      const bool leaves =
          graph.is_output[tensor] || std::any_of(consumers.begin(), consumers.end(),
                                                 [&](OpId consumer) { return graph.unit_of[consumer] != unit; });
      if (!leaves || output == kMaxOutputs) continue;
      const auto& dims = tensor_dims[tensor];
      for (size_t i = 0; i < dims.size() && i < kMaxDims; ++i)
        shapes[static_cast<size_t>(output) * kMaxDims + i] = signed_log2(dims[i]);
      ++output;
    }
  row.add(shapes);
}

void add_neighbours(Row& row, std::span<const UnitId> units) {
  for (size_t i = 0; i < kMaxOutputs; ++i) row.add(i < units.size() ? static_cast<float>(units[i]) : -1.0f);
}

void add_costs(Row& row, const Problem& problem, UnitId unit, const Levels& level, size_t fan_in, size_t fan_out) {
  const auto& graph = problem.graph();
  const auto& costs = problem.costs();
  double flop = 0, output = 0, parameters = 0, workspace = 0, top = 0, bottom = 0;
  for (const OpId op : graph.members[unit]) {
    if (!costs.ops.empty()) flop += costs.ops[op].mac_flops;
    for (const graph::TensorId tensor : graph.outputs[op]) output += static_cast<double>(costs.tensor_bytes[tensor]);
    for (const graph::ParamId param : graph.params[op]) parameters += static_cast<double>(graph.param_bytes[param]);
    workspace = std::max(workspace, static_cast<double>(costs.workspace_bytes[op]));
    top = std::max(top, level.top_us[op]);
    bottom = std::max(bottom, level.bottom_us[op]);
  }
  for (DeviceId device = 0; device < problem.devices(); ++device) {
    const int64_t time = problem.unit_time_ps(unit, device);
    row.add(time == cost::kCannotRun ? -1.0f : log1p_of(static_cast<double>(time) * 1e-6));
  }
  for (const double x : {flop * 1e-9, output, parameters, workspace, bottom, top, static_cast<double>(fan_in),
                         static_cast<double>(fan_out), static_cast<double>(graph.members[unit].size())})
    row.add(log1p_of(x));
}

std::vector<std::string> cost_columns(const Problem& problem) {
  std::vector<std::string> names;
  for (const auto& device : problem.cluster().devices) names.push_back("time_us." + device.name);
  for (const char* name : {"mac_gflop", "output_bytes", "parameter_bytes", "workspace_bytes", "bottom_level_us",
                           "top_level_us", "fan_in", "fan_out", "members"})
    names.emplace_back(name);
  return names;
}

}  // namespace

Embeddings without_columns(const Problem& problem) {
  const auto& graph = problem.graph();
  Embeddings result;
  result.rows = graph.num_units();
  result.vocabulary = graph.type_names;
  result.type_of_op.assign(graph.type.begin(), graph.type.end());
  result.unit_of_op.assign(graph.unit_of.begin(), graph.unit_of.end());
  const auto after = unit_neighbours(graph, graph.successors);
  for (UnitId unit = 0; unit < result.rows; ++unit)
    for (const UnitId next : after[unit])
      result.edges.insert(result.edges.end(), {static_cast<int32_t>(unit), static_cast<int32_t>(next)});
  return result;
}

Embeddings embed(const Problem& problem, const std::vector<std::vector<int64_t>>& tensor_dims, uint64_t seed) {
  const auto& graph = problem.graph();
  Embeddings result = without_columns(problem);
  result.cost_columns = cost_columns(problem);
  result.columns = {{"type", kTypeWidth},
                    {"shape", kMaxOutputs * kMaxDims},
                    {"neighbours", 2 * kMaxOutputs},
                    {"cost", static_cast<uint32_t>(result.cost_columns.size())}};
  for (const auto& [name, width] : result.columns) result.width += width;
  result.values.resize(size_t{result.rows} * result.width);

  std::vector<std::vector<float>> vectors;
  for (const auto& type : graph.type_names) vectors.push_back(type_vector(type, seed));
  const auto before = unit_neighbours(graph, graph.predecessors), after = unit_neighbours(graph, graph.successors);
  const Levels level = levels(problem);
  for (UnitId unit = 0; unit < result.rows; ++unit) {
    Row row(result.values.data() + size_t{unit} * result.width);
    std::vector<float> type(kTypeWidth, 0.0f);
    for (const OpId op : graph.members[unit])
      for (int i = 0; i < kTypeWidth; ++i) type[i] += vectors[graph.type[op]][i];
    row.add(type);
    add_shapes(row, graph, unit, tensor_dims);
    add_neighbours(row, before[unit]);
    add_neighbours(row, after[unit]);
    add_costs(row, problem, unit, level, before[unit].size(), after[unit].size());
  }
  return result;
}

void write_embeddings(const Embeddings& embeddings, const std::string& graph_hash, uint64_t seed,
                      const std::string& path, base::Replace replace) {
  const auto tensor = [](std::string name, std::string dtype, std::vector<int64_t> shape, const auto& values) {
    return base::SafeTensor{std::move(name), std::move(dtype), std::move(shape), std::as_bytes(std::span(values))};
  };
  base::JsonWriter columns(0);
  columns.begin_object();
  for (const auto& [name, width] : embeddings.columns) columns.field(name, width);
  columns.field("cost_columns", embeddings.cost_columns).end_object();
  base::JsonWriter vocabulary(0);
  vocabulary.value(embeddings.vocabulary);
  const auto line = [](base::JsonWriter& json) {
    std::string text = json.str();
    text.pop_back();
    return text;
  };
  std::map<std::string, std::string> metadata = {{"schema", "allot.embeddings/1"},
                                                 {"columns", line(columns)},
                                                 {"vocabulary", line(vocabulary)},
                                                 {"graph_hash", graph_hash},
                                                 {"seed", std::to_string(seed)}};
  const auto ops = static_cast<int64_t>(embeddings.type_of_op.size());
  const auto edges = static_cast<int64_t>(embeddings.edges.size() / 2);
  std::vector<base::SafeTensor> tensors = {
      tensor("embeddings", "F32", {embeddings.rows, embeddings.width}, embeddings.values),
      tensor("type_of_op", "I32", {ops}, embeddings.type_of_op),
      tensor("unit_of_op", "I32", {ops}, embeddings.unit_of_op), tensor("edges", "I32", {edges, 2}, embeddings.edges)};
  if (!embeddings.policy_hash.empty()) {
    metadata["policy_sha256"] = embeddings.policy_hash;
    tensors.push_back(tensor("points", "F32", {embeddings.rows, 2}, embeddings.points));
    tensors.push_back(tensor("device", "I32", {embeddings.rows}, embeddings.device_of_unit));
    if (!embeddings.group_of_unit.empty())
      tensors.push_back(tensor("group", "I32", {embeddings.rows}, embeddings.group_of_unit));
  }
  base::write_safetensors(path, tensors, metadata, replace);
}

}  // namespace allot::place
