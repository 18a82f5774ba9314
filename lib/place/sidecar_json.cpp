// SPDX-License-Identifier: Apache-2.0
// `allot.placement/1` as text: docs/formats.md describes it.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/json_object.h"
#include "place/sidecar.h"

namespace allot::place {
namespace {

using base::JsonObject;
using base::JsonSource;

constexpr const char* kSchema = "allot.placement/1";

template <typename T>
void write_map(base::JsonWriter& json, const char* key, const std::map<std::string, T>& items) {
  json.key(key).begin_object(true);
  for (const auto& [name, value] : items) json.field(name, value);
  json.end_object();
}

void write_baselines(base::JsonWriter& json, const std::vector<Baseline>& baselines) {
  json.key("baselines").begin_array();
  for (const auto& baseline : baselines) {
    json.begin_object(true).field("method", baseline.method).field("makespan_us", baseline.makespan_us);
    json.field("fits", baseline.fits).end_object();
  }
  json.end_array();
}

void write_placement(base::JsonWriter& json, const std::vector<PlacedOp>& placement) {
  json.key("placement").begin_array();
  for (const auto& op : placement) {
    json.begin_object(true).field("scope", op.scope).field("index", op.index).field("name", op.name);
    json.field("op", op.op).field("outputs", op.outputs).field("device", op.device);
    json.field("fingerprint", op.fingerprint);
    if (!op.group.empty()) json.field("group", op.group);
    json.end_object();
  }
  json.end_array();
}

Metrics read_metrics(const JsonObject& object) {
  Metrics metrics;
  metrics.makespan_us = object.number("makespan_us");
  metrics.critical_path_us = object.number("critical_path_us");
  metrics.work_bound_us = object.number("work_bound_us");
  metrics.parallelism = object.number("parallelism");
  metrics.crossings = static_cast<uint32_t>(object.integer("crossings", 0, UINT32_MAX));
  metrics.bytes_moved = object.integer("bytes_moved");
  metrics.overflow_bytes = object.integer("overflow_bytes");
  metrics.peak_bytes = object.integers("peak_bytes");
  metrics.param_bytes = object.integers("param_bytes");
  metrics.busy_us = object.numbers("busy_us");
  return metrics;
}

void read_provenance(const JsonObject& root, Sidecar& sidecar) {
  const JsonObject model = root.object("model", {"file", "sha256", "graph_sha256", "dims"});
  sidecar.model_path = model.text("file");
  sidecar.model_hash = model.text("sha256");
  sidecar.graph_hash = model.text("graph_sha256");
  sidecar.dims = model.integers("dims");
  const JsonObject costs = root.object("costs", {"sha256", "model_version"});
  sidecar.costs_hash = costs.text("sha256");
  sidecar.cost_model_version = static_cast<int>(costs.integer("model_version", 0, INT32_MAX));
  const JsonObject cluster = root.object("cluster", {"sha256", "yaml"});
  sidecar.cluster_hash = cluster.text("sha256");
  sidecar.cluster_text = cluster.text("yaml");
}

void read_ops(const JsonObject& root, Sidecar& sidecar) {
  root.for_each("baselines", {"method", "makespan_us", "fits"}, [&](const JsonObject& item) {
    sidecar.baselines.push_back({item.text("method"), item.number("makespan_us"), item.truth("fits")});
  });
  root.for_each("placement", {"scope", "index", "name", "op", "outputs", "device", "fingerprint"}, {"group"},
                [&](const JsonObject& item) {
                  PlacedOp op;
                  op.scope = item.text("scope");
                  op.index = static_cast<uint32_t>(item.integer("index", 0, UINT32_MAX));
                  op.name = item.text("name");
                  op.op = item.text("op");
                  op.outputs = item.texts("outputs");
                  op.device = item.text("device");
                  op.fingerprint = item.text("fingerprint");
                  if (item.has("group")) op.group = item.text("group");
                  sidecar.placement.push_back(std::move(op));
                });
}

nlohmann::json parse(const JsonSource& source) {
  try {
    return base::parse_json(source.text, source.path);
  } catch (const nlohmann::json::exception& error) {  // a number that no double holds
    throw base::Error(base::ErrorKind::malformed, base::printable(source.path), base::printable(error.what()));
  }
}

}  // namespace

void write_metrics(base::JsonWriter& json, const Metrics& metrics) {
  json.begin_object().field("makespan_us", metrics.makespan_us).field("critical_path_us", metrics.critical_path_us);
  json.field("work_bound_us", metrics.work_bound_us).field("parallelism", metrics.parallelism);
  json.field("crossings", metrics.crossings).field("bytes_moved", metrics.bytes_moved);
  json.field("overflow_bytes", metrics.overflow_bytes);
  write_map(json, "peak_bytes", metrics.peak_bytes);
  write_map(json, "param_bytes", metrics.param_bytes);
  write_map(json, "busy_us", metrics.busy_us);
  json.end_object();
}

std::string to_json(const Sidecar& sidecar) {
  base::JsonWriter json;
  json.begin_object().field("schema", kSchema).field("version", sidecar.version);
  json.key("model").begin_object();
  json.field("file", std::filesystem::path(sidecar.model_path).filename().string());
  json.field("sha256", sidecar.model_hash).field("graph_sha256", sidecar.graph_hash);
  write_map(json, "dims", sidecar.dims);
  json.end_object();
  json.key("costs").begin_object(true).field("sha256", sidecar.costs_hash);
  json.field("model_version", sidecar.cost_model_version).end_object();
  json.key("cluster").begin_object().field("sha256", sidecar.cluster_hash).field("yaml", sidecar.cluster_text);
  json.end_object();
  json.field("method", sidecar.method).field("seed", sidecar.seed).field("evaluations", sidecar.evaluations);
  json.field("objective", sidecar.objective).field("target", sidecar.target).field("scenarios", sidecar.scenarios);
  json.key("workload").begin_object(true).field("kind", sidecar.workload.kind);
  json.field("frozen", sidecar.workload.frozen)
      .field("checkpoint_every", sidecar.workload.checkpoint_every)
      .end_object();
  write_metrics(json.key("metrics"), sidecar.metrics);
  json.key("robustness").begin_object(true).field("runner_up", sidecar.robustness.runner_up);
  json.field("draws", sidecar.robustness.draws).field("better", sidecar.robustness.better).end_object();
  write_baselines(json, sidecar.baselines);
  write_placement(json, sidecar.placement);
  return json.end_object().str();
}

void write_sidecar(const Sidecar& sidecar, const std::string& path, base::Replace replace) {
  base::write_file(path, to_json(sidecar), replace);
}

Sidecar read_sidecar(const std::string& path) {
  const JsonSource source{path, base::read_text(path), "write the file anew with placer-apply"};
  const nlohmann::json document = parse(source);
  const auto schema = document.is_object() ? document.find("schema") : document.end();
  if (schema == document.end() || *schema != kSchema)
    throw base::Error(base::ErrorKind::malformed, base::printable(path), fmt::format("is not \"{}\"", kSchema),
                      "give a placement file that placer-apply wrote");
  const JsonObject root(source, document, "",
                        {"schema", "version", "model", "costs", "cluster", "method", "seed", "evaluations", "objective",
                         "target", "scenarios", "workload", "metrics", "robustness", "baselines", "placement"});
  Sidecar sidecar;
  sidecar.version = root.text("version");
  sidecar.method = root.text("method");
  sidecar.seed = root.natural("seed");
  sidecar.evaluations = root.natural("evaluations");
  sidecar.objective = root.text("objective");
  sidecar.target = root.text("target");
  sidecar.scenarios = root.texts("scenarios");
  const JsonObject workload = root.object("workload", {"kind", "frozen", "checkpoint_every"});
  sidecar.workload = {workload.text("kind"), workload.texts("frozen"),
                      workload.integer("checkpoint_every", 0, 1 << 30)};
  read_provenance(root, sidecar);
  sidecar.metrics = read_metrics(
      root.object("metrics", {"makespan_us", "critical_path_us", "work_bound_us", "parallelism", "crossings",
                              "bytes_moved", "overflow_bytes", "peak_bytes", "param_bytes", "busy_us"}));
  const JsonObject robustness = root.object("robustness", {"runner_up", "draws", "better"});
  sidecar.robustness = {robustness.text("runner_up"), static_cast<uint32_t>(robustness.integer("draws", 0, UINT32_MAX)),
                        static_cast<uint32_t>(robustness.integer("better", 0, UINT32_MAX))};
  read_ops(root, sidecar);
  return sidecar;
}

}  // namespace allot::place
