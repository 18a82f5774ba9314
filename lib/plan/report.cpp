// SPDX-License-Identifier: Apache-2.0
// The machine-readable forms: what the tools print with --json and --report.
#include <algorithm>

#include <fmt/core.h>

#include "base/json.h"
#include "graph/statistics.h"
#include "plan/text.h"

namespace allot::plan {
namespace {

double us(int64_t ps) { return static_cast<double>(ps) * 1e-6; }

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

struct OpRow {
  std::string_view name, type;
  uint32_t unit;
  double mac_flops, vector_ops;
  int64_t bytes_read, bytes_written, output_bytes, param_bytes, workspace_bytes;
};

OpRow op_row(const Input& input, graph::OpId op) {
  const auto& graph = input.graph();
  const auto& costs = input.problem->costs();
  OpRow row{graph.op_names[op],
            graph.type_names[graph.type[op]],
            graph.unit_of[op],
            costs.ops[op].mac_flops,
            costs.ops[op].vector_ops,
            costs.ops[op].bytes_read,
            costs.ops[op].bytes_written,
            0,
            0,
            costs.workspace_bytes[op]};
  for (const auto tensor : graph.outputs[op]) row.output_bytes += costs.tensor_bytes[tensor];
  for (const auto param : graph.params[op]) row.param_bytes += graph.param_bytes[param];
  return row;
}

}  // namespace

std::string methods_json(const Input& input, const Placed& placed) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.apply/1").field("model", input.path);
  json.field("method", placed.sidecar.method).key("metrics");
  place::write_metrics(json, placed.sidecar.metrics);
  json.key("methods").begin_array();
  for (const auto& method : placed.comparison.methods) {
    json.begin_object(true).field("method", method.method).field("makespan_us", us(method.score.makespan_ps));
    json.field("objective_value", method.score.value);
    json.field("fits", method.score.overflow_bytes == 0).field("crossings", method.outcome.crossings);
    json.field("bytes_moved", method.outcome.bytes_moved).field("evaluations", method.evaluations);
    json.field("peak_bytes", method.outcome.peak_bytes).end_object();
  }
  json.end_array().field("objective", place::name(input.problem->objective()));
  json.field("objective_value", placed.comparison.methods[placed.comparison.best].score.value);
  json.field("lower_bound_us", us(input.problem->bounds().best()));
  json.field("optimal", placed.comparison.ending == place::Ending::optimal);
  if (placed.ort_makespan_ps) json.field("ort_makespan_us", us(*placed.ort_makespan_ps));
  json.key("robustness");
  if (placed.robustness) {
    json.begin_object(true).field("runner_up", placed.robustness->runner_up);
    json.field("draws", placed.robustness->draws).field("better", placed.robustness->better).end_object();
  } else {
    json.null();
  }
  return json.field("notes", input.notes).end_object().str();
}

std::string report_json(const Input& input) {
  const auto& problem = *input.problem;
  const auto statistics = graph::statistics(input.graph());
  const auto& bounds = problem.bounds();
  double mac_flops = 0;
  for (const auto& cost : problem.costs().ops) mac_flops += cost.mac_flops;
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.report/1").field("model", input.path);
  json.field("graph_hash", input.graph_hash).field("ops", statistics.ops).field("units", statistics.units);
  json.field("constant_nodes", input.built.folded.size()).field("dead_nodes", input.built.dead.size());
  json.field("edges", statistics.edges).field("depth", statistics.depth).field("max_width", statistics.max_width);
  json.field("macs", mac_flops / 2).field("param_bytes", statistics.param_bytes);
  json.field("activation_bytes", statistics.activation_bytes);
  json.field("critical_path_us", us(bounds.critical_path_ps)).field("parallelism", bounds.parallelism);
  json.key("dims").begin_object(true);
  for (const auto& [symbol, value] : input.dims) json.field(symbol, value);
  json.end_object().field("notes", input.notes);
  std::vector<std::string> devices;
  for (const auto& device : problem.cluster().devices) devices.push_back(device.name);
  json.field("devices", devices).key("op_rows").begin_array();
  for (graph::OpId op = 0; op < input.graph().num_ops(); ++op) {
    const OpRow row = op_row(input, op);
    json.begin_object(true).field("name", row.name).field("type", row.type).field("unit", row.unit);
    json.field("mac_flops", row.mac_flops).field("vector_ops", row.vector_ops).field("bytes_read", row.bytes_read);
    json.field("bytes_written", row.bytes_written).field("output_bytes", row.output_bytes);
    json.field("param_bytes", row.param_bytes).field("workspace_bytes", row.workspace_bytes);
    json.key("time_us").begin_array(true);
    for (cluster::DeviceId device = 0; device < problem.devices(); ++device) {
      const int64_t time = problem.costs().time(op, device);
      time == cost::kCannotRun ? json.null() : json.value(us(time));
    }
    json.end_array().end_object();
  }
  return json.end_array().end_object().str();
}

std::string report_csv(const Input& input) {
  const auto& problem = *input.problem;
  std::string text =
      "\"allot.op\",type,unit,mac_flops,vector_ops,bytes_read,bytes_written,output_bytes,param_bytes,workspace_bytes";
  for (const auto& device : problem.cluster().devices) text += "," + csv_field("time_us." + device.name);
  text += '\n';
  for (graph::OpId op = 0; op < input.graph().num_ops(); ++op) {
    const OpRow row = op_row(input, op);
    text += fmt::format("{},{},{},{},{},{},{},{},{},{}", csv_field(row.name), csv_field(row.type), row.unit,
                        row.mac_flops, row.vector_ops, row.bytes_read, row.bytes_written, row.output_bytes,
                        row.param_bytes, row.workspace_bytes);
    for (cluster::DeviceId device = 0; device < problem.devices(); ++device) {
      const int64_t time = problem.costs().time(op, device);
      text += time == cost::kCannotRun ? "," : fmt::format(",{}", us(time));
    }
    text += '\n';
  }
  return text;
}

}  // namespace allot::plan
