// SPDX-License-Identifier: Apache-2.0
// The options of contrast-train.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/binder.h"
#include "contrast/loss.h"
#include "contrast/pair_source.h"
#include "contrast/tower.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "train/loop.h"

namespace allot::contrast {

/// The two encoders.
struct TowersOptions {
  std::string image, text;  // files; the same or no second one: tied
  std::string image_out, text_out;
  std::string freeze = "none";  // image, text
  bool normalised = false;
  int64_t project = 0;
  std::string batch_norm = "refuse";
  double dropout = -1;
  int64_t segments = 0;
  std::string precision = "float32";

  void bind(config::Binder& binder);
  bool tied() const;
  TowerOptions of(Side side, uint64_t seed) const;
};

/// The towers of a run; one tower where they are tied.
class TowerPair {
 public:
  /// Errors: those of Tower; usage without files, for a frozen tied tower, and where both sides have embeddings of
  /// different sizes.
  TowerPair(const TowersOptions& options, uint64_t seed);
  Towers get() const { return {*first_, second_ ? *second_ : *first_}; }
  operator Towers() const { return get(); }  // NOLINT(google-explicit-constructor): what every function here takes

 private:
  std::unique_ptr<Tower> first_, second_;  // null: tied
};

struct TemperatureOptions {
  double initial = 0.07;  // that similarities are divided by
  double most = 100;      // that they are ever multiplied by
  double bias = -10;      // of sigmoid, at first
  bool learnt = true;

  void bind(config::Binder& binder);
};

struct TrainOptions {
  DataOptions data;
  std::vector<std::string> evaluation;  // files of pairs; empty: nothing is evaluated
  int64_t batch = 1024;
  std::string micro = "256";  // or auto
  int64_t micro_second = 0;
  double micro_memory = 0;  // of auto: bytes that one micro-batch may need; 0: any
  LossOptions loss;
  bool deduplicate = false;
  std::string distinct = "none";     // label or content: what the pairs of a batch do not share
  std::string accumulate = "exact";  // or moments
  std::string shard = "none";        // optimizer: each rank keeps a part of its state; weights: and of them
  std::string cache_embeddings;      // folder for those of a frozen tower; empty: none
  TemperatureOptions temperature;
  nn::OptimizerOptions optimizer;
  nn::Schedule schedule;
  train::LoopOptions loop;

  TrainOptions();
  void bind(config::Binder& binder);
};

/// What a run, a check and a bench have in common.
void bind_loss(config::Binder& binder, LossOptions& loss);

}  // namespace allot::contrast
