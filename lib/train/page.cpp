// SPDX-License-Identifier: Apache-2.0
#include "train/page.h"

#include <map>
#include <set>

#include "report/chart.h"

namespace allot::train {
namespace {

/// "loss.teacher" -> "loss"; a name without a point is a group of its own.
std::string group_of(const std::string& metric) { return metric.substr(0, metric.find('.')); }

/// "learning_rate" -> "learning rate".
std::string spoken(std::string name) {
  for (char& character : name)
    if (character == '_') character = ' ';
  return name;
}

/// By metric and phase.
using Lines = std::map<std::pair<std::string, std::string>, report::Series>;

Lines lines_of(const std::vector<Record>& records) {
  Lines lines;
  for (const Record& record : records)
    for (const auto& [metric, value] : record.metrics)
      lines[{metric, record.phase}].points.emplace_back(static_cast<double>(record.step), value);
  return lines;
}

std::string name_of(const std::string& metric, const std::string& group, const std::string& phase) {
  const std::string own = metric.size() > group.size() ? spoken(metric.substr(group.size() + 1)) : "";
  return own.empty() ? phase : phase == "train" ? own : own + ", " + phase;
}

bool varies(const report::Series& series) {
  for (const auto& point : series.points)
    if (point.second != series.points.front().second) return true;
  return false;
}

}  // namespace

std::string curves(const std::vector<Record>& records) {
  std::map<std::string, std::vector<report::Series>> charts;  // by group
  std::set<std::string> worth;                                // groups that are no constants
  for (auto& [key, series] : lines_of(records)) {
    const auto& [metric, phase] = key;
    const std::string group = group_of(metric);
    if (varies(series)) worth.insert(group);
    charts[group].push_back({name_of(metric, group, phase), std::move(series.points)});
  }
  std::string html;
  for (const auto& [group, series] : charts)
    if (worth.contains(group)) html += report::line_chart(series, "step", spoken(group));
  return html;
}

std::string to_html(const TextTable& table) { return report::table(table.header, table.rows); }

std::string render(const TrainingPage& content) {
  report::Page page(content.title);
  page.html(report::tiles(content.tiles));
  for (const PageSection& section : content.sections) page.section(section.heading, section.html);
  if (const std::string charts = curves(content.records); !charts.empty())
    page.section("Course of the training", charts);
  page.section("About this run", report::facts(content.facts));
  return page.str();
}

}  // namespace allot::train
