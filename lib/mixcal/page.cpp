// SPDX-License-Identifier: Apache-2.0
#include "mixcal/page.h"

#include <algorithm>
#include <cmath>

#include "cli/version.h"
#include "config/units.h"
#include "mixcal/items.h"
#include "mixcal/nested.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/palette.h"
#include "train/page.h"
#include "train/statistics.h"

namespace allot::mixcal {
namespace {

std::string figure(double value, int decimals = 4) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "-";
}

std::vector<double> mean_over_seeds(const Arm& arm) {
  std::vector<double> means(arm.losses.empty() ? 0 : arm.losses[0].size());
  for (const auto& losses : arm.losses)
    for (size_t i = 0; i < means.size(); ++i) means[i] += losses[i] / static_cast<double>(arm.losses.size());
  return means;
}

/// Of one seed there is no interval.
std::string difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() == 1) return fmt::format("{:+.4f}", a[0] - b[0]);
  return train::difference_text(train::paired_difference(a, b), 4);
}

std::string mean_steps(const std::vector<double>& steps) {
  double total = 0;
  for (const double each : steps) total += each / static_cast<double>(steps.size());
  return figure(total, 0);
}

/// What weights follow.
struct ScoreWords {
  const char *name, *heading, *unit;
};
ScoreWords words_of(const std::string& method) {
  if (method == "doge") return {"alignment", "What a step on each domain does for the others", "loss, to first order"};
  if (method == "aioli") return {"effect", "What favouring each domain brought", "part of all drops of losses"};
  return {"excess", "Excess loss over the reference", "nats a token"};
}

std::string trajectory_chart(const Calibration& calibration, size_t first, const char* label) {
  const auto& rows = calibration.trajectories.back();
  const std::vector<std::string> names = calibration.mixture.names();
  std::vector<report::Series> series;
  for (size_t i = 0; i < names.size(); ++i) {
    series.push_back({names[i], {}});
    for (const auto& row : rows) series.back().points.emplace_back(row[0], row[first + i]);
  }
  return report::line_chart(series, "step", label);
}

std::string mean_chart(const Calibration& calibration) {
  const std::vector<std::string> names = calibration.mixture.names();
  std::vector<report::Series> series;
  for (size_t i = 0; i < names.size(); ++i) {
    series.push_back({names[i], {}});
    double total = 0, count = 0;
    for (const auto& row : calibration.trajectories.back()) {
      total += row[1 + i];
      series.back().points.emplace_back(row[0], total / ++count);
    }
  }
  return report::line_chart(series, "step", "mean weight until then");
}

/// Bars of weights beside those of uniform shares.
std::string weight_bars(const Mixture& mixture) {
  std::vector<std::vector<std::string>> rows;
  double largest = 0;
  for (const MixtureDomain& domain : mixture.domains) largest = std::max({largest, domain.weight, domain.reference});
  const double even = 1 / static_cast<double>(mixture.domains.size());
  for (const MixtureDomain& domain : mixture.domains)
    rows.push_back({report::escape(domain.name), report::bar(domain.weight / largest, "accent", even / largest),
                    fmt::format("{:.4f}", domain.weight),
                    domain.deviation > 0 ? fmt::format("&plusmn; {:.4f}", domain.deviation) : "",
                    fmt::format("{:.4f}", domain.reference), fmt::format("{:.2f}", domain.epochs(mixture.budget))});
  return report::table_of_html(
      {{"Domain"}, {"Weight; the tick is uniform", true}, {"Weight"}, {"Deviation", true}, {"Reference"}, {"Passes"}},
      rows);
}

std::string curve_chart(const Calibration& calibration) {
  std::vector<report::Series> series;
  for (const Arm& arm : calibration.arms)
    if (!arm.curves.empty()) series.push_back({arm.name, arm.curves.back()});
  return report::line_chart(series, "step",
                            "average validation loss, " + unit_of_losses(calibration.mixture.tokenizer_kind));
}

}  // namespace

double search_flops(const Mixture& mixture) {
  double total = 0;
  for (const auto& [stage, flops] : mixture.flops)
    if (stage != "comparison") total += flops;
  return total;
}

train::TextTable weight_table(const Mixture& mixture) {
  train::TextTable table{{"domain", "tokens", "reference", "weight", "ratio", "passes"}, {}};
  const bool spreads =
      std::any_of(mixture.domains.begin(), mixture.domains.end(), [](auto& d) { return d.deviation > 0; });
  if (spreads) table.header.insert(table.header.begin() + 4, "deviation");
  for (const MixtureDomain& domain : mixture.domains) {
    table.rows.push_back({domain.name, config::human_count(static_cast<double>(domain.tokens)),
                          figure(domain.reference), figure(domain.weight),
                          figure(domain.reference > 0 ? domain.weight / domain.reference : NAN, 2),
                          figure(domain.epochs(mixture.budget), 2)});
    if (spreads) table.rows.back().insert(table.rows.back().begin() + 4, figure(domain.deviation));
  }
  for (const auto& [group, share] : group_shares(mixture.names(), mixture.weights())) {
    table.rows.emplace_back(table.header.size());
    table.rows.back()[0] = group + ", all", table.rows.back()[3] = figure(share);
  }
  return table;
}

train::TextTable arm_table(const Calibration& calibration) {
  train::TextTable table{{"trained on", "average loss", "worst loss", "average, less natural's", "less uniform's",
                          "steps to natural's end"},
                         {}};
  if (calibration.arms.empty()) return table;
  const Verdict natural = judge(calibration.arms[0], calibration.arms[0], calibration.over);
  const Verdict uniform = judge(calibration.arms[1], calibration.arms[0], calibration.over);
  for (const Arm& arm : calibration.arms) {
    const Verdict verdict = judge(arm, calibration.arms[0], calibration.over);
    table.rows.push_back({arm.name, figure(train::summarize(verdict.averages).mean),
                          figure(train::summarize(verdict.worsts).mean),
                          &arm == &calibration.arms[0] ? "-" : difference(verdict.averages, natural.averages),
                          &arm == &calibration.arms[1] ? "-" : difference(verdict.averages, uniform.averages),
                          mean_steps(verdict.steps)});
  }
  return table;
}

train::TextTable loss_table(const Calibration& calibration) {
  train::TextTable table{{"domain"}, {}};
  std::vector<std::vector<double>> means;
  for (const Arm& arm : calibration.arms) {
    table.header.push_back(arm.name);
    means.push_back(mean_over_seeds(arm));
  }
  const std::vector<std::string> names = calibration.mixture.names();
  for (size_t i = 0; i < names.size(); ++i) {
    table.rows.push_back({names[i]});
    for (const auto& losses : means) table.rows.back().push_back(figure(losses[i]));
  }
  return table;
}

std::string cost_text(const Calibration& calibration) {
  const double search = search_flops(calibration.mixture);
  std::string text = fmt::format("the search took {}", config::human_count(search, "FLOP"));
  if (calibration.arms.empty()) return text;
  const auto comparison = calibration.mixture.flops.find("comparison");
  const double one = comparison->second / static_cast<double>(3 * calibration.by_seed.size());
  text += fmt::format(", one training of the model compared {}", config::human_count(one, "FLOP"));
  const Verdict verdict = judge(calibration.arms[2], calibration.arms[0], calibration.over);
  const double steps = train::summarize(verdict.steps).mean;
  const auto all = static_cast<double>(calibration.compared_steps);
  if (!std::isfinite(steps) || steps >= all)
    return text + "; it reached natural's last loss no sooner, so it would never pay";
  const double saved = 1 - steps / all, each = search / static_cast<double>(calibration.by_seed.size());
  return text + fmt::format(
                    "; it reached natural's last loss after {:.0f} % of the steps, so a search with one seed pays for "
                    "trainings of {} and more",
                    100 * (1 - saved), config::human_count(each / saved, "FLOP"));
}

std::string page_of(const Calibration& calibration) {
  const Mixture& mixture = calibration.mixture;
  train::TrainingPage page;
  page.title = "A mixture of training data by " + mixture.method;
  if (!calibration.arms.empty())
    page.tiles.push_back({"Better than uniform",
                          calibration.beats_uniform()                                            ? "yes"
                          : is_worse(calibration.arms[2], calibration.arms[1], calibration.over) ? "no, worse"
                                                                                                 : "no",
                          "on the average of test losses"});
  page.tiles.push_back({"Effective domains", fmt::format("{:.1f}", effective_domains(mixture.weights())),
                        fmt::format("of {}", mixture.domains.size())});
  page.tiles.push_back(
      {"Search", config::human_count(search_flops(mixture), "FLOP"), fmt::format("{} seed(s)", mixture.seeds.size())});
  std::string warnings;
  for (const std::string& warning : mixture.warnings) warnings += "<p>" + report::escape(warning) + "</p>";
  if (!warnings.empty()) page.sections.push_back({"Warnings", warnings});
  page.sections.push_back({"Weights", weight_bars(mixture)});
  if (!calibration.arms.empty()) {
    page.sections.push_back(
        {"What training on them brings", train::to_html(arm_table(calibration)) + curve_chart(calibration)});
    page.sections.push_back(
        {"Test loss by domain, " + unit_of_losses(mixture.tokenizer_kind), train::to_html(loss_table(calibration))});
  }
  page.sections.push_back({"Cost", "<p>" + report::escape(cost_text(calibration)) + ".</p>"});
  if (!calibration.trajectories.empty() && !calibration.trajectories.back().empty()) {
    page.sections.push_back({"Weights over steps", trajectory_chart(calibration, 1, "weight")});
    page.sections.push_back({"Their mean", mean_chart(calibration)});
    const ScoreWords words = words_of(mixture.method);
    page.sections.push_back({words.heading, trajectory_chart(calibration, 1 + mixture.domains.size(), words.unit)});
  }
  if (!calibration.fitted.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const Fitted& fitted : calibration.fitted)
      rows.push_back({fitted.metric, fitted.kind, figure(fitted.quality.rmse), figure(fitted.quality.spearman, 3),
                      fitted.formula});
    page.sections.push_back(
        {"The law",
         report::table({"Metric", "Regressor", "Error on left-out runs", "Rank correlation", "Formula"}, rows)});
  }
  page.facts = {
      {"Tokenizer", mixture.tokenizer_kind}, {"Data", mixture.data}, {"Version", std::string(cli::version())}};
  for (const auto& [name, value] : mixture.settings) page.facts.emplace_back(name, value);
  return train::render(page);
}

std::string trajectory_csv(const Calibration& calibration) {
  std::string text = "step";
  const std::vector<std::string> names = calibration.mixture.names();
  for (const char* prefix : {"alpha", words_of(calibration.mixture.method).name})
    for (const std::string& name : names) text += fmt::format(",{}.{}", prefix, name);
  text += "\n";
  if (calibration.trajectories.empty()) return text;
  for (const auto& row : calibration.trajectories.back()) {
    for (size_t i = 0; i < row.size(); ++i) text += fmt::format("{}{}", i > 0 ? "," : "", row[i]);
    text += "\n";
  }
  return text;
}

}  // namespace allot::mixcal
