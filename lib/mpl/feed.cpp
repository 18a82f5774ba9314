// SPDX-License-Identifier: Apache-2.0
#include "mpl/feed.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "base/error.h"
#include "base/hash.h"
#include "data/image_view.h"
#include "data/read.h"

namespace allot::mpl {
namespace {

using base::Error;
using base::ErrorKind;

// Who draws random numbers.
enum StreamNumber : uint32_t { kLabelled = 1, kUnlabelled, kFeedback, kTuning };

data::LabelKind label_kind_of(const std::string& task) {
  if (task == "multilabel") return data::LabelKind::multilabel;
  if (task == "token") return data::LabelKind::tokens;
  return task == "regression" ? data::LabelKind::targets : data::LabelKind::classes;
}

const data::Array* find(const data::Dataset& dataset, const std::string& name) {
  for (const data::Array& array : dataset.features)
    if (array.name == name) return &array;
  return nullptr;
}

/// The array for a feature: of its name, or the only one there is.
const data::Array& array_of(const data::Dataset& dataset, const std::string& feature) {
  if (const data::Array* found = find(dataset, feature)) return *found;
  return dataset.features.size() == 1 ? dataset.features[0] : dataset.feature(feature);
}

std::vector<int64_t> all_items(const data::Dataset& dataset) {
  std::vector<int64_t> items(static_cast<size_t>(dataset.size()));
  for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<int64_t>(i);
  return items;
}

/// One feature's views, by what is done to items: nothing, little, much.
class ViewMaker {
 public:
  ViewMaker(const data::Dataset& dataset, const data::Array& array, const ViewOptions& options)
      : array_(array), options_(options), standardised_(options.scaling == "standardise") {
    if (!is_image() && standardised_) scaling_ = data::standardise(array, all_items(dataset));
    if (!is_image()) return;
    image_.scaling.factor = array.dtype == data::DType::uint8 ? 1.0f / 255 : 1.0f;
    image_.flip = options.flip;
    image_.operations = options.operations;
    image_.magnitude = options.magnitude;
    if (standardised_)
      image_.scaling = data::standardise(array, data::geometry_of(array), all_items(dataset), image_.scaling.factor);
  }

  std::unique_ptr<data::View> plain(const data::Array& array) const {
    if (is_image()) return image(data::ImageAugmentation::none);
    const bool scaled = standardised_ || array.dtype == data::DType::float32;
    return data::plain_view(array, scaled ? &scaling_ : nullptr);
  }
  std::unique_ptr<data::View> weak() const {
    if (options_.kind == "images") return image(data::ImageAugmentation::weak);
    return options_.kind == "digits" ? image(data::ImageAugmentation::digits_weak) : plain(array_);
  }
  std::unique_ptr<data::View> strong() const {
    if (options_.kind == "images") return image(data::ImageAugmentation::strong);
    if (options_.kind == "digits") return image(data::ImageAugmentation::digits_strong);
    return options_.kind == "jitter" ? data::jitter_view(array_, scaling_, options_.jitter) : plain(array_);
  }

 private:
  bool is_image() const { return options_.kind == "images" || options_.kind == "digits"; }
  std::unique_ptr<data::View> image(data::ImageAugmentation augmentation) const {
    data::ImageOptions options = image_;
    options.augmentation = augmentation;
    return data::image_view(array_, options);
  }

  const data::Array& array_;
  const ViewOptions options_;
  const bool standardised_;
  data::Scaling scaling_;
  data::ImageOptions image_;
};

/// What all files of a run have in common.
struct Reading {
  const std::string& task;
  const ViewOptions& views;
  const std::vector<std::string>& features;
  const std::string& as_it_is;  // array that has no views
  bool keep_going;
};

/// class_names: of the file that classes are numbered by; empty for that one.
std::shared_ptr<const Source> open(const std::string& path, const Reading& reading,
                                   const std::vector<std::string>& class_names) {
  const auto& [task, views, features, as_it_is, keep_going] = reading;
  auto source = std::make_shared<Source>();
  source->dataset =
      data::read(path, {.label_kind = label_kind_of(task), .class_names = class_names, .keep_going = keep_going});
  const data::Dataset& dataset = source->dataset;
  for (const std::string& feature : features) {
    const data::Array *weak = find(dataset, feature + "_weak"), *strong = find(dataset, feature + "_strong");
    const bool pair = weak && strong;
    const data::Array& array = pair && !find(dataset, feature) ? *weak : array_of(dataset, feature);
    const ViewMaker maker(dataset, array, feature == as_it_is ? ViewOptions() : views);
    source->plain.push_back(maker.plain(array));
    source->weak.push_back(pair ? maker.plain(*weak) : maker.weak());
    source->strong.push_back(pair ? maker.plain(*strong) : maker.strong());
  }
  if (const data::Array* mask = find(dataset, "attention_mask"); mask && task == "token")
    source->mask = data::plain_view(*mask);
  return source;
}

Part labelled_part(const std::string& path, std::shared_ptr<const Source> source) {
  Part part{std::move(source), {}};
  for (int64_t item = 0; item < part.source->dataset.size(); ++item)
    if (part.source->dataset.is_labelled(item)) part.items.push_back(item);
  if (part.items.empty())
    throw Error(ErrorKind::malformed, base::printable(path), "has no labelled items", "add an array y of labels");
  return part;
}

}  // namespace

Inputs tensors_of(const std::vector<std::unique_ptr<data::View>>& views, std::span<const int64_t> items,
                  const data::Draw& draw, base::ThreadPool* pool) {
  Inputs inputs;
  for (const auto& view : views) {
    std::vector<int64_t> shape = {static_cast<int64_t>(items.size())};
    shape.insert(shape.end(), view->shape().begin(), view->shape().end());
    at::Tensor tensor = at::empty(shape, view->dtype() == data::DType::int64 ? at::kLong : at::kFloat);
    view->fill(items, draw, {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()}, pool);
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

at::Tensor labels_of(const data::Dataset& dataset, std::span<const int64_t> items) {
  const data::Array taken = data::take(dataset.labels, items);
  const at::ScalarType type = taken.dtype == data::DType::int64   ? at::kLong
                              : taken.dtype == data::DType::uint8 ? at::kByte
                                                                  : at::kFloat;
  at::Tensor labels = at::empty(taken.shape, type);
  std::copy(taken.bytes.begin(), taken.bytes.end(), static_cast<std::byte*>(labels.mutable_data_ptr()));
  return type == at::kByte ? labels.to(at::kFloat) : labels;
}

Part read_part(const DataOptions& data, const ViewOptions& views, const std::string& task,
               const std::vector<std::string>& features) {
  const Reading reading{task, views, features, data.teacher_array, data.keep_going};
  std::shared_ptr<const Source> source;
  if (!data.data.empty()) source = open(data.data, reading, {});
  if (data.test.empty() && source) return labelled_part(data.data, source);
  const auto names = source ? source->dataset.class_names : std::vector<std::string>();
  return labelled_part(data.test, open(data.test, reading, names));
}

Feed::Feed(const DataOptions& data, const ViewOptions& views, const std::string& task,
           std::vector<std::string> features, uint64_t seed, unsigned threads)
    : features_(std::move(features)), seed_(seed) {
  if (threads != 1 && (views.kind == "images" || views.kind == "digits"))
    pool_ = std::make_unique<base::ThreadPool>(threads);
  if (data.data.empty())
    throw Error(ErrorKind::usage, "--data", "is missing", "name a file or folder with labelled items");
  const Reading reading{task, views, features_, data.teacher_array, data.keep_going};
  split(data, open(data.data, reading, {}));
  const auto read = [&](const std::string& path) { return open(path, reading, labelled_.source->dataset.class_names); };
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
  data::Split parts = data::split(main->dataset, {.per_class = options.per_class,
                                                  .validation = data::Share::parse(options.validation_share),
                                                  .test = data::Share::parse(options.test_share),
                                                  .seed = seed_});
  if (parts.labelled.empty())
    throw Error(ErrorKind::malformed, base::printable(options.data), "has no labelled items",
                "add an array y of labels, with -1 where there is none");
  if (options.labelled_too)
    parts.unlabelled.insert(parts.unlabelled.end(), parts.labelled.begin(), parts.labelled.end());
  std::sort(parts.unlabelled.begin(), parts.unlabelled.end());
  labelled_ = {main, parts.labelled};
  unlabelled_ = {main, parts.unlabelled};
  validation_ = {main, parts.validation};
  test_ = {main, parts.test};
}

Feed::Stream Feed::stream(Part part, uint32_t number) const {
  auto sampler = std::make_unique<data::Sampler>(part.items, seed_, number);
  return {std::move(part), std::move(sampler), number};
}

Batch Feed::batch(uint32_t step, size_t labelled, size_t unlabelled) const {
  Batch batch;
  const auto draw = [&](const Stream& stream) { return data::Draw{seed_, stream.number, step, 0}; };
  const std::vector<int64_t> with = of_labelled_.sampler->batch(step, labelled);
  const Source &of_labels = *labelled_.source, &source = *unlabelled_.source;
  batch.labelled = tensors_of(of_labels.weak, with, draw(of_labelled_), pool_.get());
  batch.labels = labels_of(of_labels.dataset, with);
  const std::vector<int64_t> without = of_unlabelled_.sampler->batch(step, unlabelled);
  batch.weak = tensors_of(source.weak, without, draw(of_unlabelled_), pool_.get());
  batch.strong = tensors_of(source.strong, without, draw(of_unlabelled_), pool_.get());
  batch.items = at::tensor(without, at::kLong);
  if (source.mask) {
    std::vector<int64_t> shape = {static_cast<int64_t>(without.size())};
    shape.insert(shape.end(), source.mask->shape().begin(), source.mask->shape().end());
    at::Tensor mask = at::empty(shape, at::kLong);
    source.mask->fill(without, {}, {static_cast<std::byte*>(mask.mutable_data_ptr()), mask.nbytes()});
    batch.counted = mask != 0;
  }
  if (!of_feedback_.sampler) return batch;
  const std::vector<int64_t> judged = of_feedback_.sampler->batch(step, labelled);
  batch.feedback = tensors_of(feedback_.source->weak, judged, draw(of_feedback_), pool_.get());
  batch.feedback_labels = labels_of(feedback_.source->dataset, judged);
  return batch;
}

Batch Feed::labelled_batch(uint32_t step, size_t labelled) const {
  Batch batch;
  const std::vector<int64_t> items = of_tuning_.sampler->batch(step, labelled);
  batch.labelled = tensors_of(labelled_.source->weak, items, {seed_, kTuning, step, 0}, pool_.get());
  batch.labels = labels_of(labelled_.source->dataset, items);
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
