// SPDX-License-Identifier: Apache-2.0
#include "mixcal/methods_page.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "cli/version.h"
#include "config/units.h"
#include "mixcal/items.h"
#include "mixcal/page.h"
#include "mixcal/saved.h"
#include "report/chart.h"
#include "report/html.h"
#include "report/palette.h"
#include "train/page.h"
#include "train/statistics.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

std::string figure(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-"; }

std::string name_of_folder(const std::string& path) {
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  return (normal.has_filename() ? normal.filename() : normal.parent_path().filename()).string();
}

/// A field of a CSV file.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char each : text) out += each == '"' ? std::string("\"\"") : std::string(1, each);
  return out + "\"";
}

void check_same(const std::string& folder, const Calibration& first, const Calibration& other) {
  const bool is_same = first.mixture.names() == other.mixture.names() && first.mixture.data == other.mixture.data &&
                       first.mixture.tokenizer_hash == other.mixture.tokenizer_hash;
  if (!is_same)
    throw Error(ErrorKind::check_failed, base::printable(folder), "is of other data than the first run",
                "losses and shares of other tokens cannot be compared: report it by itself");
  if (first.over != other.over)
    throw Error(ErrorKind::check_failed, base::printable(folder), "averages over other domains than the first run",
                "search with the same --over");
}

std::string weight_table_html(const std::vector<ReportedRun>& runs) {
  const Mixture& first = runs[0].calibration.mixture;
  std::vector<std::string> header = {"Domain", "Natural", "Uniform"};
  for (const ReportedRun& run : runs) header.push_back(run.label);
  double tokens = 0;
  for (const MixtureDomain& domain : first.domains) tokens += static_cast<double>(domain.tokens);
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < first.domains.size(); ++i) {
    rows.push_back({first.domains[i].name, figure(static_cast<double>(first.domains[i].tokens) / tokens),
                    figure(1 / static_cast<double>(first.domains.size()))});
    for (const ReportedRun& run : runs) {
      const MixtureDomain& domain = run.calibration.mixture.domains[i];
      rows.back().push_back(domain.deviation > 0 ? fmt::format("{:.4f} ± {:.4f}", domain.weight, domain.deviation)
                                                 : figure(domain.weight));
    }
  }
  return report::table(header, rows);
}

std::string curves_of(const std::vector<ReportedRun>& runs) {
  std::vector<report::Series> series;
  for (const size_t arm : {size_t{0}, size_t{1}})
    series.push_back({runs[0].calibration.arms[arm].name, runs[0].calibration.arms[arm].curves.back()});
  for (const ReportedRun& run : runs) series.push_back({run.label, run.calibration.arms[2].curves.back()});
  return report::line_chart(series, "step",
                            "average validation loss, " + unit_of_losses(runs[0].calibration.mixture.tokenizer_kind));
}

}  // namespace

std::vector<ReportedRun> read_runs(const std::vector<std::string>& folders) {
  std::vector<ReportedRun> runs;
  for (const std::string& folder : folders) {
    Calibration calibration = read_calibration(folder);
    if (folders.size() > 1 && calibration.arms.empty())
      throw Error(ErrorKind::check_failed, base::printable(folder), "trained nothing on what it found",
                  "search without --compare=false");
    if (!runs.empty()) check_same(folder, runs[0].calibration, calibration);
    const std::string method = calibration.mixture.method;
    runs.push_back({method, std::move(calibration)});
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::string& method = runs[i].calibration.mixture.method;
    const auto same = std::count_if(runs.begin(), runs.end(),
                                    [&](const ReportedRun& run) { return run.calibration.mixture.method == method; });
    if (same > 1) runs[i].label = fmt::format("{}, {}", method, name_of_folder(folders[i]));
  }
  return runs;
}

train::TextTable methods_table(const std::vector<ReportedRun>& runs) {
  train::TextTable table = arm_table(runs[0].calibration);
  table.header.insert(table.header.end(), {"search", "better than uniform"});
  table.rows.resize(2);
  for (auto& row : table.rows) row.insert(row.end(), {"-", "-"});
  for (const ReportedRun& run : runs) {
    std::vector<std::string> row = arm_table(run.calibration).rows.back();
    row[0] = run.label;
    row.push_back(config::human_count(search_flops(run.calibration.mixture), "FLOP"));
    row.push_back(run.calibration.beats_uniform() ? "yes" : "no");
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string page_of(const std::vector<ReportedRun>& runs) {
  train::TrainingPage page;
  page.title = fmt::format("{} searches for a mixture of training data", runs.size());
  std::string worse, warnings;
  for (const ReportedRun& run : runs) {
    if (const std::string said = run.calibration.beside_uniform(run.label); !said.empty())
      worse += "<p>" + report::escape(said) + "</p>";
    for (const std::string& warning : run.calibration.mixture.warnings)
      warnings += "<p>" + report::escape(run.label + ": " + warning) + "</p>";
  }
  if (!worse.empty()) page.sections.push_back({"No better than uniform", worse});
  page.sections.push_back({"What training on them brings", train::to_html(methods_table(runs)) + curves_of(runs)});
  page.sections.push_back({"Weights", weight_table_html(runs)});
  for (const ReportedRun& run : runs)
    page.sections.push_back(
        {"Test loss by domain, " + unit_of_losses(run.calibration.mixture.tokenizer_kind) + ": " + run.label,
         train::to_html(loss_table(run.calibration))});
  if (!warnings.empty()) page.sections.push_back({"Warnings", warnings});
  const Mixture& first = runs[0].calibration.mixture;
  page.facts = {{"Tokenizer", first.tokenizer_kind}, {"Data", first.data}, {"Version", std::string(cli::version())}};
  return train::render(page);
}

std::string to_json(const std::vector<ReportedRun>& runs) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.mixture-report/1");
  json.field("domains", runs[0].calibration.mixture.names()).key("runs").begin_array();
  for (const ReportedRun& run : runs) {
    const Calibration& calibration = run.calibration;
    json.begin_object().field("name", run.label).field("method", calibration.mixture.method);
    json.field("weights", calibration.mixture.weights());
    json.field("search_flops", search_flops(calibration.mixture)).key("average").begin_object(true);
    for (const Arm& arm : calibration.arms)
      json.field(arm.name, judge(arm, calibration.arms[0], calibration.over).averages);
    json.end_object().field("better_than_uniform", calibration.beats_uniform()).end_object();
  }
  return json.end_array().end_object().str();
}

std::string weights_csv(const std::vector<ReportedRun>& runs) {
  std::string text = "run,method,domain,weight,deviation,reference_weight,tokens,epochs\n";
  for (const ReportedRun& run : runs) {
    const Mixture& mixture = run.calibration.mixture;
    for (const MixtureDomain& domain : mixture.domains)
      text +=
          fmt::format("{},{},{},{},{},{},{},{}\n", quoted(run.label), mixture.method, quoted(domain.name),
                      domain.weight, domain.deviation, domain.reference, domain.tokens, domain.epochs(mixture.budget));
  }
  return text;
}

std::string losses_csv(const std::vector<ReportedRun>& runs) {
  std::string text = "run,trained_on,seed,domain,loss\n";
  for (const ReportedRun& run : runs) {
    const Mixture& mixture = run.calibration.mixture;
    for (const Arm& arm : run.calibration.arms)
      for (size_t seed = 0; seed < arm.losses.size(); ++seed)
        for (size_t i = 0; i < mixture.domains.size(); ++i)
          text += fmt::format("{},{},{},{},{}\n", quoted(run.label), arm.name, mixture.seeds[seed],
                              quoted(mixture.domains[i].name), arm.losses[seed][i]);
  }
  return text;
}

}  // namespace allot::mixcal
