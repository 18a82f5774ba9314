// SPDX-License-Identifier: Apache-2.0
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

}  // namespace

std::string to_json(const CheckReport& report) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.check/1").field("passed", report.passed());
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
  return json.end_object().str();
}

}  // namespace allot::place
