// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/json.h"
#include "place/check.h"

namespace allot::place {
namespace {

void write_lines(base::JsonWriter& json, const char* key, const std::vector<std::string>& lines) {
  json.key(key).begin_array();
  for (const auto& line : lines) json.value(line);
  json.end_array();
}

void write_regressions(base::JsonWriter& json, const std::vector<Regression>& regressions) {
  json.key("regressions").begin_array();
  for (const auto& regression : regressions) {
    json.begin_object(true).field("placement", regression.fresh ? "fresh" : "stored");
    json.field("metric", regression.metric).field("device", regression.device);
    json.field("before", regression.before).field("after", regression.after).end_object();
  }
  json.end_array();
}

void write_report(base::JsonWriter& json, const CheckReport& report) {
  json.key("changed").begin_object(true).field("model", report.model_changed).field("file", report.file_changed);
  json.field("costs", report.costs_changed).field("cluster", report.cluster_changed);
  json.field("placement", report.placement_changed).end_object();
  write_lines(json, "details", report.changes.details);
  json.key("tolerances").begin_object(true).field("makespan", report.tolerances.makespan);
  json.field("peak_memory", report.tolerances.peak_memory).field("crossings", report.tolerances.crossings).end_object();
  write_regressions(json, report.regressions);
  json.field("obstacle", report.obstacle);
  write_metrics(json.key("stored"), report.stored);
  json.key("rescored");
  report.rescorable ? write_metrics(json, report.rescored) : void(json.null());
  write_metrics(json.key("fresh"), report.fresh);
  json.field("compared_ops", report.changes.compared).field("moved_ops", report.changes.moved_ops);
  write_lines(json, "moved", report.changes.moved);
  write_lines(json, "added", report.changes.added);
  write_lines(json, "removed", report.changes.removed);
}

}  // namespace

std::string to_json(const std::vector<ModelCheck>& checks) {
  const bool passed = std::all_of(checks.begin(), checks.end(), [](const ModelCheck& check) { return check.passed(); });
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.check/1").field("passed", passed).key("models").begin_array();
  for (const ModelCheck& check : checks) {
    json.begin_object().field("model", check.model).field("baseline", check.baseline).field("passed", check.passed());
    json.field("error", check.error);
    if (check.error.empty()) write_report(json, check.report);
    json.end_object();
  }
  return json.end_array().end_object().str();
}

}  // namespace allot::place
