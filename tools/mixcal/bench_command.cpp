// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "commands.h"
#include "mixcal/bench.h"
#include "mixcal/saved.h"

namespace allot {
namespace {

using base::Error;
using base::ErrorKind;
using mixcal::Criterion;

constexpr const char* kTask = "five";

/// Prints criteria, keeps them in `folder` unless that is "", and gives the exit code.
int tell(const cli::App& app, const std::vector<Criterion>& criteria, int64_t tier, const std::string& folder) {
  const std::string json = mixcal::to_json(criteria, tier);
  if (!folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) throw Error(ErrorKind::cannot_create, base::printable(folder), error.message());
    base::write_file(folder + "/bench.json", json, app.common().replace());
    base::info("wrote {}/bench.json", base::printable(folder));
  }
  fmt::print("{}", app.common().json ? json : text_of(mixcal::criteria_table(criteria)));
  return mixcal::all_hold(criteria) ? 0 : 1;
}

/// Searches and compares; nothing on other ranks, and where a signal stopped it.
std::optional<mixcal::Calibration> search(const cli::App& app, const Options& options, const data::TokenStore& store,
                                          const mixcal::CalibrateOptions& settings) {
  mixcal::Calibration calibration =
      mixcal::calibrate(store, settings, context_of(app, options, "a folder for the runs"));
  if (calibration.stopped || !options.is_first()) return std::nullopt;
  mixcal::write_calibration(calibration, options.output, app.common().replace());
  return calibration;
}

int on_synthetic_domains(const cli::App& app, const Options& options) {
  const std::string& output = output_of(options, "a folder for the runs");
  Options changed = options;
  changed.words = {"bench", output + "/data"};
  changed.prepare = {};
  changed.prepare.documents.longest = 1024;
  changed.prepare.vocabulary = 100;
  const auto seed = static_cast<uint64_t>(app.common().seed);
  if (options.is_first() && !std::filesystem::exists(output + "/tokens/manifest.json"))
    write_task(kTask, output + "/data", seed, app.common().replace());
  const data::TokenStore store = open_store(app, changed, output + "/tokens");
  mixcal::use_synthetic_settings(changed.calibrate);
  const auto calibration = search(app, changed, store, changed.calibrate);
  if (!calibration) return options.is_first() ? stopped(options) : 0;
  std::map<std::string, double> entropies;
  for (const auto& domain : mixcal::synthetic_task(kTask, kTaskTokens, seed)) entropies[domain.name] = domain.entropy;
  std::vector<double> entropy;
  for (const std::string& name : store.names()) entropy.push_back(entropies.at(name));
  return tell(app, mixcal::synthetic_criteria(*calibration, entropy), options.tier, output);
}

int on_text(const cli::App& app, const Options& options) {
  const data::TokenStore store = open_store(app, options, output_of(options, "a folder for the runs") + "/tokens");
  mixcal::CalibrateOptions settings = options.calibrate;
  settings.compare = true;
  const auto calibration = search(app, options, store, settings);
  if (!calibration) return options.is_first() ? stopped(options) : 0;
  return tell(app, mixcal::text_criteria(*calibration), options.tier, options.output);
}

}  // namespace

int bench(const cli::App& app, const Options& options) {
  if (options.tier == 2) return on_text(app, options);
  if (!options.paths().empty())
    throw Error(ErrorKind::usage, "bench", fmt::format("takes no data at tier {}", options.tier),
                "leave it out, or measure it: --tier 2");
  if (options.tier == 1) return on_synthetic_domains(app, options);
  if (!options.is_first()) return 0;
  return tell(app, mixcal::exact_criteria(), 0, options.output);
}

}  // namespace allot
