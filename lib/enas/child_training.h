// SPDX-License-Identifier: Apache-2.0
// One child as a network of its own: trained from scratch, and its statistics brought up to date.
#pragma once

#include <memory>
#include <string>

#include "enas/search.h"

namespace allot::enas {

constexpr const char* kChildSchema = "allot.enas-child/1";

/// What is said of a network on validation and, if there are any, test items.
struct ChildScores {
  double validation = 0, test = 0;  // quality, from 0 to 1
  double figure = 0;                // of test items, else of validation: see Tally::figure()
  std::string figure_name;
};

class ChildTraining final : public train::Job {
 public:
  /// `model`: the child. Errors: those of train::Network and Feed.
  ChildTraining(std::shared_ptr<const ir::Model> model, const Datasets& datasets, const SearchOptions& options,
                uint64_t seed);

  train::StepResult step(int64_t step, int64_t steps) override;
  /// By quality on validation items.
  train::Evaluation evaluate() override;
  train::Checkpoint state() const override;
  void restore(const train::Checkpoint& state, const std::string& path) override;
  std::vector<nn::NamedTensor> result() const override { return network_.state(); }

  ChildScores scores() const;
  const train::Network& network() const { return network_; }
  const Feed& feed() const { return *feed_; }
  int64_t steps_per_epoch() const;
  std::string fingerprint() const;

 private:
  Tally tally(const std::vector<Batch>& batches) const;

  SearchOptions options_;
  const uint64_t seed_;
  TaskKind task_;
  train::Network network_;
  std::unique_ptr<Feed> feed_;
  std::unique_ptr<nn::Optimizer> optimizer_;
};

/// The child with weights drawn by `seed`, trained for `steps` steps as `options.learning` says.
/// Errors: those of ChildTraining and train::Loop.
ChildScores train_alone(const Supergraph& supergraph, const Child& child, const Datasets& datasets,
                        const SearchOptions& options, int64_t steps, uint64_t seed, const std::atomic<bool>* stop);

/// Running statistics become the means over `batches` training batches: those of shared weights belong to no child.
/// Source: specification of enas-search, 5.3.
void recalibrate(const train::Network& network, const Feed& feed, const SearchOptions& options, int64_t batches);

}  // namespace allot::enas
