// SPDX-License-Identifier: Apache-2.0
// The options of mpl-train, and the settings that go by one name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "data/image_view.h"
#include "data/view.h"
#include "mpl/meta_pseudo_labels.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "train/loop.h"
#include "train/network.h"

namespace allot::mpl {

/// Where items come from.
struct DataOptions {
  std::string data;        // labelled items, and unlabelled ones, too
  std::string unlabelled;  // further unlabelled items
  std::string feedback;    // labelled items that the student is judged on; empty: those that it learns from
  std::string validation, test;
  std::string teacher_array;  // what the teacher takes in place of the student's inputs; empty: the same inputs
  int64_t per_class = 0;      // labelled items of each class; 0: all that have labels
  std::string validation_share = "0", test_share = "0";  // of `data`: a count, a fraction or "20%"
  bool labelled_too = true;                              // labelled items are among the unlabelled ones, too
  bool keep_going = false;                               // images that cannot be read are skipped
  std::string split;  // file that says which items of `data` are for what; empty: they are drawn

  void bind(config::Binder& binder);
};

/// What is done to items on their way into a batch.
struct ViewOptions {
  std::string kind = "none";     // none, jitter, images, digits, tokens
  std::string scaling = "none";  // or standardise: by column or channel
  double jitter = 0.15;          // deviation of the noise
  int64_t operations = 2;        // RandAugment's N
  double magnitude = 16;         // RandAugment's M, of 10
  bool flip = true;
  data::TokenOptions tokens;              // but what is kept
  std::vector<std::string> kept = {"0"};  // ids of padding and other marks, which stay
  data::ImageGeometry image;              // that the network takes, zeros where it takes any: not an option of tools

  void bind(config::Binder& binder);
};

/// How one network follows its gradients.
struct LearningOptions {
  nn::OptimizerOptions optimizer;
  nn::Schedule schedule;

  void bind(config::Binder& binder);
};

/// What a preset gives.
struct Settings {
  MetaOptions meta;
  int64_t batch = 64, ratio = 7;  // labelled items a step, unlabelled ones for each
  int64_t shards = 0;             // that a batch is cut into; 0: one a rank
  double ema = 0.99;              // decay of the average that is evaluated; 0: none
  std::string ema_rule = "warm";  // or constant
  LearningOptions teacher, student;
  ViewOptions views;
  train::NetworkOptions network;
  int64_t finetune_steps = 0;  // on labelled items alone, in the end
  double finetune_rate = 1e-5;
  train::LoopOptions loop;
};

struct TrainOptions {
  std::string preset = "small";
  std::string algo = "mpl";  // or one of SelfTraining's
  std::string task = "classification";
  Settings settings;
  DataOptions data;
  std::string init = "file";          // or glorot: weights of rank 2 and more are drawn anew
  std::string on_collapse = "abort";  // warn, reduce-scale, reset-baseline

  TrainOptions();
  void bind(config::Binder& binder);
};

std::vector<std::string> preset_names();
/// Errors: usage for an unknown name.
Settings preset(const std::string& name);

std::vector<std::string> algorithm_names();

}  // namespace allot::mpl
