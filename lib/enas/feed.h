// SPDX-License-Identifier: Apache-2.0
// Batches of training, validation and test items.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "config/binder.h"
#include "data/dataset.h"
#include "data/sampler.h"
#include "data/view.h"
#include "enas/task.h"
#include "train/network.h"

namespace allot::enas {

struct DataOptions {
  std::string data, validation, test;    // files or folders
  std::string validation_share = "10%";  // of data's, where there is no file of its own
  int64_t most_items = 0;                // of data that are used, the first ones; 0: all
  std::string augment = "none";          // of training images: crop (moved by up to an eighth), flip (and mirrored)

  void bind(config::Binder& binder);
};

struct Batch {
  std::vector<at::Tensor> inputs;  // in the order of the network's
  at::Tensor labels;
};

/// What the files hold, read once for any number of feeds. Without a file of its own an entry is null.
struct Datasets {
  std::shared_ptr<const data::Dataset> main, validation, test;
};
/// Errors: those of data::read; usage without data; malformed for data without labels of the task's kind.
std::shared_ptr<const Datasets> read_datasets(const DataOptions& options, TaskKind task);

/// Items of one file for one purpose.
struct Items {
  std::shared_ptr<const data::Dataset> dataset;
  std::vector<std::unique_ptr<data::View>> views;  // by input of the network
  std::vector<int64_t> numbers;

  size_t size() const { return numbers.size(); }
  /// `items` are numbers of the dataset.
  Batch batch(std::span<const int64_t> items, const data::Draw& draw,
              const std::vector<exec::ProgramInput>& inputs) const;
};

class Feed {
 public:
  /// Errors: those of data::split; malformed where there are no items to train on or to validate with.
  Feed(const Datasets& datasets, const DataOptions& options, const train::Network& network, uint64_t seed);

  Batch training(uint32_t step, size_t items) const;
  Batch validation(uint32_t step, size_t items) const;
  /// All validation or test items, in batches of `items`.
  std::vector<Batch> whole_validation(size_t items) const { return whole(validation_, items); }
  std::vector<Batch> whole_test(size_t items) const { return whole(test_, items); }

  size_t training_items() const { return training_.size(); }
  size_t validation_items() const { return validation_.size(); }
  bool has_test() const { return test_.size() > 0; }
  /// Tells whether the same items go in.
  std::string fingerprint() const;

 private:
  std::vector<Batch> whole(const Items& items, size_t size) const;

  std::vector<exec::ProgramInput> inputs_;
  uint64_t seed_;
  Items training_, validation_, test_;
  std::unique_ptr<data::Sampler> training_order_, validation_order_;
};

}  // namespace allot::enas
