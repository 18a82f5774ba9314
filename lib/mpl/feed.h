// SPDX-License-Identifier: Apache-2.0
// Batches of tensors out of datasets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "data/sampler.h"
#include "data/split.h"
#include "mpl/batch.h"
#include "mpl/options.h"
#include "mpl/source.h"

namespace allot::mpl {

/// Which of the equal pieces of a batch.
struct Shard {
  size_t index = 0, count = 1;
};

class Feed {
 public:
  /// `features`: names of the networks' inputs; a dataset with one array has that one for them, whatever it is called.
  /// A dataset with arrays "<feature>_weak" and "<feature>_strong" brings views of its own. DataOptions::teacher_array
  /// is given as it is. Names of classes have the numbers that they have in DataOptions::data, whatever file says them.
  /// Errors: those of data::read and data::split; usage for what is missing; malformed for datasets without labelled or
  /// without unlabelled items.
  Feed(const DataOptions& data, const ViewOptions& views, const std::string& task, std::vector<std::string> features,
       uint64_t seed, unsigned threads);

  /// Of iteration `step`, with `labelled` items that have labels and `unlabelled` ones without in all shards together:
  /// the items of one shard. Shards are what the batch as a whole would hold. Counts are multiples of Shard::count.
  Batch batch(uint32_t step, size_t labelled, size_t unlabelled, Shard shard = {}) const;
  /// Weak views of labelled items alone, from a stream of their own.
  Batch labelled_batch(uint32_t step, size_t labelled, Shard shard = {}) const;

  const Part& labelled() const { return labelled_; }
  const Part& unlabelled() const { return unlabelled_; }
  const Part& validation() const { return validation_; }
  const Part& test() const { return test_; }
  /// Which items of --data are for what, as --split takes it. Errors: those of data::write_split.
  void write_split(const std::string& path, base::Replace replace) const;
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
  struct Labelled {
    Inputs inputs;
    at::Tensor labels;
    double share;  // see Batch
  };
  Labelled labelled_of(const Stream& stream, uint32_t step, size_t items, Shard shard) const;
  void add_unlabelled(Batch& batch, uint32_t step, size_t items, Shard shard) const;
  void split(const DataOptions& options, std::shared_ptr<const Source> main);
  data::Split draw_split(const DataOptions& options, const data::Dataset& dataset) const;
  Stream stream(Part part, uint32_t number) const;

  std::vector<std::string> features_;
  uint64_t seed_;
  mutable std::unique_ptr<base::ThreadPool> pool_;  // null: the caller's thread alone
  data::Split split_;
  Part labelled_, unlabelled_, validation_, test_, feedback_;
  Stream of_labelled_, of_unlabelled_, of_feedback_, of_tuning_;
};

}  // namespace allot::mpl
