// SPDX-License-Identifier: Apache-2.0
// The trainings that a search is made of, each in a run folder of its own: any that is sampled by weights, the
// reference model, and the proxy.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "mixcal/flops.h"
#include "mixcal/online_training.h"
#include "mixcal/training.h"
#include "train/record.h"

namespace allot::mixcal {

struct CalibrateContext {
  std::string folder;  // a run folder for each training inside
  std::string config;  // YAML of the options, for them
  bool resume = false;
  uint64_t seed = 0;
  unsigned threads = 1;
  const std::atomic<bool>* stop = nullptr;
  bool shown = false;
  base::Replace replace = base::Replace::own;
  dist::Team* team = nullptr;
};

/// Both parts of the data that training takes.
inline std::vector<data::Part> training_parts() { return {data::Part::reference, data::Part::proxy}; }

// Streams of sequences, and of initial weights: models that are compared get the same.
enum Stream : uint32_t { kReferenceStream = 1, kProxyStream, kSwarmStream, kPrimaryStream };
enum Role : uint64_t { kReferenceRole, kProxyRole, kSwarmRole, kPrimaryRole };

/// Where each training goes, and what goes in. Refers to store and context.
class Trainings {
 public:
  Trainings(const data::TokenStore& store, const CalibrateContext& context) : store_(store), context_(context) {}

  /// One run in a folder of its own, within that of the context. `inputs`: all that it depends on beside options and
  /// data. False if it was stopped.
  bool run(train::Job& job, const LanguageModel& model, const TrainSettings& settings, const std::string& folder,
           const std::string& inputs) const;

  /// A model as training begins with it. A file is checked the first time. Errors: those of check_import();
  /// check_failed for a file whose weights are kept and that is of another tokenizer.
  LanguageModel fresh(const ModelOptions& model, uint64_t seed, Role role) const;
  Lesson lesson(std::vector<data::Part> parts, uint64_t seed, uint32_t stream) const {
    return {store_, std::move(parts), seed, stream, context_.threads, context_.team};
  }
  /// Of a run's metrics.jsonl: of the first rank, which alone writes it; nothing on others.
  std::vector<train::Record> records(const std::string& folder) const;
  const data::TokenStore& store() const { return store_; }

 private:
  const data::TokenStore& store_;
  const CalibrateContext& context_;
  mutable std::set<std::string> checked_;  // files
};

/// Errors: check_failed if a file that mixcal wrote is of another tokenizer than the data; of other files nothing is
/// known but the number of tokens.
void check_tokenizer(const LanguageModel& model, const data::TokenStore& store, const std::string& path);

/// Weights as text, exact: what tells runs of different mixtures apart.
std::string text_of(const Weights& weights);

/// The model whose losses the proxy's are compared with, trained on `given` shares. Nothing if it was stopped.
/// Source: specification of mixcal, 1.3.
std::optional<LanguageModel> train_reference(const Trainings& runs, const TrainSettings& settings, const Weights& given,
                                             uint64_t seed, const std::string& folder);

/// A model of a file in the reference's place, as it is. Errors: usage unless `path` is an ONNX file; config if it
/// takes shorter sequences than the proxy; check_failed if it is not causal or of another tokenizer; those of
/// LanguageModel.
LanguageModel read_reference(const Trainings& runs, const TrainSettings& settings, const std::string& path,
                             uint64_t seed);

/// What a proxy found.
struct ProxyStage {
  LanguageModel model;
  Weights weights;
  double step = 0;                              // eta
  std::vector<std::vector<double>> trajectory;  // Trajectory::rows()
};

/// One proxy beside a reference model. `inputs`: what that one was made of. Nothing if it was stopped.
/// Errors: those of ProxyJob. Source: specification of mixcal, 1.4.
std::optional<ProxyStage> train_proxy(const Trainings& runs, const LanguageModel& reference,
                                      const TrainSettings& settings, const DroOptions& dro, uint64_t seed,
                                      const std::string& folder, const std::string& inputs);

/// How a method that needs no reference model finds weights.
struct OnlineOptions {
  std::string method;  // doge, aioli
  DogeOptions doge;
  AioliOptions aioli;
  std::vector<size_t> over;  // domains that count
};

/// What such a proxy found, and what it cost.
struct OnlineStage {
  ProxyStage proxy;
  double flops = 0;
};

/// One proxy, or another `role`, that is trained on both parts. Nothing if it was stopped. Errors: those of Doge and
/// Aioli; config for a domain of `doge.over` that is not there. Source: specification of mixcal, 5.
std::optional<OnlineStage> train_online(const Trainings& runs, const TrainSettings& settings,
                                        const OnlineOptions& options, uint64_t seed, const std::string& folder,
                                        Role role = kProxyRole);

/// Places of `names` among those of the store's domains; all of these for none. Errors: config, naming `option`.
std::vector<size_t> places_of(const std::vector<std::string>& names, const data::TokenStore& store,
                              const std::string& option);

}  // namespace allot::mixcal
