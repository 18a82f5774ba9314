// SPDX-License-Identifier: Apache-2.0
// Datasets as networks see them: what is read of a file, and the views of its items.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "data/dataset.h"
#include "data/view.h"
#include "mpl/network.h"
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

/// What all files of a run have in common.
struct Reading {
  const std::string& task;
  const ViewOptions& views;
  const std::vector<std::string>& features;  // see Feed
  const std::string& as_it_is;               // array that has no views
  bool keep_going;
};

/// class_names: of the file that classes are numbered by; empty for that one. Errors: those of data::read;
/// input_missing for features that the file does not have; usage for --views.token-kept that are no numbers.
std::shared_ptr<const Source> open_source(const std::string& path, const Reading& reading,
                                          const std::vector<std::string>& class_names);
std::vector<int64_t> all_items(const data::Dataset& dataset);
/// Errors: malformed where no item has a label.
Part labelled_part(const std::string& path, std::shared_ptr<const Source> source);
/// All labelled items of --test-data, or of --data if that is not given, to evaluate on. Names of classes count as they
/// do in --data. Errors: those of Feed.
Part read_part(const DataOptions& data, const ViewOptions& views, const std::string& task,
               const std::vector<std::string>& features);

/// The views of items as tensors, one a feature; all but plain ones draw under `draw`.
Inputs tensors_of(const std::vector<std::unique_ptr<data::View>>& views, std::span<const int64_t> items,
                  const data::Draw& draw, base::ThreadPool* pool);
/// Labels of items as Task has hard ones.
at::Tensor labels_of(const data::Dataset& dataset, std::span<const int64_t> items);

}  // namespace allot::mpl
