// SPDX-License-Identifier: Apache-2.0
#include "enas/feed.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include "base/error.h"
#include "base/hash.h"
#include "data/image_view.h"
#include "data/read.h"
#include "data/split.h"

namespace allot::enas {
namespace {

using base::Error;
using base::ErrorKind;

enum StreamNumber : uint32_t { kTraining = 1, kValidation };

data::LabelKind label_kind_of(TaskKind task) {
  return task == TaskKind::classification ? data::LabelKind::classes
         : task == TaskKind::token        ? data::LabelKind::tokens
                                          : data::LabelKind::targets;
}

std::shared_ptr<const data::Dataset> read(const std::string& path, TaskKind task,
                                          const std::vector<std::string>& names) {
  auto dataset =
      std::make_shared<data::Dataset>(data::read(path, {.label_kind = label_kind_of(task), .class_names = names}));
  if (dataset->label_kind == data::LabelKind::none)
    throw Error(ErrorKind::malformed, base::printable(path), "has no labels", "add an array y of labels");
  return dataset;
}

/// The array of an input's name, or the only one there is.
const data::Array& array_of(const data::Dataset& dataset, const std::string& input) {
  if (dataset.features.size() == 1) return dataset.features[0];
  return dataset.feature(input);
}

/// Three dimensions an item beside the batch, and floats: an image.
bool is_image(const exec::ProgramInput& input) {
  return input.type.dims.size() == 4 && input.type.elem == ir::DataType::float32;
}

std::unique_ptr<data::View> view_of(const data::Array& array, const exec::ProgramInput& input,
                                    const std::string& augment) {
  if (!is_image(input)) {
    const bool floats = input.type.elem == ir::DataType::float32;
    const data::Scaling as_it_is;
    return data::plain_view(array, floats ? &as_it_is : nullptr);
  }
  data::ImageOptions options;
  options.augmentation = augment == "none" ? data::ImageAugmentation::none : data::ImageAugmentation::weak;
  options.flip = augment == "flip";
  options.scaling.factor = array.dtype == data::DType::uint8 ? 1.0f / 255 : 1.0f;
  return data::image_view(array, options);
}

Items items_of(std::shared_ptr<const data::Dataset> dataset, std::vector<int64_t> numbers,
               const std::vector<exec::ProgramInput>& inputs, const std::string& augment) {
  Items items{std::move(dataset), {}, std::move(numbers)};
  for (const exec::ProgramInput& input : inputs)
    items.views.push_back(view_of(array_of(*items.dataset, input.name), input, augment));
  return items;
}

std::vector<int64_t> labelled(const data::Dataset& dataset) {
  std::vector<int64_t> items;
  for (int64_t item = 0; item < dataset.size(); ++item)
    if (dataset.is_labelled(item)) items.push_back(item);
  return items;
}

at::Tensor labels_of(const data::Dataset& dataset, std::span<const int64_t> items) {
  const data::Array taken = data::take(dataset.labels, items);
  const at::Tensor labels = at::empty(taken.shape, taken.dtype == data::DType::int64 ? at::kLong : at::kFloat);
  std::copy(taken.bytes.begin(), taken.bytes.end(), static_cast<std::byte*>(labels.mutable_data_ptr()));
  return labels;
}

/// Flat rows become what the network declares.
at::Tensor shaped(at::Tensor tensor, const ir::Type& type) {
  if (!type.has_shape) return tensor;
  std::vector<int64_t> shape = {tensor.size(0)};
  int64_t elements = 1;
  for (size_t i = 1; i < type.dims.size(); ++i) {
    if (type.dims[i].value < 0) return tensor;
    shape.push_back(type.dims[i].value);
    elements *= type.dims[i].value;
  }
  return tensor.numel() == tensor.size(0) * elements ? tensor.reshape(shape) : tensor;
}

}  // namespace

void DataOptions::bind(config::Binder& binder) {
  binder.text("data", data, "items to learn from, with labels");
  binder.text("validation_data", validation, "items that rewards are measured on; default: some of --data");
  binder.text("test_data", test, "items for the last figures; they choose nothing");
  binder.text("validation_share", validation_share, "of --data for validation: a count or a part");
  binder.integer("most_items", most_items, "of --data that are used, the first ones; 0 = all", 0, int64_t{1} << 40);
  binder.choice("augment", augment, "training images: moved by up to an eighth, and mirrored",
                {"none", "crop", "flip"});
}

Batch Items::batch(std::span<const int64_t> items, const data::Draw& draw,
                   const std::vector<exec::ProgramInput>& inputs) const {
  Batch batch;
  for (size_t i = 0; i < views.size(); ++i) {
    std::vector<int64_t> shape = {static_cast<int64_t>(items.size())};
    shape.insert(shape.end(), views[i]->shape().begin(), views[i]->shape().end());
    const at::Tensor tensor = at::empty(shape, views[i]->dtype() == data::DType::int64 ? at::kLong : at::kFloat);
    views[i]->fill(items, draw, {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()});
    batch.inputs.push_back(shaped(tensor, inputs[i].type));
  }
  batch.labels = labels_of(*dataset, items);
  return batch;
}

std::shared_ptr<const Datasets> read_datasets(const DataOptions& options, TaskKind task) {
  if (options.data.empty())
    throw Error(ErrorKind::usage, "--data", "is missing", "name a file or folder with labelled items");
  auto datasets = std::make_shared<Datasets>();
  datasets->main = read(options.data, task, {});
  const auto& names = datasets->main->class_names;
  if (!options.validation.empty()) datasets->validation = read(options.validation, task, names);
  if (!options.test.empty()) datasets->test = read(options.test, task, names);
  return datasets;
}

Feed::Feed(const Datasets& datasets, const DataOptions& options, const train::Network& network, uint64_t seed)
    : seed_(seed) {
  for (const exec::ProgramInput& input : network.inputs())
    if (!input.optional) inputs_.push_back(input);
  const auto& main = datasets.main;
  std::vector<int64_t> numbers;
  if (datasets.validation) {
    numbers = labelled(*main);
    validation_ = items_of(datasets.validation, labelled(*datasets.validation), inputs_, "none");
  } else {
    data::Split parts = data::split(*main, {.validation = data::Share::parse(options.validation_share), .seed = seed});
    numbers = std::move(parts.labelled);
    validation_ = items_of(main, std::move(parts.validation), inputs_, "none");
    if (!parts.test.empty()) test_ = items_of(main, std::move(parts.test), inputs_, "none");
  }
  if (datasets.test) test_ = items_of(datasets.test, labelled(*datasets.test), inputs_, "none");
  if (options.most_items > 0 && static_cast<int64_t>(numbers.size()) > options.most_items)
    numbers.resize(static_cast<size_t>(options.most_items));
  training_ = items_of(main, std::move(numbers), inputs_, options.augment);
  if (training_.size() == 0 || validation_.size() == 0)
    throw Error(ErrorKind::malformed, base::printable(main->origin), "leaves no items for training or for validation",
                "give more items, or another --validation-share");
  training_order_ = std::make_unique<data::Sampler>(training_.numbers, seed, kTraining);
  validation_order_ = std::make_unique<data::Sampler>(validation_.numbers, seed, kValidation);
}

Batch Feed::training(uint32_t step, size_t items) const {
  return training_.batch(training_order_->batch(step, items), {seed_, kTraining, step, 0}, inputs_);
}

Batch Feed::validation(uint32_t step, size_t items) const {
  return validation_.batch(validation_order_->batch(step, std::min(items, validation_.size())),
                           {seed_, kValidation, step, 0}, inputs_);
}

std::vector<Batch> Feed::whole(const Items& items, size_t size) const {
  std::vector<Batch> batches;
  const std::span<const int64_t> all(items.numbers);
  for (size_t first = 0; first < all.size(); first += size)
    batches.push_back(items.batch(all.subspan(first, std::min(size, all.size() - first)), {}, inputs_));
  return batches;
}

std::string Feed::fingerprint() const {
  base::Sha256 hash;
  for (const Items* items : {&training_, &validation_, &test_}) {
    hash.add_field(static_cast<int64_t>(items->size()));
    if (!items->dataset) continue;
    hash.add_field({reinterpret_cast<const char*>(items->numbers.data()), items->numbers.size() * sizeof(int64_t)});
    for (const data::Array& array : items->dataset->features)
      hash.add_field({reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size()});
  }
  return hash.hex();
}

}  // namespace allot::enas
