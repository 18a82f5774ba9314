// SPDX-License-Identifier: Apache-2.0
#include "policy/page.h"

#include <algorithm>
#include <map>

#include "config/units.h"
#include "emit/page_parts.h"
#include "report/chart.h"
#include "report/html.h"

namespace allot::policy {
namespace {

using emit::lower_bound;
using emit::measure_text;
using emit::shown;
using report::escape;

constexpr size_t kMostDrawn = 24;

/// Metrics by model, in order.
using Courses = std::map<std::string, std::vector<const Metric*>>;

double ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(std::max<int64_t>(1, b)); }

const place::MethodResult& learned(const LearnedModel& model) { return model.comparison.methods.front(); }

std::string above_bound(const LearnedModel& model, int64_t value) {
  const auto bound = lower_bound(model.problem);
  return bound ? fmt::format("{:.1f} %", (ratio(value, *bound) - 1) * 100) : "–";
}

std::string summary(const LearnedModel& model, const std::vector<const Metric*>& course) {
  const place::MethodResult& found = learned(model);
  std::vector<report::Tile> tiles = {
      {emit::measure_name(model.problem), measure_text(model.problem, found.score.value),
       found.score.overflow_bytes > 0 ? "does not fit into memory" : "the best that training found"},
      {"Above lower bound", above_bound(model, found.score.value), ""},
      {"Evaluations", config::human_count(static_cast<double>(found.evaluations)),
       "in " + config::human_time(found.seconds)}};
  if (!course.empty()) tiles.push_back({"Updates", std::to_string(course.back()->update + 1), "of the policy"});
  return report::tiles(tiles);
}

/// The best so far over `x` of each step, from where it fits into memory.
std::string best_curve(const LearnedModel& model, const std::vector<const Metric*>& course, const char* x_label,
                       double (*x)(const Metric&)) {
  if (course.empty()) return {};
  report::Series best{"training", {}, true};
  const emit::Unit unit = emit::measure_unit(model.problem, course.back()->best.value);
  for (const Metric* step : course)
    if (step->best.overflow_bytes == course.back()->best.overflow_bytes)
      best.points.emplace_back(x(*step), static_cast<double>(step->best.value) / unit.size);
  report::ChartOptions options{true, {}};
  for (const place::MethodResult& method : model.comparison.methods)
    if (method.method.find(x_label) != std::string::npos && method.score.overflow_bytes == 0)
      options.levels.push_back({method.method, static_cast<double>(method.score.value) / unit.size});
  const std::string label = emit::measure_name(model.problem) + (*unit.name ? fmt::format(", {}", unit.name) : "");
  return report::line_chart({best}, x_label, label, options);
}

std::string comparison_table(const LearnedModel& model) {
  const int64_t reference = learned(model).score.value;
  int64_t worst = 1;
  for (const auto& method : model.comparison.methods) worst = std::max(worst, method.score.value);
  worst = std::min(worst, 4 * std::max<int64_t>(1, reference));
  const auto bound = lower_bound(model.problem);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < model.comparison.methods.size(); ++i) {
    const place::MethodResult& method = model.comparison.methods[i];
    const bool fits = method.score.overflow_bytes == 0;
    std::string name = escape(shown(method.method));
    if (i == model.comparison.best) name = fmt::format("<span class=\"chosen-text\">{} ✓ chosen</span>", name);
    if (!fits) name += "<br><small class=\"bad-text\">does not fit</small>";
    rows.push_back({name, measure_text(model.problem, method.score.value),
                    report::bar(ratio(method.score.value, worst),
                                i == 0 ? "accent"
                                : fits ? ""
                                       : "bad",
                                bound ? ratio(*bound, worst) : -1),
                    fmt::format("{:.3f}", ratio(method.score.value, reference)), std::to_string(method.evaluations),
                    config::human_time(method.seconds)});
  }
  return report::table_of_html({{"Method"},
                                {emit::measure_name(model.problem)},
                                {"", true},
                                {"Of training's"},
                                {"Evaluations", true},
                                {"Time", true}},
                               rows);
}

std::string model_section(const LearnedModel& model, const std::vector<const Metric*>& course, bool drawn) {
  std::string html = summary(model, course);
  if (drawn) {
    html +=
        best_curve(model, course, "evaluations", [](const Metric& m) { return static_cast<double>(m.evaluations); });
    html += best_curve(model, course, "seconds", [](const Metric& m) { return m.model_seconds; });
  }
  html += comparison_table(model);
  if (!model.placement_page.empty())
    html += fmt::format("<p><a href=\"{}\">Schedule, memory and traffic of the placement</a></p>\n",
                        escape(model.placement_page));
  return html;
}

/// `y` of every step of a phase over the updates, each model a line.
std::string update_chart(const Courses& courses, const char* label, double (*y)(const Metric&),
                         const char* phase = "policy") {
  std::vector<report::Series> series;
  for (const auto& [model, course] : courses) {
    if (series.size() == kMostDrawn) break;
    report::Series line{shown(model), {}};
    for (const Metric* step : course)
      if (step->phase == phase) line.points.emplace_back(static_cast<double>(step->update), y(*step));
    if (!line.points.empty()) series.push_back(std::move(line));
  }
  return series.empty() ? "" : report::line_chart(series, "update", label);
}

std::string policy_section(const Courses& courses) {
  return update_chart(courses, "mean cost of samples", [](const Metric& m) { return m.mean_cost; }) +
         update_chart(courses, "entropy of a decision, nats", [](const Metric& m) { return m.entropy; }) +
         update_chart(courses, "norm of the gradient", [](const Metric& m) { return m.gradient_norm; }) +
         update_chart(
             courses, "unseen models: likeliest placement / best quick method",
             [](const Metric& m) { return m.of_quick; }, "validation");
}

}  // namespace

std::string learning_page(const std::vector<LearnedModel>& models, const std::vector<Metric>& metrics,
                          const std::vector<std::pair<std::string, std::string>>& facts) {
  Courses courses;
  for (const Metric& metric : metrics) courses[metric.model].push_back(&metric);
  report::Page page(models.size() == 1 ? "Training for " + shown(models[0].name)
                                       : fmt::format("Training for {} models", models.size()));
  for (size_t i = 0; i < models.size(); ++i)
    page.section(models.size() == 1 ? "Placement" : shown(models[i].name),
                 model_section(models[i], courses[models[i].name], i < kMostDrawn));
  if (const std::string html = policy_section(courses); !html.empty()) page.section("Policy", html);
  for (const LearnedModel& model : models)
    if (!model.embeddings.empty()) page.section("What the policy knows operations by", model.embeddings);
  page.section("Origin", report::facts(facts));
  page.html("<footer>Generated by Allot.</footer>\n");
  return page.str();
}

}  // namespace allot::policy
