// SPDX-License-Identifier: Apache-2.0
#include "mixcal/stages.h"

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
                          {{"allot.tool", "mixcal"}, {"allot.mixcal.tokenizer", store_.tokenizer().hash()}});
  return true;
}

LanguageModel Trainings::fresh(const ModelOptions& model, uint64_t seed, Role role) const {
  LanguageModel made(model, store_.tokenizer().vocabulary, base::mix(seed, role));
  if (model.is_file() && model.verify && checked_.insert(model.model).second)
    check_import(made, seed, model.init == "fresh");
  return made;
}

std::vector<train::Record> Trainings::records(const std::string& folder) const {
  return train::read_records(context_.folder + "/" + folder + "/metrics.jsonl");
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
  const int64_t vocabulary = runs.store().tokenizer().vocabulary;
  const LanguageModel proxy(settings.model, vocabulary, seed);
  const ModelOptions options{.model = path, .init = "keep", .length = proxy.length()};
  if (!options.is_file())
    throw Error(ErrorKind::usage, "--reference-model", "names no ONNX file", "mixcal reference writes one");
  LanguageModel reference(options, vocabulary, seed);
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

}  // namespace allot::mixcal
