// SPDX-License-Identifier: Apache-2.0
#include "plan/check_models.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/core.h>

#include "base/error.h"
#include "base/log.h"
#include "config/units.h"

namespace allot::plan {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

/// One report that is wanted: its form, and the file it goes to ("" = standard output).
struct Format {
  std::string kind, file;
};

std::vector<Format> formats(const CheckOptions& options, bool json) {
  static const std::vector<std::string> kKinds = {"text", "json", "junit", "github"};
  std::vector<Format> all;
  for (const std::string& wanted : options.check_format) {
    const size_t equals = wanted.find('=');
    const Format format{wanted.substr(0, equals), equals == std::string::npos ? "" : wanted.substr(equals + 1)};
    if (std::find(kKinds.begin(), kKinds.end(), format.kind) == kKinds.end())
      throw Error(ErrorKind::usage, "--check-format", fmt::format("unknown: '{}'", printable(format.kind)),
                  base::suggestion(format.kind, kKinds));
    if (equals != std::string::npos && format.file.empty())
      throw Error(ErrorKind::usage, "--check-format", fmt::format("'{}' names no file", printable(wanted)),
                  "write KIND or KIND=FILE");
    all.push_back(format);
  }
  if (all.empty() || json) all.push_back({json ? "json" : "text", ""});
  return all;
}

std::string rendered(const std::string& kind, const std::vector<place::ModelCheck>& checks) {
  if (kind == "json") return place::to_json(checks);
  if (kind == "junit") return place::to_junit(checks);
  if (kind == "github") return place::to_github(checks);
  return place::to_text(checks);
}

std::string baseline_of(const std::string& model, const std::string& check) {
  if (!std::filesystem::is_directory(check)) return check;
  const auto name = std::filesystem::path(model).stem().string() + ".placement.json";
  return (std::filesystem::path(check) / name).string();
}

/// The baseline of each model. Errors: usage when one file would serve two models.
std::vector<std::string> baselines(const std::vector<std::string>& models, const CheckOptions& options) {
  if (models.size() > 1 && !std::filesystem::is_directory(options.check))
    throw Error(ErrorKind::usage, "--check", fmt::format("{} is not a folder", printable(options.check)),
                "to check several models, name a folder of <model stem>.placement.json");
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (const auto& model : models) {
    paths.push_back(baseline_of(model, options.check));
    if (!seen.insert(paths.back()).second)
      throw Error(ErrorKind::usage, printable(model), "has the name of another model, hence the same baseline",
                  "check them in two calls, with two folders");
  }
  return paths;
}

void require_baseline(const std::string& path) {
  if (std::filesystem::exists(path)) return;
  throw Error(ErrorKind::input_missing, printable(path), "there is no such baseline", "write it with --update");
}

place::CheckReport check_one(const std::string& model, const std::string& path, const CheckOptions& options,
                             const CheckContext& context) {
  require_baseline(path);
  const auto baseline = place::read_sidecar(path);
  InputOptions input_options = context.input;
  input_options.adopt(baseline);
  const auto input = load(model, input_options);
  const auto fresh = place_model(*input, context.search, context.budget);
  return place::check(*input->problem, input->fingerprints, baseline, fresh.sidecar, options.tolerances());
}

bool better(const place::Metrics& a, const place::Metrics& b) {
  return a.overflow_bytes != b.overflow_bytes ? a.overflow_bytes < b.overflow_bytes : a.makespan_us < b.makespan_us;
}

/// The stored placement on today's model, if it can still be used and is better than `fresh`; else `fresh`.
place::Sidecar best_today(const Input& input, const place::Sidecar& fresh, const place::Sidecar& stored,
                          const std::string& path) {
  try {
    const auto kept = use_placement(input, stored, path).sidecar;
    return better(kept.metrics, fresh.metrics) ? kept : fresh;
  } catch (const Error&) {  // it no longer covers the model, or no longer fits
    return fresh;
  }
}

void update_one(const std::string& model, const std::string& path, const CheckContext& context) {
  const bool exists = std::filesystem::exists(path);
  InputOptions input_options = context.input;
  place::Sidecar stored;
  if (exists) {
    stored = place::read_sidecar(path);
    input_options.adopt(stored);
  }
  const auto input = load(model, input_options);
  place::Sidecar today = place_model(*input, context.search, context.budget).sidecar;
  if (exists) today = best_today(*input, today, stored, path);
  const std::string makespan = config::human_time(today.metrics.makespan_us * 1e-6);
  if (exists && today == stored) {
    fmt::print("{}: unchanged, makespan {}\n", printable(path), makespan);
    return;
  }
  if (!context.dry_run) place::write_sidecar(today, path, context.replace);
  fmt::print("{}: {}, makespan {}{}\n", printable(path), exists ? "updated" : "new", makespan,
             exists ? ", before " + config::human_time(stored.metrics.makespan_us * 1e-6) : "");
}

}  // namespace

void CheckOptions::bind(config::Binder& binder) {
  binder.text("check", check, "compare with this stored placement, or a folder of them; exit 1 on a regression")
      .cli_only = true;
  binder.list("max_regression", max_regression,
              "how much worse --check lets a placement be: 2%, or makespan=, peak_memory=, crossings= for one metric");
  binder.list("check_format", check_format, "report of --check as text, json, junit or github, e.g. junit=report.xml")
      .cli_only = true;
  binder.flag("update", update, "with --check: write today's best placement as the new baseline").cli_only = true;
}

place::Tolerances CheckOptions::tolerances() const {
  place::Tolerances tolerances;
  const std::map<std::string, double*> metrics = {{"makespan", &tolerances.makespan},
                                                  {"peak_memory", &tolerances.peak_memory},
                                                  {"crossings", &tolerances.crossings}};
  for (const std::string& entry : max_regression) {
    const size_t equals = entry.find('=');
    const std::string name = equals == std::string::npos ? "" : entry.substr(0, equals);
    const double value = [&] {
      try {
        return config::parse_quantity(entry.substr(equals + 1), config::Unit::fraction, 0, 1e9);
      } catch (const Error& error) {
        throw Error(ErrorKind::usage, "--max-regression", error.message(), error.fix());
      }
    }();
    if (!name.empty() && !metrics.contains(name))
      throw Error(ErrorKind::usage, "--max-regression", fmt::format("unknown metric '{}'", printable(name)),
                  "write makespan, peak_memory or crossings");
    for (const auto& [metric, tolerance] : metrics)
      if (name.empty() || name == metric) *tolerance = value;
  }
  return tolerances;
}

int check_models(const std::vector<std::string>& models, const CheckOptions& options, const CheckContext& context) {
  const std::vector<std::string> paths = baselines(models, options);
  const std::vector<Format> wanted = formats(options, context.json);
  options.tolerances();
  if (options.update) {
    for (size_t i = 0; i < models.size(); ++i) update_one(models[i], paths[i], context);
    return 0;
  }
  for (const Format& format : wanted)
    if (!format.file.empty()) base::check_output(format.file, context.replace, models);

  std::vector<place::ModelCheck> checks;
  int code = 0;
  for (size_t i = 0; i < models.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    place::ModelCheck& check = checks.emplace_back();
    check.model = models[i];
    check.baseline = paths[i];
    try {
      check.report = check_one(models[i], paths[i], options, context);
    } catch (const Error& error) {
      if (models.size() == 1) throw;
      check.error = error.what();
      if (code == 0) code = base::exit_code(error.kind());
    }
    check.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (code == 0 && !check.passed()) code = base::exit_code(ErrorKind::check_failed);
  }
  for (const Format& format : wanted) {
    const std::string text = rendered(format.kind, checks);
    if (format.file.empty())
      fmt::print("{}", text);
    else if (!context.dry_run)
      base::write_file(format.file, text, context.replace);
  }
  return code;
}

}  // namespace allot::plan
