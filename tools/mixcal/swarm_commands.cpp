// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/table.h"
#include "cli/version.h"
#include "commands.h"
#include "mixcal/propose.h"

namespace allot {
namespace {

using base::Error;
using base::ErrorKind;

std::string figure(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "-"; }

mixcal::Swarm read(const Options& options) {
  if (options.ratios.empty() || options.metrics.empty())
    throw Error(ErrorKind::usage, options.words.front(), "needs the runs of a swarm", "give --ratios and --metrics");
  return mixcal::read_swarm(options.ratios, options.metrics);
}

mixcal::ProposeOptions settings_of(const Options& options) {
  mixcal::ProposeOptions propose = options.calibrate.propose;
  propose.method = options.calibrate.method == "regmix" ? "regmix" : "mixing-law";
  if (propose.objective == std::vector<std::string>{"average"} && !options.calibrate.over.empty())
    propose.objective = options.calibrate.over;
  return propose;
}

/// What --cap says; none where it says nothing.
std::vector<double> caps_of(const Options& options, const std::vector<std::string>& domains) {
  if (options.caps.empty()) return {};
  std::vector<double> caps(domains.size(), 1);
  for (const std::string& each : options.caps) {
    const size_t equals = std::min(each.rfind('='), each.size());
    const std::string name = each.substr(0, equals), number = each.substr(std::min(equals + 1, each.size()));
    const auto found = std::find(domains.begin(), domains.end(), name);
    if (found == domains.end())
      throw Error(ErrorKind::usage, "--cap", fmt::format("there is no domain '{}'", base::printable(name)),
                  base::suggestion(name, domains));
    double& cap = caps[static_cast<size_t>(found - domains.begin())];
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), cap);
    if (error != std::errc() || end != number.data() + number.size() || !(cap >= 0 && cap <= 1))
      throw Error(ErrorKind::usage, "--cap", fmt::format("'{}' is no share", base::printable(number)),
                  "write NAME=0.3");
  }
  return caps;
}

/// Without data nothing is known of natural shares.
mixcal::Weights prior_of(const Options& options, const std::vector<std::string>& domains) {
  const std::string& reference = options.calibrate.reference;
  if (reference == "natural" || reference == "uniform") return mixcal::uniform(domains.size());
  return mixcal::read_weights(reference, domains);
}

std::string proposal_json(const mixcal::Swarm& swarm, const mixcal::Proposal& proposal) {
  base::JsonWriter json;
  json.begin_object()
      .field("schema", "allot.mixture-proposal/1")
      .field("domains", swarm.domains)
      .field("weights", proposal.weights);
  json.field("deviations", proposal.deviations).field("objective", proposal.objective);
  json.field("objective_at_prior", proposal.objective_at_prior)
      .field("objective_at_uniform", proposal.objective_at_uniform);
  json.field("nearest_run", proposal.nearest).key("metrics").begin_array();
  for (const mixcal::Fitted& fitted : proposal.fitted)
    json.begin_object(true)
        .field("name", fitted.metric)
        .field("regressor", fitted.kind)
        .field("rmse", fitted.quality.rmse)
        .field("spearman", fitted.quality.spearman)
        .end_object();
  return json.end_array().end_object().str();
}

void print(const mixcal::Swarm& swarm, const mixcal::Weights& prior, const mixcal::Proposal& proposal) {
  cli::Table table({"domain", "prior", "weight", "deviation"});
  for (size_t i = 0; i < swarm.domains.size(); ++i)
    table.row({swarm.domains[i], figure(prior[i]), figure(proposal.weights[i]), figure(proposal.deviations[i])});
  fmt::print("{}", table.str());
  double error = 0;
  for (const mixcal::Fitted& fitted : proposal.fitted) error = std::max(error, fitted.quality.rmse);
  fmt::print(
      "predicted objective {}; at the prior {}, at uniform shares {}; left-out runs are predicted to {} or better\n",
      figure(proposal.objective), figure(proposal.objective_at_prior), figure(proposal.objective_at_uniform),
      figure(error));
  fmt::print("the nearest mixture that was run differs by {} in a weight\n", figure(proposal.nearest));
  if (!proposal.gains.empty() && *std::min_element(proposal.gains.begin(), proposal.gains.end()) <= 0)
    fmt::print("not sure to be better than uniform shares: some of the swarms drawn from these runs led to worse\n");
}

}  // namespace

int swarm(const cli::App& app, const Options& options) {
  const data::TokenStore store = open_store(app, options, "");
  const std::vector<double> tokens = mixcal::training_tokens(store);
  const mixcal::CalibrateOptions& calibrate = options.calibrate;
  const mixcal::Weights prior =
      mixcal::named_weights(calibrate.reference, store, calibrate.exponent, calibrate.budget, calibrate.epochs);
  const std::vector<double> caps =
      calibrate.budget > 0 ? mixcal::caps_of(tokens, calibrate.budget, calibrate.epochs) : std::vector<double>{};
  mixcal::Swarm drawn{store.names(),
                      {},
                      {},
                      mixcal::sample_mixtures(prior, calibrate.swarm, caps, static_cast<uint64_t>(app.common().seed)),
                      {}};
  for (size_t i = 0; i < drawn.size(); ++i) drawn.runs.push_back(fmt::format("{:04}", i));
  mixcal::write_ratios(drawn, output_of(options, "a CSV file for the mixtures"), app.common().replace());
  base::info("wrote {}: {} mixtures; train on each, and write their losses to metrics.csv in the same layout",
             base::printable(options.output), drawn.size());
  return 0;
}

int fit(const cli::App& app, const Options& options) {
  const mixcal::Swarm runs = read(options);
  const auto fitted = mixcal::fit_all(runs, settings_of(options), static_cast<uint64_t>(app.common().seed));
  if (app.common().json || !options.output.empty()) {
    base::JsonWriter json;
    json.begin_object()
        .field("schema", "allot.mixture-law/1")
        .field("domains", runs.domains)
        .field("runs", static_cast<int64_t>(runs.size()))
        .key("metrics")
        .begin_array();
    for (const mixcal::Fitted& each : fitted)
      json.begin_object()
          .field("name", each.metric)
          .field("regressor", each.kind)
          .field("rmse", each.quality.rmse)
          .field("spearman", each.quality.spearman)
          .field("formula", each.formula)
          .end_object();
    const std::string text = json.end_array().end_object().str();
    if (!options.output.empty()) base::write_file(options.output, text, app.common().replace());
    if (app.common().json) fmt::print("{}", text);
  }
  if (app.common().json) return 0;
  cli::Table table({"metric", "regressor", "error on left-out runs", "rank correlation", "formula"});
  for (const mixcal::Fitted& each : fitted)
    table.row({each.metric, each.kind, figure(each.quality.rmse), figure(each.quality.spearman), each.formula});
  fmt::print("{}", table.str());
  return 0;
}

int optimize(const cli::App& app, const Options& options) {
  const mixcal::Swarm runs = read(options);
  const mixcal::Weights prior = prior_of(options, runs.domains);
  const mixcal::ProposeOptions settings = settings_of(options);
  const auto seed = static_cast<uint64_t>(app.common().seed);
  const mixcal::Proposal proposal = mixcal::propose(runs, prior, caps_of(options, runs.domains), settings, seed);
  if (app.common().json)
    fmt::print("{}", proposal_json(runs, proposal));
  else
    print(runs, prior, proposal);
  if (options.output.empty()) return 0;
  mixcal::Mixture mixture{.method = settings.method, .budget = options.calibrate.budget, .seeds = {seed}};
  for (size_t i = 0; i < prior.size(); ++i)
    mixture.domains.push_back({runs.domains[i], proposal.weights[i], prior[i], proposal.deviations[i]});
  mixture.settings = {
      {"kl", fmt::format("{}", settings.kl)}, {"regressor", settings.regressor}, {"runs", std::to_string(runs.size())}};
  base::write_file(options.output, mixcal::to_json(mixture), app.common().replace());
  base::info("wrote {}", base::printable(options.output));
  return 0;
}

}  // namespace allot
