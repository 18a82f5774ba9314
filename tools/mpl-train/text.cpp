// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <cmath>

#include "base/json.h"
#include "cli/table.h"
#include "config/units.h"

namespace allot {
namespace {

std::string figure(double value) { return std::isnan(value) ? "-" : fmt::format("{:.4f}", value); }

void write(base::JsonWriter& json, const mpl::Scores& scores) {
  json.begin_object().field("items", scores.items);
  for (const auto& [name, value] : scores.metrics("")) json.field(name, value);
  json.key("classes").begin_array();
  for (const auto& each : scores.by_class())
    json.begin_object(true)
        .field("precision", each.precision)
        .field("recall", each.recall)
        .field("f1", each.f1)
        .field("items", each.items)
        .end_object();
  json.end_array().field("confusion", scores.confusion).end_object();
}

}  // namespace

std::string text_of(const train::TextTable& table) {
  cli::Table text(table.header);
  for (const auto& row : table.rows) text.row(row);
  return text.str();
}

std::string scores_text(const mpl::Scores& scores, const std::vector<std::string>& class_names) {
  cli::Table overall({"items", "accuracy", "top 5", "loss", "calibration error"});
  overall.row({std::to_string(scores.items), figure(scores.accuracy), figure(scores.top5), figure(scores.loss),
               figure(scores.calibration_error)});
  std::string text = overall.str();
  if (scores.confusion.empty() || scores.classes() > 100) return text;
  std::vector<std::string> header = {"class", "items", "precision", "recall", "F1"};
  const auto name = [&](size_t c) { return c < class_names.size() ? class_names[c] : std::to_string(c); };
  const auto classes = scores.by_class();
  for (size_t c = 0; c < classes.size(); ++c) header.push_back("as " + name(c));
  cli::Table table(header);
  for (size_t c = 0; c < classes.size(); ++c) {
    std::vector<std::string> row = {name(c), std::to_string(classes[c].items), figure(classes[c].precision),
                                    figure(classes[c].recall), figure(classes[c].f1)};
    for (size_t other = 0; other < classes.size(); ++other)
      row.push_back(std::to_string(scores.confusion[c * classes.size() + other]));
    table.row(row);
  }
  return text + "\n" + table.str();
}

std::string scores_json(const mpl::Scores& scores) {
  base::JsonWriter json;
  write(json, scores);
  return json.str();
}

std::string outcome_text(const mpl::Outcome& outcome) {
  cli::Table table({"network", "items", "accuracy", "loss", "calibration error"});
  for (const auto& [name, scores] : {std::pair("student", &outcome.student), std::pair("teacher", &outcome.teacher)})
    if (*scores)
      table.row({name, std::to_string((*scores)->items), figure((*scores)->accuracy), figure((*scores)->loss),
                 figure((*scores)->calibration_error)});
  const std::string runtime = outcome.verified ? fmt::format("; ONNX Runtime {} agrees to {:.1e}",
                                                             outcome.verified->runtime, outcome.verified->largest_error)
                                               : "";
  return fmt::format("{} steps in {}, {} skipped; {} tensors changed{}\n{}", outcome.steps,
                     config::human_time(outcome.seconds), outcome.skipped, outcome.written.tensors, runtime,
                     outcome.student ? table.str() : "");
}

std::string outcome_json(const mpl::Outcome& outcome) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.mpl-outcome/1").field("steps", outcome.steps);
  json.field("skipped", outcome.skipped).field("seconds", outcome.seconds);
  json.field("changed_tensors", static_cast<int64_t>(outcome.written.tensors));
  if (outcome.verified) json.field("runtime_error", outcome.verified->largest_error);
  if (outcome.student) write(json.key("student"), *outcome.student);
  if (outcome.teacher) write(json.key("teacher"), *outcome.teacher);
  return json.end_object().str();
}

}  // namespace allot
