// SPDX-License-Identifier: Apache-2.0
// All that distinguishes one placement policy, and one way to train it, from another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"

namespace allot::policy {

/// What the released code of ICLR 2018 does wrong, one by one, so that tests can tell that they would notice. With
/// LearningSettings::bug_compatible all of it. Source: placement 3.7.
struct Defects {
  bool fresh_actions = false;       // 1: gradients are those of other samples than the ones that were judged
  bool misaligned_memory = false;   // 2: memory slot i joins forward state i with backward state N - 1 - i
  bool last_predecessor = false;    // 3: of an operation's predecessors, only the last is known
  bool overlapping_shapes = false;  // 4: sums of shapes are added onto counts of types
};

/// What the network is made of: part of a stored policy.
struct NetworkSettings {
  Defects defects;
  std::string form = "auto";  // flat: a device an operation; hierarchical: groups first; auto: by size
  std::string neighbours =
      "messages";                 // how an operation knows its neighbours: one-hot, indices, messages (a graph network)
  std::string attention = "dot";  // additive or dot
  int64_t hidden = 128;           // of the decoder; an encoder of two directions has half in each
  bool bidirectional = true;
  int64_t groups = 256, groups_per_device = 20;  // groups = min(groups, groups_per_device * devices); 0: no such limit
  int64_t grouper_hidden = 64;
  bool grouper_relu = true;
  bool logarithms = true;  // sizes enter as sign(x) log2(1 + |x|), indices as parts of all; otherwise raw
  bool costs = true;       // times, bytes and levels enter, too
  bool aligned = true;     // the decoder reads the encoder's state of its own step beside what it attends to
  bool devices = true;     // devices are known by their features in place of their number: any cluster will do
  bool schedule = true;    // and by when they would be done, as a list scheduler reckons
  int64_t rounds = 3;      // of the graph network
  double tanh_constant = 5, temperature = 1;  // logits = C tanh(x / T); C = 0: x / T

  void bind(config::Binder& binder);
};

/// How it learns.
struct LearningSettings {
  std::string algorithm = "ppo";           // or reinforce
  int64_t groupings = 4, placements = 16;  // samples an update: groupings (1 where flat) times placements of each
  std::string cost = "sqrt";               // of the time: sqrt, identity, log1p
  bool relative = true;                    // times as multiples of the lower bound; otherwise seconds
  double learning_rate = 3e-4, decay = 1;  // times `decay` every `decay_every` updates after `decay_after`
  int64_t decay_every = 50, decay_after = 400;
  double clip_norm = 1;
  double baseline_decay = 0.9, failing = 100;  // of a placement that cannot run: seconds
  int64_t executed_only_after = 500;           // updates from which what failed teaches nothing
  int64_t noise_until = 0;                     // updates with noise on the logits
  double noise_amplitude = 0.1;  // largest, as a number; or `noise_relative`: deviation in RMS of the logits
  bool noise_relative = false;
  double clip_ratio = 0.2, entropy = 0.01;  // of ppo
  int64_t epochs = 3, entropy_until = 300;
  double batch_mean = 1;        // part of the baseline that is the batch's own mean; the rest is the moving average
  bool standardize = true;      // advantages are divided by their deviation
  int64_t teacher = 0;          // evaluations of annealing whose answer is one of the seeds
  int64_t imitation = 150;      // updates that imitate the best seeds first
  int64_t polished = 4;         // of a batch, improved by local search; 0: none
  int64_t polish = 2;           // evaluations of it a unit
  double final_search = 0.8;    // of the budget: what annealing from the best has at the end
  bool moves = true;            // that annealing draws its moves as it learned to, here and on earlier graphs
  double elite_weight = 0.3;    // of imitating a placement out of the best
  bool bug_compatible = false;  // reproduces what the released code does wrong (placement 3.7, defects 1 to 4)

  void bind(config::Binder& binder);
};

struct Settings {
  NetworkSettings network;
  LearningSettings learning;

  /// Sets the defects as learning.bug_compatible asks for. Call after options were read.
  void resolve();
};

/// "boost", "flat", "hierarchical", "icml2017", "iclr2018", "grappler".
std::vector<std::string> preset_names();
/// Sources: placement 1, 2, 3 and 7.3. Errors: usage with the names.
Settings preset(const std::string& name);

}  // namespace allot::policy
