// SPDX-License-Identifier: Apache-2.0
#include "mixcal/stages.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "mixcal/import_check.h"
#include "train/run_folder.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kTokenizerKey = "allot.mixcal.tokenizer";

/// What does not change a run that is under way.
std::vector<std::string> may_differ() { return {"compare", "save_every", "seeds", "budget"}; }

}  // namespace

bool Trainings::run(train::Job& job, const LanguageModel& model, const TrainSettings& settings,
                    const std::string& folder, const std::string& inputs) const {
  const bool is_first = !context_.team || context_.team->is_first();
  const std::string path = context_.folder + "/" + folder;
  std::unique_ptr<train::RunFolder> files;
  if (is_first) {
    const bool resumes = context_.resume && std::filesystem::exists(path + "/checkpoint/state.safetensors");
    files = std::make_unique<train::RunFolder>(path, context_.config, resumes, context_.replace, may_differ());
  }
  base::Sha256 fingerprint;
  for (const std::string& each : {store_.hash(), inputs}) fingerprint.add_field(each);
  train::Loop loop(job, files.get(), settings.loop,
                   {.schema = kLanguageSchema,
                    .fingerprint = fingerprint.hex(),
                    .stop = context_.stop,
                    .team = context_.team,
                    .shown = context_.shown});
  base::info("{}", folder);
  if (loop.run() == train::Ended::stopped) return false;
  if (is_first)
    model.network().write(path + "/model.onnx", base::Replace::own,
                          {{"allot.tool", "mixcal"}, {kTokenizerKey, store_.tokenizer().hash()}});
  return true;
}

LanguageModel Trainings::fresh(const ModelOptions& model, uint64_t seed, Role role) const {
  LanguageModel made(model, store_, base::mix(seed, role));
  if (model.is_file() && model.verify && checked_.insert(model.model).second)
    check_import(made, seed, model.init == "fresh");
  if (model.is_file() && model.init == "keep") check_tokenizer(made, store_, model.model);
  return made;
}

std::vector<train::Record> Trainings::records(const std::string& folder) const {
  if (context_.team && !context_.team->is_first()) return {};
  return train::read_records(context_.folder + "/" + folder + "/metrics.jsonl");
}

void check_tokenizer(const LanguageModel& model, const data::TokenStore& store, const std::string& path) {
  const auto found = model.network().model().metadata_value(kTokenizerKey);
  if (found && *found != store.tokenizer().hash())
    throw Error(ErrorKind::check_failed, base::printable(path), "was trained on another tokenizer's tokens",
                "give a model of the data's tokenizer: mixcal reference trains one");
}

std::string text_of(const Weights& weights) {
  std::string text;
  for (const double weight : weights) text += fmt::format("{} ", weight);
  return text;
}

std::optional<LanguageModel> train_reference(const Trainings& runs, const TrainSettings& settings, const Weights& given,
                                             uint64_t seed, const std::string& folder) {
  LanguageModel reference = runs.fresh(settings.model, seed, kReferenceRole);
  const Lesson lesson = runs.lesson({data::Part::reference}, seed, kReferenceStream);
  SamplingJob job(reference, settings, lesson, given);
  if (!runs.run(job, reference, settings, folder, text_of(given))) return std::nullopt;
  return reference;
}

LanguageModel read_reference(const Trainings& runs, const TrainSettings& settings, const std::string& path,
                             uint64_t seed) {
  const LanguageModel proxy(settings.model, runs.store(), seed);
  const ModelOptions options{.model = path, .init = "keep", .length = proxy.of_items() ? 0 : proxy.length()};
  if (!options.is_file())
    throw Error(ErrorKind::usage, "--reference-model", "names no ONNX file", "mixcal reference writes one");
  LanguageModel reference(options, runs.store(), seed);
  check_tokenizer(reference, runs.store(), path);
  if (settings.model.verify) check_outputs(reference, seed);
  return reference;
}

std::optional<ProxyStage> train_proxy(const Trainings& runs, const LanguageModel& reference,
                                      const TrainSettings& settings, const DroOptions& dro, uint64_t seed,
                                      const std::string& folder, const std::string& inputs) {
  LanguageModel proxy = runs.fresh(settings.model, seed, kProxyRole);
  const Lesson lesson = runs.lesson({data::Part::proxy}, seed, kProxyStream);
  ProxyJob job(proxy, reference, settings, lesson, dro, settings.loop.steps);
  if (!runs.run(job, proxy, settings, folder, inputs)) return std::nullopt;
  return ProxyStage{std::move(proxy), job.dro().average(), job.dro().step(), job.trajectory()};
}

std::optional<OnlineStage> train_online(const Trainings& runs, const TrainSettings& settings,
                                        const OnlineOptions& options, uint64_t seed, const std::string& folder,
                                        Role role) {
  LanguageModel model = runs.fresh(settings.model, seed, role);
  const Lesson lesson = runs.lesson(training_parts(), seed, role == kPrimaryRole ? kPrimaryStream : kProxyStream);
  const int64_t steps = settings.loop.steps;
  std::unique_ptr<OnlineJob> job;
  if (options.method == "doge") {
    const std::vector<std::string>& over = options.doge.over;
    const std::vector<size_t> targets = over.empty() ? options.over : places_of(over, runs.store(), "--doge.over");
    job = std::make_unique<DogeJob>(model, settings, lesson, options.doge, targets, steps);
  } else {
    job = std::make_unique<AioliJob>(model, settings, lesson, options.aioli, options.over, steps);
  }
  if (!runs.run(*job, model, settings, folder, options.method)) return std::nullopt;
  const double flops = job->flops(steps);
  ProxyStage proxy{std::move(model), job->average(), job->speed(), job->trajectory()};
  return OnlineStage{std::move(proxy), flops};
}

std::vector<size_t> places_of(const std::vector<std::string>& names, const data::TokenStore& store,
                              const std::string& option) {
  const std::vector<std::string> all = store.names();
  std::vector<size_t> places;
  for (const std::string& name : names) {
    const auto found = std::find(all.begin(), all.end(), name);
    if (found == all.end())
      throw Error(ErrorKind::config, option, fmt::format("there is no domain '{}'", base::printable(name)),
                  base::suggestion(name, all));
    places.push_back(static_cast<size_t>(found - all.begin()));
  }
  for (size_t i = 0; names.empty() && i < all.size(); ++i) places.push_back(i);
  return places;
}

}  // namespace allot::mixcal
