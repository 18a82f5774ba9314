// SPDX-License-Identifier: Apache-2.0
#include "mpl/feed.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"

namespace allot::mpl {
namespace {

using base::Error;
using base::ErrorKind;

// Who draws random numbers.
enum StreamNumber : uint32_t { kLabelled = 1, kUnlabelled, kFeedback, kTuning };

/// Which items of a batch a shard has.
struct Rows {
  Rows(size_t items, Shard shard)
      : size(items / shard.count), first(static_cast<uint32_t>(shard.index * (items / shard.count))) {}
  std::span<const int64_t> of(const std::vector<int64_t>& batch) const { return {batch.data() + first, size}; }

  size_t size;
  uint32_t first;
};

/// What counts in a shard as a part of what counts in a mean one; 1 where nothing counts anywhere.
double share_of(const at::Tensor& own, const at::Tensor& whole, Shard shard) {
  const double all = whole.sum().item<double>();
  return all > 0 ? own.sum().item<double>() * static_cast<double>(shard.count) / all : 1;
}

/// bool [items, ...]: the tokens that count.
at::Tensor mask_of(const data::View& view, std::span<const int64_t> items) {
  std::vector<int64_t> shape = {static_cast<int64_t>(items.size())};
  shape.insert(shape.end(), view.shape().begin(), view.shape().end());
  at::Tensor mask = at::empty(shape, at::kLong);
  view.fill(items, {}, {static_cast<std::byte*>(mask.mutable_data_ptr()), mask.nbytes()});
  return mask != 0;
}

}  // namespace

Feed::Feed(const DataOptions& data, const ViewOptions& views, const std::string& task,
           std::vector<std::string> features, uint64_t seed, unsigned threads)
    : features_(std::move(features)), seed_(seed) {
  if (threads != 1 && (views.kind == "images" || views.kind == "digits"))
    pool_ = std::make_unique<base::ThreadPool>(threads);
  if (data.data.empty())
    throw Error(ErrorKind::usage, "--data", "is missing", "name a file or folder with labelled items");
  const Reading reading{task, views, features_, data.teacher_array, data.keep_going};
  split(data, open_source(data.data, reading, {}));
  const auto read = [&](const std::string& path) {
    return open_source(path, reading, labelled_.source->dataset.class_names);
  };
  if (!data.unlabelled.empty()) {
    unlabelled_.source = read(data.unlabelled);
    unlabelled_.items = all_items(unlabelled_.source->dataset);
  }
  const auto labelled = [&](const std::string& path, Part& part) {
    if (!path.empty()) part = labelled_part(path, read(path));
  };
  labelled(data.feedback, feedback_);
  labelled(data.validation, validation_);
  labelled(data.test, test_);
  if (unlabelled_.items.empty())
    throw Error(ErrorKind::malformed, base::printable(data.data), "has no unlabelled items",
                "name some with --unlabelled, or use fewer labels: --per-class");
  of_labelled_ = stream(labelled_, kLabelled);
  of_unlabelled_ = stream(unlabelled_, kUnlabelled);
  of_tuning_ = stream(labelled_, kTuning);
  if (!feedback_.items.empty()) of_feedback_ = stream(feedback_, kFeedback);
}

void Feed::split(const DataOptions& options, std::shared_ptr<const Source> main) {
  split_ = options.split.empty() ? draw_split(options, main->dataset) : data::read_split(options.split, main->dataset);
  if (split_.labelled.empty())
    throw Error(ErrorKind::malformed, base::printable(options.data), "has no labelled items",
                "add an array y of labels, with -1 where there is none");
  std::vector<int64_t> unlabelled = split_.unlabelled;
  if (options.labelled_too) unlabelled.insert(unlabelled.end(), split_.labelled.begin(), split_.labelled.end());
  std::sort(unlabelled.begin(), unlabelled.end());
  labelled_ = {main, split_.labelled};
  unlabelled_ = {main, std::move(unlabelled)};
  validation_ = {main, split_.validation};
  test_ = {main, split_.test};
}

data::Split Feed::draw_split(const DataOptions& options, const data::Dataset& dataset) const {
  return data::split(dataset, {.per_class = options.per_class,
                               .validation = data::Share::parse(options.validation_share),
                               .test = data::Share::parse(options.test_share),
                               .seed = seed_});
}

void Feed::write_split(const std::string& path, base::Replace replace) const {
  data::write_split(path, split_, labelled_.source->dataset, replace);
}

Feed::Stream Feed::stream(Part part, uint32_t number) const {
  auto sampler = std::make_unique<data::Sampler>(part.items, seed_, number);
  return {std::move(part), std::move(sampler), number};
}

Feed::Labelled Feed::labelled_of(const Stream& stream, uint32_t step, size_t items, Shard shard) const {
  const Source& source = *stream.part.source;
  const std::vector<int64_t> whole = stream.sampler->batch(step, items);
  const Rows rows(items, shard);
  const std::span<const int64_t> own = rows.of(whole);
  Labelled part{tensors_of(source.weak, own, {seed_, stream.number, step, rows.first}, pool_.get()),
                labels_of(source.dataset, own), 1};
  if (shard.count > 1 && source.dataset.label_kind == data::LabelKind::tokens)
    part.share = share_of(part.labels != data::kIgnored, labels_of(source.dataset, whole) != data::kIgnored, shard);
  return part;
}

void Feed::add_unlabelled(Batch& batch, uint32_t step, size_t items, Shard shard) const {
  const Source& source = *unlabelled_.source;
  const std::vector<int64_t> whole = of_unlabelled_.sampler->batch(step, items);
  const Rows rows(items, shard);
  const std::span<const int64_t> own = rows.of(whole);
  const data::Draw draw{seed_, of_unlabelled_.number, step, rows.first};
  batch.weak = tensors_of(source.weak, own, draw, pool_.get());
  batch.strong = tensors_of(source.strong, own, draw, pool_.get());
  batch.items = at::tensor(at::IntArrayRef(own.data(), own.size()), at::kLong);
  batch.first = rows.first;
  if (!source.mask) return;
  batch.counted = mask_of(*source.mask, own);
  if (shard.count > 1) batch.unlabelled_share = share_of(batch.counted, mask_of(*source.mask, whole), shard);
}

Batch Feed::batch(uint32_t step, size_t labelled, size_t unlabelled, Shard shard) const {
  Batch batch;
  batch.shard = shard.index;
  Labelled with = labelled_of(of_labelled_, step, labelled, shard);
  batch.labelled = std::move(with.inputs);
  batch.labels = std::move(with.labels);
  batch.labelled_share = with.share;
  add_unlabelled(batch, step, unlabelled, shard);
  if (!of_feedback_.sampler) return batch;
  Labelled judged = labelled_of(of_feedback_, step, labelled, shard);
  batch.feedback = std::move(judged.inputs);
  batch.feedback_labels = std::move(judged.labels);
  batch.feedback_share = judged.share;
  return batch;
}

Batch Feed::labelled_batch(uint32_t step, size_t labelled, Shard shard) const {
  Batch batch;
  batch.shard = shard.index;
  Labelled with = labelled_of(of_tuning_, step, labelled, shard);
  batch.labelled = std::move(with.inputs);
  batch.labels = std::move(with.labels);
  batch.labelled_share = with.share;
  return batch;
}

std::string Feed::fingerprint() const {
  base::Sha256 hash;
  for (const Part* part : {&labelled_, &unlabelled_, &validation_, &test_, &feedback_}) {
    hash.add_field(static_cast<int64_t>(part->items.size()));
    if (!part->source) continue;
    const auto bytes = std::as_bytes(std::span(part->items));
    hash.add_field(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    for (const data::Array& array : part->source->dataset.features)
      hash.add_field(std::string_view(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size()));
  }
  return hash.hex();
}

}  // namespace allot::mpl
