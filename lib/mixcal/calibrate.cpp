// SPDX-License-Identifier: Apache-2.0
#include "mixcal/calibrate.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "mixcal/gpt.h"
#include "mixcal/guards.h"
#include "mixcal/prepare.h"
#include "mixcal/swarm_runs.h"
#include "train/statistics.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;
using data::Part;

TrainSettings primary_settings(const CalibrateOptions& options) {
  TrainSettings primary = options.settings;
  if (!options.primary.empty()) primary.model.model = options.primary;
  if (options.primary_steps > 0) primary.loop.steps = options.primary_steps;
  return primary;
}

class Search {
 public:
  Search(const data::TokenStore& store, const CalibrateOptions& options, const CalibrateContext& context)
      : store_(store), options_(options), context_(context), runs_(store, context), tokens_(training_tokens(store)) {
    primary_ = primary_settings(options);
    result_.compared_steps = options.compare ? primary_.loop.steps : 0;
    if (options.compare) look_at_sizes();
    budget_ = budget_of(options, store);
    caps_ = caps_of(tokens_, budget_, options.epochs);
    reference_ = named_weights(options.reference, store, options.exponent, budget_, options.epochs);
    result_.over = places_of(options.over, store, "--over");
  }

  Calibration run() {
    for (int64_t i = 0; i < options_.seeds && !result_.stopped; ++i) {
      const uint64_t seed = context_.seed + static_cast<uint64_t>(i);
      seeds_.push_back(seed);
      const std::string folder = options_.seeds > 1 ? fmt::format("seed-{}/", seed) : "";
      Weights found = find(seed, folder);
      if (result_.stopped) break;
      result_.by_seed.push_back(capped(found, caps_));
      if (options_.compare) compare(seed, folder, result_.by_seed.back());
    }
    if (!result_.stopped) describe();
    return std::move(result_);
  }

 private:
  /// A proxy is there to be smaller than what it stands for.
  void look_at_sizes() {
    if (options_.primary.empty()) {
      base::info("compared on the proxy itself: --primary names a larger model");
      return;
    }
    const int64_t proxy = LanguageModel(options_.settings.model, store_, 0).numbers();
    const int64_t primary = LanguageModel(primary_.model, store_, 0).numbers();
    if (proxy >= primary)
      warn(fmt::format("the proxy has {} parameters, and the model that it stands for {}: name a larger --primary",
                       proxy, primary));
  }

  Weights find(uint64_t seed, const std::string& folder) {
    if (options_.method == "doremi") return by_proxy(seed, folder);
    if (options_.method == "doge" || options_.method == "aioli") return online(seed, folder);
    if (options_.method == "mixing-law" || options_.method == "regmix") return by_swarm(seed, folder);
    return named_weights(options_.method, store_, options_.exponent, budget_, options_.epochs);
  }

  /// DoReMi, round after round.
  Weights by_proxy(uint64_t seed, const std::string& folder) {
    Weights given = reference_, found;
    for (int64_t round = 1; round <= options_.rounds; ++round) {
      const std::string place = folder + (options_.rounds > 1 ? fmt::format("round-{}/", round) : "");
      found = one_round(seed, place, given);
      if (result_.stopped) return found;
      const double change = largest_difference(found, given);
      if (options_.rounds > 1) base::info("round {} changed a weight by {:.4f}", round, change);
      if (change < options_.tolerance) break;
      given = found;
    }
    return found;
  }

  Weights one_round(uint64_t seed, const std::string& folder, const Weights& given) {
    const TrainSettings& settings = options_.settings;
    const std::string& file = options_.reference_model;
    std::string inputs = text_of(given);
    std::optional<LanguageModel> reference;
    if (file.empty()) {
      reference = train_reference(runs_, settings, given, seed, folder + "reference");
    } else {
      reference = read_reference(runs_, settings, file, seed);
      inputs += base::sha256(base::Bytes::open(file)->view());
    }
    if (!reference) return stopped(given);
    if (file.empty()) add_flops("reference", 6, *reference, settings);
    const auto proxy = train_proxy(runs_, *reference, settings, options_.dro, seed, folder + "proxy", inputs);
    if (!proxy) return stopped(given);
    add_flops("proxy", 8, proxy->model, settings);
    if (result_.trajectories.size() < seeds_.size()) result_.trajectories.emplace_back();
    result_.trajectories.back() = proxy->trajectory;
    result_.mixture.settings["step"] = fmt::format("{}", proxy->step);
    warn_of(proxy->trajectory);
    const int64_t most = settings.evaluation;
    const auto of_reference = evaluate(*reference, store_, Part::validation, most),
               of_proxy = evaluate(proxy->model, store_, Part::validation, most);
    if (mean_over(of_proxy, result_.over) > 1.5 + mean_over(of_reference, result_.over))
      warn("the proxy ended far above its reference: lower --dro.step or the learning rate");
    return proxy->weights;
  }

  /// A proxy that needs no reference.
  Weights online(uint64_t seed, const std::string& folder) {
    const OnlineOptions how{options_.method, options_.doge, options_.aioli, result_.over};
    const auto found = train_online(runs_, options_.settings, how, seed, folder + "proxy");
    if (!found) return stopped(reference_);
    result_.mixture.flops["proxy"] += found->flops;
    result_.mixture.settings["step"] = fmt::format("{}", found->proxy.step);
    result_.trajectories.push_back(found->proxy.trajectory);
    warn_of(found->proxy.trajectory);
    return found->proxy.weights;
  }

  Weights stopped(const Weights& given) {
    result_.stopped = true;
    return given;
  }

  Weights by_swarm(uint64_t seed, const std::string& folder) {
    TrainSettings settings = options_.settings;
    settings.loop.steps =
        options_.swarm_steps > 0 ? options_.swarm_steps : std::max<int64_t>(1, settings.loop.steps / 2);
    settings.loop.evaluate_every = 0;
    // No caps: a mixture that repeats a small domain is what a law needs to see. Source: specification of mixcal, 1.5.
    const auto ran = run_swarm(store_, context_, settings, sample_mixtures(reference_, options_.swarm, {}, seed), seed,
                               folder + "swarm/");
    if (!ran) return stopped(reference_);
    const Swarm& swarm = ran->swarm;
    result_.mixture.flops["swarm"] += ran->flops;
    if (!context_.team || context_.team->is_first()) {
      write_ratios(swarm, context_.folder + "/" + folder + "swarm/ratios.csv", base::Replace::any);
      write_metrics(swarm, context_.folder + "/" + folder + "swarm/metrics.csv", base::Replace::any);
    }
    ProposeOptions propose_options = options_.propose;
    propose_options.method = options_.method;
    if (propose_options.objective == std::vector<std::string>{"average"} && !options_.over.empty())
      propose_options.objective = options_.over;
    Proposal proposal = propose(swarm, reference_, caps_, propose_options, seed);
    result_.fitted = proposal.fitted;
    replicate_deviations_ = proposal.deviations;
    return proposal.weights;
  }

  void compare(uint64_t seed, const std::string& folder, const Weights& found) {
    const std::vector<NamedWeights> mixes = {
        {"natural", natural(tokens_)}, {"uniform", uniform(tokens_.size())}, {options_.method, found}};
    const auto flops = mixcal::compare(runs_, mixes, primary_, seed, folder, result_.over, result_.arms);
    result_.stopped = !flops;
    if (flops) result_.mixture.flops["comparison"] += *flops;
  }

  void add_flops(const std::string& stage, double each, const LanguageModel& model, const TrainSettings& settings) {
    result_.mixture.flops[stage] += flops_of(each, model, settings);
  }

  void warn_of(const std::vector<std::vector<double>>& trajectory) {
    for (const std::string& text : trajectory_warnings(trajectory, store_.names(), options_.method)) warn(text);
  }

  void warn(const std::string& text) {
    base::warn("{}", text);
    result_.mixture.warnings.push_back(text);
  }

  void describe() {
    Mixture& mixture = result_.mixture;
    mixture.method = options_.method;
    mixture.budget = budget_;
    mixture.seeds = seeds_;
    mixture.tokenizer_kind = store_.tokenizer().kind, mixture.tokenizer_hash = store_.tokenizer().hash();
    mixture.data = store_.hash();
    mixture.settings["model"] = options_.settings.model.model;
    mixture.settings["steps"] = std::to_string(options_.settings.loop.steps);
    mixture.settings["reference_weights"] = options_.reference;
    if (!options_.reference_model.empty()) mixture.settings["reference_model"] = options_.reference_model;
    mixture.settings["rounds"] = std::to_string(options_.rounds);
    mixture.settings["most_epochs"] = fmt::format("{}", options_.epochs);
    for (size_t i = 0; i < tokens_.size(); ++i) {
      std::vector<double> values;
      for (const Weights& weights : result_.by_seed) values.push_back(weights[i]);
      const train::Summary summary = train::summarize(values);
      const data::TokenDomain& domain = store_.domains()[i];
      const auto tokens = static_cast<double>(domain.tokens()), documents = static_cast<double>(domain.documents());
      const double deviation =
          seeds_.size() < 2 && !replicate_deviations_.empty() ? replicate_deviations_[i] : summary.deviation;
      mixture.domains.push_back({domain.name, summary.mean, reference_[i], deviation, static_cast<int64_t>(tokens_[i]),
                                 tokens / documents, static_cast<double>(domain.bytes()) / tokens});
    }
    const double longest = [&] {
      double most = 0;
      for (const MixtureDomain& domain : mixture.domains) most = std::max(most, domain.epochs(budget_));
      return most;
    }();
    if (longest > 4) warn(fmt::format("a domain is passed {:.1f} times", longest));
    if (const std::string worse = result_.beside_uniform(options_.method); !worse.empty()) warn(worse);
  }

  const data::TokenStore& store_;
  const CalibrateOptions& options_;
  const CalibrateContext& context_;
  Trainings runs_;
  std::vector<double> tokens_, caps_;
  double budget_ = 0;
  TrainSettings primary_;
  Weights reference_;
  std::vector<uint64_t> seeds_;
  std::vector<double> replicate_deviations_;
  Calibration result_;
};

}  // namespace

std::vector<std::string> method_names() {
  return {"doremi", "doge", "aioli", "mixing-law", "regmix", "uniform", "natural", "temperature", "unimax"};
}

void CalibrateOptions::bind(config::Binder& binder) {
  binder.choice("method", method, "how weights are found", method_names());
  settings.bind(binder);
  binder.section("dro", "of doremi: how weights follow the proxy", [this](config::Binder& b) { dro.bind(b); });
  binder.section("doge", "of doge: how weights follow gradients", [this](config::Binder& b) { doge.bind(b); });
  binder.section("aioli", "of aioli: when it looks, and how weights follow",
                 [this](config::Binder& b) { aioli.bind(b); });
  binder.text("reference", reference,
              "weights of the reference model's data, prior of swarms: natural, uniform or a file");
  binder.text("reference_model", reference_model,
              "of doremi: an ONNX file that is the reference model; default: one is trained");
  binder.integer("rounds", rounds, "of doremi: each round's weights are the next one's reference", 1, 100);
  binder.number("tolerance", tolerance, "of doremi: largest change of a weight below which rounds end", 0, 1);
  binder.integer("seeds", seeds, "searches with consecutive seeds; weights are their mean", 1, 1000);
  binder.number("exponent", exponent, "of temperature: weights are tokens^exponent", 0, 1);
  binder.number("max_epochs", epochs, "most passes over a domain: weights are capped", 1e-3, 1e9);
  binder.number("budget", budget, "tokens that weights are for; 0 = those of the comparison", 0, 1e18);
  binder.section("swarm", "of mixing-law and regmix: which mixtures are run", [this](config::Binder& b) {
    swarm.bind(b);
    b.integer("steps", swarm_steps, "of each run; 0 = half of --steps", 0, int64_t{1} << 40);
  });
  binder.section("law", "of mixing-law and regmix: how runs become a mixture",
                 [this](config::Binder& b) { propose.bind_law(b); });
  binder.flag("compare", compare, "train on natural, uniform and found weights, and tell what came of it");
  binder.text("primary", primary, "model of the comparison; default: the same");
  binder.integer("primary_steps", primary_steps, "steps of the comparison; 0 = as many", 0, int64_t{1} << 40);
  binder.list("over", over, "domains that count in averages, objectives and the worst case; default: all");
}

double budget_of(const CalibrateOptions& options, const data::TokenStore& store) {
  if (options.budget > 0) return options.budget;
  const TrainSettings primary = primary_settings(options);
  const LanguageModel model(primary.model, store, 0);
  return static_cast<double>(primary.loop.steps * primary.batch * model.length());
}

Weights named_weights(const std::string& text, const data::TokenStore& store, double exponent, double budget,
                      double epochs) {
  const std::vector<double> tokens = training_tokens(store);
  if (text == "natural") return natural(tokens);
  if (text == "uniform") return uniform(tokens.size());
  if (text == "temperature") return temperature(tokens, exponent);
  if (text == "unimax") return unimax(tokens, budget, epochs);
  return read_weights(text, store.names(), store.tokenizer().hash());
}

bool Calibration::beats_uniform() const { return arms.size() == 3 && is_better(arms[2], arms[1], over); }

std::string Calibration::beside_uniform(const std::string& name) const {
  return arms.size() == 3 ? mixcal::beside_uniform(name, arms[2], arms[1], over) : "";
}

Calibration calibrate(const data::TokenStore& store, const CalibrateOptions& options, const CalibrateContext& context) {
  if (store.domains().size() < 2)
    throw Error(ErrorKind::malformed, base::printable(store.path()), "has one domain only",
                "a mixture is of two or more");
  if (options.settings.loop.steps == 0)
    throw Error(ErrorKind::usage, "--steps", "is missing", "weights depend on how long models train: give a number");
  if (!options.reference_model.empty() && options.rounds > 1)
    throw Error(ErrorKind::usage, "--reference-model", "is of one round",
                "leave out --rounds: each of several trains a reference model of its own");
  return Search(store, options, context).run();
}

}  // namespace allot::mixcal
