// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/table.h"
#include "commands.h"
#include "config/units.h"
#include "mixcal/items.h"
#include "mixcal/page.h"
#include "mixcal/saved.h"

namespace allot {
namespace {

using base::Error;
using base::ErrorKind;

void warn_about_size(const mixcal::ModelOptions& model, const data::TokenStore& store) {
  const mixcal::LanguageModel made(model, store, 0);
  if (!made.of_items() && made.numbers() < 15'000'000)
    base::info("a model of {} parameters: below 15 M, which mixture is better for a large model is a hint only",
               config::human_count(static_cast<double>(made.numbers())));
}

void print_losses(const std::vector<std::string>& names, const std::vector<double>& losses,
                  const data::TokenStore& store, bool as_json) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.losses/1").key("domains").begin_object();
  const std::string unit = mixcal::unit_of_losses(store.tokenizer().kind);
  cli::Table table({"domain", unit, "bits a byte"});
  double total = 0, worst = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    const data::TokenDomain& domain = store.domains()[i];
    const double bits = domain.bytes() > 0 ? losses[i] / std::log(2.0) * static_cast<double>(domain.tokens()) /
                                                 static_cast<double>(domain.bytes())
                                           : NAN;
    table.row({names[i], fmt::format("{:.4f}", losses[i]), std::isnan(bits) ? "-" : fmt::format("{:.4f}", bits)});
    json.field(names[i], losses[i]);
    total += losses[i] / static_cast<double>(names.size());
    worst = std::max(worst, losses[i]);
  }
  json.end_object().field("average", total).field("worst", worst).end_object();
  if (as_json) {
    fmt::print("{}", json.str());
    return;
  }
  fmt::print("{}average {:.4f}, worst {:.4f} {}\n", table.str(), total, worst, unit);
}

/// Searches, writes what was found, and prints it. Returns the exit code.
int search(const cli::App& app, const Options& options, const mixcal::CalibrateOptions& settings) {
  const mixcal::CalibrateContext context = context_of(app, options, "a folder for the run");
  const std::string& mixture_path = options.output + "/mixture.json";
  if (options.is_first() && !options.resume) base::check_output(mixture_path, app.common().replace());
  const data::TokenStore store = open_store(app, options, options.output + "/tokens");
  std::vector<std::string> warnings = mixcal::duplicate_warnings(store, mixcal::find_duplicates(store));
  for (const std::string& warning : warnings) base::warn("{}", warning);
  warn_about_size(settings.settings.model, store);
  mixcal::Calibration calibration = mixcal::calibrate(store, settings, context);
  if (calibration.stopped) return stopped(options);
  if (!options.is_first()) return 0;
  calibration.mixture.warnings.insert(calibration.mixture.warnings.begin(), warnings.begin(), warnings.end());
  mixcal::write_calibration(calibration, options.output, app.common().replace());
  base::info("wrote {0}/mixture.json and {0}/report.html", base::printable(options.output));
  if (app.common().json) {
    fmt::print("{}", mixcal::to_json(calibration));
    return 0;
  }
  if (const std::string worse = calibration.beside_uniform(calibration.mixture.method); !worse.empty())
    fmt::print("{}\n", worse);
  fmt::print("{}", text_of(mixcal::weight_table(calibration.mixture)));
  if (!calibration.arms.empty()) fmt::print("\n{}", text_of(mixcal::arm_table(calibration)));
  fmt::print("{}\n", mixcal::cost_text(calibration));
  return 0;
}

}  // namespace

mixcal::CalibrateContext context_of(const cli::App& app, const Options& options, const std::string& what) {
  dist::Team& team = *options.team;
  const bool shares_cores = app.common().threads == 0 && team.size() > 1;
  return {.folder = output_of(options, what.c_str()),
          .config = config::dump_yaml(app.binder(), false),
          .resume = options.resume,
          .seed = static_cast<uint64_t>(app.common().seed),
          .threads = shares_cores ? team.cores() : static_cast<unsigned>(app.common().threads),
          .stop = &team.stop_requested(),
          .shown = team.is_first(),
          .replace = app.common().replace(),
          .team = &team};
}

int stopped(const Options& options) {
  base::warn("stopped early; --resume goes on");
  return options.team->stop_code();
}

int calibrate(const cli::App& app, const Options& options) { return search(app, options, options.calibrate); }

int train_reference(const cli::App& app, const Options& options) {
  const mixcal::CalibrateContext context = context_of(app, options, "a folder for the run");
  const data::TokenStore store = open_store(app, options, "");
  const mixcal::CalibrateOptions& calibrate = options.calibrate;
  const mixcal::TrainSettings& settings = calibrate.settings;
  const mixcal::Weights given = mixcal::named_weights(calibrate.reference, store, calibrate.exponent,
                                                      mixcal::budget_of(calibrate, store), calibrate.epochs);
  const mixcal::Trainings runs(store, context);
  const auto model = mixcal::train_reference(runs, settings, given, context.seed, ".");
  if (!model) return stopped(options);
  if (!options.is_first()) return 0;
  print_losses(store.names(), mixcal::evaluate(*model, store, data::Part::validation, settings.evaluation), store,
               app.common().json);
  base::info("wrote {}/model.onnx", base::printable(options.output));
  return 0;
}

int train_proxy(const cli::App& app, const Options& options) {
  mixcal::CalibrateOptions settings = options.calibrate;
  if (settings.reference_model.empty())
    throw Error(ErrorKind::usage, "proxy", "needs a reference model",
                "give --reference-model: mixcal reference writes it");
  settings.method = "doremi";
  settings.compare = false;
  return search(app, options, settings);
}

/// Trains on weights that move, and leaves them beside the model.
int train_online(const cli::App& app, const Options& options, const data::TokenStore& store) {
  const mixcal::CalibrateContext context = context_of(app, options, "a folder for the run");
  const mixcal::CalibrateOptions& calibrate = options.calibrate;
  const mixcal::OnlineOptions how{options.online, calibrate.doge, calibrate.aioli,
                                  mixcal::places_of(calibrate.over, store, "--over")};
  const auto trained = mixcal::train_online_primary(store, how, calibrate.settings, context);
  if (!trained) return stopped(options);
  if (!options.is_first()) return 0;
  mixcal::Calibration told;
  told.mixture.method = options.online;
  for (const std::string& name : store.names()) told.mixture.domains.push_back({.name = name});
  told.trajectories.push_back(trained->stage.proxy.trajectory);
  base::write_file(options.output + "/trajectory.csv", mixcal::trajectory_csv(told), base::Replace::any);
  std::string lines = "name,weight\n";
  for (size_t i = 0; i < store.names().size(); ++i)
    lines += fmt::format("{},{}\n", store.names()[i], trained->stage.proxy.weights[i]);
  base::write_file(options.output + "/weights.csv", lines, base::Replace::any);
  print_losses(store.names(), trained->losses, store, app.common().json);
  base::info("wrote {0}/model.onnx, {0}/weights.csv and {0}/trajectory.csv", base::printable(options.output));
  return 0;
}

int train_primary(const cli::App& app, const Options& options) {
  if (options.weights.empty() == options.online.empty())
    throw Error(ErrorKind::usage, "train", "needs weights",
                "give --weights: a file, or uniform; or else --online aioli");
  if (!options.online.empty()) return train_online(app, options, open_store(app, options, ""));
  const mixcal::CalibrateContext context = context_of(app, options, "a folder for the run");
  const data::TokenStore store = open_store(app, options, "");
  const mixcal::CalibrateOptions& calibrate = options.calibrate;
  const mixcal::TrainSettings& settings = calibrate.settings;
  const mixcal::LanguageModel model(settings.model, store, 0);
  const double drawn = static_cast<double>(settings.loop.steps * settings.batch * model.length());
  const mixcal::Weights weights =
      mixcal::named_weights(options.weights, store, calibrate.exponent, std::max(1.0, drawn), calibrate.epochs);
  const std::vector<double> epochs = mixcal::epochs_of(weights, mixcal::training_tokens(store), drawn);
  for (size_t i = 0; i < epochs.size(); ++i)
    if (epochs[i] > calibrate.epochs)
      base::warn("domain '{}' is passed {:.1f} times", base::printable(store.domains()[i].name), epochs[i]);
  const std::vector<double> losses = mixcal::train_on(store, weights, settings, context);
  if (losses.empty()) return stopped(options);
  if (!options.is_first()) return 0;
  print_losses(store.names(), losses, store, app.common().json);
  base::info("wrote {}/model.onnx", base::printable(options.output));
  return 0;
}

int eval(const cli::App& app, const Options& options) {
  const data::TokenStore store = open_store(app, options, "");
  mixcal::ModelOptions model = options.calibrate.settings.model;
  if (!model.is_file()) throw Error(ErrorKind::usage, "--model", "names no ONNX file", "give the model.onnx of a run");
  model.init = "keep";
  const mixcal::LanguageModel made(model, store, 0);
  mixcal::check_tokenizer(made, store, model.model);
  print_losses(store.names(), mixcal::evaluate(made, store, data::Part::test, options.calibrate.settings.evaluation),
               store, app.common().json);
  return 0;
}

int export_mixture(const cli::App& app, const Options& options) {
  const std::vector<std::string> paths = options.paths();
  if (paths.size() != 1) throw Error(ErrorKind::usage, "export", "needs one mixture", "name a mixture.json");
  mixcal::Mixture mixture = mixcal::read_mixture(paths[0]);
  if (options.calibrate.budget > 0) mixture.budget = options.calibrate.budget;
  const mixcal::Exported result = mixcal::exported(mixture, options.exported);
  base::info("{} counts shares of {}s", options.exported.target, result.unit);
  if (options.output.empty())
    fmt::print("{}", result.text);
  else
    base::write_file(options.output, result.text, app.common().replace());
  return 0;
}

}  // namespace allot
