// SPDX-License-Identifier: Apache-2.0
// What weights are worth: models trained on them, beside models trained on natural and uniform shares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mixcal/stages.h"

namespace allot::mixcal {

/// A model that was trained to look at a mixture: for each seed its losses on test documents, nats a token by domain,
/// and its curve.
struct Arm {
  std::string name;
  Weights weights;                                             // of the last seed
  std::vector<std::vector<double>> losses;                     // [seed][domain]
  std::vector<std::vector<std::pair<double, double>>> curves;  // [seed]: step, average validation loss
};

/// The mean of `values` over domains that count.
double mean_over(const std::vector<double>& values, const std::vector<size_t>& over);

/// What a reader asks of an arm beside another one, over domains that count.
struct Verdict {
  std::vector<double> averages, worsts;  // by seed
  std::vector<double> steps;             // by seed: until the average of the other's last evaluation; NaN: never
};
Verdict judge(const Arm& arm, const Arm& other, const std::vector<size_t>& over);

/// Whether `found` is better than `even` on the average over domains that count: the 95 % interval of paired
/// differences is below 0; of one seed, the difference is.
bool is_better(const Arm& found, const Arm& even, const std::vector<size_t>& over);

/// Whether it is worse beyond the interval: that lies above 0. Of one seed nothing is said.
bool is_worse(const Arm& found, const Arm& even, const std::vector<size_t>& over);

/// What the first line says of `name` where it is not better than `even`, uniform shares; "" where it is.
std::string beside_uniform(const std::string& name, const Arm& found, const Arm& even, const std::vector<size_t>& over);

using NamedWeights = std::pair<std::string, Weights>;

/// Trains a model on each of `mixes`, all from the same initial weights, in on-NAME within `folder`, the last one in
/// on-found, and adds what came of it to the arm of the same place. Gives the operations it took; nothing if it was
/// stopped.
std::optional<double> compare(const Trainings& runs, const std::vector<NamedWeights>& mixes,
                              const TrainSettings& primary, uint64_t seed, const std::string& folder,
                              const std::vector<size_t>& over, std::vector<Arm>& arms);

/// Trains one model on given weights, in `context.folder`, and writes model.onnx there. Gives its losses on test
/// documents by domain, nats a token; nothing if it was stopped.
std::vector<double> train_on(const data::TokenStore& store, const Weights& weights, const TrainSettings& settings,
                             const CalibrateContext& context);

/// The same with weights that follow the training itself, by the method of `how`.
struct OnlinePrimary {
  std::vector<double> losses;  // as those of train_on()
  OnlineStage stage;           // the model, and the weights it was trained on
};
std::optional<OnlinePrimary> train_online_primary(const data::TokenStore& store, const OnlineOptions& how,
                                                  const TrainSettings& settings, const CalibrateContext& context);

}  // namespace allot::mixcal
