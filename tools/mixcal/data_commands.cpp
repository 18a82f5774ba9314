// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/table.h"
#include "commands.h"
#include "config/units.h"
#include "mixcal/flops.h"
#include "mixcal/gpt.h"
#include "mixcal/items.h"
#include "mixcal/synthetic.h"
#include "onnxio/writer.h"

namespace allot {
namespace {

using base::Error;
using base::ErrorKind;

/// 0 where nothing is known of text.
double bytes_a_token(const data::TokenDomain& domain) {
  return static_cast<double>(domain.bytes()) / static_cast<double>(domain.tokens());
}

std::string share(double value) { return fmt::format("{:.4f}", value); }

std::string sample_of(const data::TokenStore& store, size_t domain) {
  const auto view = store.tokens(domain, data::Part::reference);
  std::string text;
  if (store.tokenizer().kind == mixcal::kItemsKind) return fmt::format("class {}", view[view.size() - 1]);
  for (size_t i = 0; i < std::min<size_t>(view.size(), 40); ++i)
    text +=
        store.tokenizer().kind == "bytes" ? std::string(1, static_cast<char>(view[i])) : fmt::format("{} ", view[i]);
  return base::printable(text, 40);
}

std::string inspect_json(const data::TokenStore& store, const mixcal::Duplicates& duplicates) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.tokens-summary/1").field("tokenizer", store.tokenizer().kind);
  json.field("vocabulary", store.tokenizer().vocabulary).key("domains").begin_array();
  for (size_t i = 0; i < store.domains().size(); ++i) {
    const data::TokenDomain& domain = store.domains()[i];
    json.begin_object(true)
        .field("name", domain.name)
        .field("documents", domain.documents())
        .field("tokens", domain.tokens());
    json.field("bytes", domain.bytes())
        .field("bytes_per_token", bytes_a_token(domain))
        .field("duplicates", duplicates.within[i])
        .field("invalid_utf8", domain.invalid_utf8)
        .end_object();
  }
  return json.end_array().field("warnings", mixcal::duplicate_warnings(store, duplicates)).end_object().str();
}

}  // namespace

std::string write_task(const std::string& task, const std::string& folder, uint64_t seed, base::Replace replace) {
  std::string table = "name,entropy\n";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(ErrorKind::cannot_create, base::printable(folder), error.message());
  for (const mixcal::SyntheticDomain& domain : mixcal::synthetic_task(task, kTaskTokens, seed)) {
    base::write_file(folder + "/" + domain.name + ".bin",
                     {reinterpret_cast<const char*>(domain.tokens.data()), domain.tokens.size() * sizeof(uint16_t)},
                     replace);
    table += fmt::format("{},{:.6f}\n", domain.name, domain.entropy);
  }
  return table;
}

std::string text_of(const train::TextTable& table) {
  cli::Table text(table.header);
  for (const auto& row : table.rows) text.row(row);
  return text.str();
}

const std::string& output_of(const Options& options, const char* what) {
  if (options.output.empty()) throw Error(ErrorKind::usage, "--output", "is missing", fmt::format("name {}: -o", what));
  return options.output;
}

data::TokenStore open_store(const cli::App& app, const Options& options, const std::string& folder) {
  const std::vector<std::string> paths = options.paths();
  if (paths.empty() && options.prepare.domains.empty())
    throw Error(ErrorKind::usage, options.words.front(), "needs data", "name a folder with a folder or file a domain");
  const auto open = [&](const std::string& store) {
    data::TokenStore opened(store);
    mixcal::require_tokenizer(opened, options.prepare);
    return opened;
  };
  if (paths.size() == 1 && std::filesystem::exists(paths[0] + "/manifest.json")) return open(paths[0]);
  if (folder.empty())
    throw Error(ErrorKind::input_missing, paths.empty() ? "" : base::printable(paths[0]), "holds no prepared data",
                "mixcal prep writes it");
  const bool is_there = options.resume && std::filesystem::exists(folder + "/manifest.json");
  if (options.is_first() && !is_there)
    mixcal::prepare(paths, options.prepare, folder, static_cast<uint64_t>(app.common().seed),
                    static_cast<unsigned>(app.common().threads), app.common().replace(),
                    options.team->stop_requested());
  options.team->from_first("prepared");  // the others wait
  return open(folder);
}

int prep(const cli::App& app, const Options& options) {
  const data::TokenStore store =
      mixcal::prepare(options.paths(), options.prepare, output_of(options, "a folder for the tokens"),
                      static_cast<uint64_t>(app.common().seed), static_cast<unsigned>(app.common().threads),
                      app.common().replace(), options.team->stop_requested());
  for (const std::string& warning : mixcal::duplicate_warnings(store, mixcal::find_duplicates(store)))
    base::warn("{}", warning);
  int64_t tokens = 0;
  for (const data::TokenDomain& domain : store.domains()) tokens += domain.tokens();
  base::info("wrote {}: {} domains, {} tokens", base::printable(options.output), store.domains().size(),
             config::human_count(static_cast<double>(tokens)));
  return 0;
}

int inspect(const cli::App& app, const Options& options) {
  const data::TokenStore store = open_store(app, options, "");
  const mixcal::Duplicates duplicates = mixcal::find_duplicates(store);
  if (app.common().json) {
    fmt::print("{}", inspect_json(store, duplicates));
    return 0;
  }
  const std::vector<double> tokens = mixcal::training_tokens(store);
  const mixcal::CalibrateOptions& calibrate = options.calibrate;
  double total = 0;
  for (const double each : tokens) total += each;
  const double budget = calibrate.budget > 0 ? calibrate.budget : total;
  const mixcal::Weights natural = mixcal::natural(tokens),
                        temperature = mixcal::temperature(tokens, calibrate.exponent),
                        unimax = mixcal::unimax(tokens, budget, calibrate.epochs);
  cli::Table table({"domain", "documents", "tokens", "bytes", "bytes a token", "mean length", "copies", "natural",
                    fmt::format("temperature {}", calibrate.exponent), "unimax", "begins"});
  for (size_t i = 0; i < tokens.size(); ++i) {
    const data::TokenDomain& domain = store.domains()[i];
    table.row({domain.name, std::to_string(domain.documents()), std::to_string(domain.tokens()),
               std::to_string(domain.bytes()), domain.bytes() > 0 ? fmt::format("{:.3f}", bytes_a_token(domain)) : "-",
               fmt::format("{:.0f}", static_cast<double>(domain.tokens()) / static_cast<double>(domain.documents())),
               fmt::format("{:.1f} %", 100 * duplicates.within[i]), share(natural[i]), share(temperature[i]),
               share(unimax[i]), sample_of(store, i)});
  }
  fmt::print("{}", table.str());
  fmt::print("tokenizer {}, vocabulary {}; unimax for {} tokens and {} passes at most\n", store.tokenizer().kind,
             store.tokenizer().vocabulary, config::human_count(budget), calibrate.epochs);
  for (const std::string& warning : mixcal::duplicate_warnings(store, duplicates)) fmt::print("{}\n", warning);
  return 0;
}

int plan(const cli::App& app, const Options& options) {
  const data::TokenStore store = open_store(app, options, "");
  const mixcal::CalibrateOptions& calibrate = options.calibrate;
  const mixcal::TrainSettings& settings = calibrate.settings;
  const mixcal::LanguageModel model(settings.model, store, 0);
  const auto numbers = static_cast<double>(model.numbers());
  const double tokens = static_cast<double>(settings.loop.steps * settings.batch * model.predictions());
  const double forward = mixcal::flops_of(2, model, settings);
  const auto runs = static_cast<double>(mixcal::runs_of(calibrate.swarm, store.domains().size()));
  const double swarm_share = calibrate.swarm_steps > 0
                                 ? static_cast<double>(calibrate.swarm_steps) / static_cast<double>(settings.loop.steps)
                                 : 0.5;
  const double primary = 6 * options.primary_parameters * options.primary_tokens;
  cli::Table table({"stage", "parameters", "tokens", "FLOP", "of the primary's"});
  const auto row = [&](const std::string& name, double parameters, double count, double flops) {
    table.row({name, config::human_count(parameters), config::human_count(count), config::human_count(flops),
               fmt::format("{:.2g} %", 100 * flops / primary)});
  };
  row("reference", numbers, tokens, 3 * forward);
  row("proxy", numbers, tokens, 4 * forward);
  row(fmt::format("a swarm of {:.0f} runs", runs), numbers, runs * swarm_share * tokens,
      3 * forward * runs * swarm_share);
  row("primary", options.primary_parameters, options.primary_tokens, primary);
  fmt::print("{}", table.str());
  cli::Table epochs({"domain", "tokens", "natural", "passes", "uniform", "passes"});
  const std::vector<double> there = mixcal::training_tokens(store);
  const mixcal::Weights natural = mixcal::natural(there), uniform = mixcal::uniform(there.size());
  const auto natural_epochs = mixcal::epochs_of(natural, there, options.primary_tokens),
             uniform_epochs = mixcal::epochs_of(uniform, there, options.primary_tokens);
  for (size_t i = 0; i < there.size(); ++i)
    epochs.row({store.domains()[i].name, config::human_count(there[i]), share(natural[i]),
                fmt::format("{:.3g}", natural_epochs[i]), share(uniform[i]), fmt::format("{:.3g}", uniform_epochs[i])});
  fmt::print("\n{}", epochs.str());
  return 0;
}

int gen(const cli::App& app, const Options& options) {
  const base::Replace replace = app.common().replace();
  const auto seed = static_cast<uint64_t>(app.common().seed);
  output_of(options, "what to write");
  if (options.net.empty()) {
    fmt::print("{}", write_task(options.task() == "lm" ? "five" : options.task(), options.output, seed, replace));
  } else {
    const auto size = mixcal::find_gpt(options.net);
    if (!size)
      throw Error(ErrorKind::usage, base::printable(options.net), "is no model",
                  base::suggestion(options.net, mixcal::gpt_names()));
    onnxio::write(mixcal::make_gpt(*size, options.net_vocabulary, seed), options.output, replace);
  }
  base::info("wrote {}", base::printable(options.output));
  return 0;
}

}  // namespace allot
