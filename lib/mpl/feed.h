// SPDX-License-Identifier: Apache-2.0
// Batches of tensors out of datasets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "data/dataset.h"
#include "data/sampler.h"
#include "data/split.h"
#include "data/view.h"
#include "mpl/batch.h"
#include "mpl/options.h"

namespace allot::mpl {

/// A dataset with views of the features that networks take, in their order.
struct Source {
  data::Dataset dataset;
  std::vector<std::unique_ptr<data::View>> plain, weak, strong;
  std::unique_ptr<data::View> mask;  // of tokens that count; null: all do
};

/// Items of a source for one purpose.
struct Part {
  std::shared_ptr<const Source> source;
  std::vector<int64_t> items;
};

/// All labelled items of --test-data, or of --data if that is not given, to evaluate on. Names of classes count as they
/// do in --data. Errors: those of Feed.
Part read_part(const DataOptions& data, const ViewOptions& views, const std::string& task,
               const std::vector<std::string>& features);

class Feed {
 public:
  /// `features`: names of the networks' inputs; a dataset with one array has that one for them, whatever it is called.
  /// A dataset with arrays "<feature>_weak" and "<feature>_strong" brings views of its own. DataOptions::teacher_array
  /// is given as it is. Names of classes have the numbers that they have in DataOptions::data, whatever file says them.
  /// Errors: those of data::read and data::split; usage for what is missing; malformed for datasets without labelled or
  /// without unlabelled items.
  Feed(const DataOptions& data, const ViewOptions& views, const std::string& task, std::vector<std::string> features,
       uint64_t seed, unsigned threads);

  /// Of iteration `step`: `labelled` items with labels and `unlabelled` ones without.
  Batch batch(uint32_t step, size_t labelled, size_t unlabelled) const;
  /// Weak views of labelled items alone, from a stream of their own.
  Batch labelled_batch(uint32_t step, size_t labelled) const;

  const Part& labelled() const { return labelled_; }
  const Part& unlabelled() const { return unlabelled_; }
  const Part& validation() const { return validation_; }
  const Part& test() const { return test_; }
  /// Numbers that tell whether the same items go in: of files, splits and views.
  std::string fingerprint() const;
  /// Classes that labels name; 0 for numbers.
  int64_t classes() const { return labelled_.source->dataset.classes(); }

 private:
  struct Stream {
    Part part;
    std::unique_ptr<data::Sampler> sampler;
    uint32_t number = 0;
  };
  void split(const DataOptions& options, std::shared_ptr<const Source> main);
  Stream stream(Part part, uint32_t number) const;

  std::vector<std::string> features_;
  uint64_t seed_;
  mutable std::unique_ptr<base::ThreadPool> pool_;  // null: the caller's thread alone
  Part labelled_, unlabelled_, validation_, test_, feedback_;
  Stream of_labelled_, of_unlabelled_, of_feedback_, of_tuning_;
};

/// The views of items as tensors, one a feature; all but plain ones draw under `draw`.
Inputs tensors_of(const std::vector<std::unique_ptr<data::View>>& views, std::span<const int64_t> items,
                  const data::Draw& draw, base::ThreadPool* pool);
/// Labels of items as Task has hard ones.
at::Tensor labels_of(const data::Dataset& dataset, std::span<const int64_t> items);

}  // namespace allot::mpl
