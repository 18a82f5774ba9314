// SPDX-License-Identifier: Apache-2.0
#include "mpl/source.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "data/image_view.h"
#include "data/read.h"

namespace allot::mpl {
namespace {

using base::Error;
using base::ErrorKind;

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

/// Errors: usage for ids that are no numbers.
data::TokenOptions token_options(const ViewOptions& options) {
  data::TokenOptions result = options.tokens;
  for (const std::string& text : options.kept) {
    int64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size())
      throw Error(ErrorKind::usage, "--views.token-kept", fmt::format("'{}' is no token id", base::printable(text)),
                  "give whole numbers");
    result.kept.push_back(id);
  }
  return result;
}

/// One feature's views, by what is done to items: nothing, little, much.
class ViewMaker {
 public:
  ViewMaker(const data::Dataset& dataset, const data::Array& array, const ViewOptions& options)
      : array_(array), options_(options), standardised_(options.scaling == "standardise") {
    if (!is_image() && standardised_) scaling_ = data::standardise(array, all_items(dataset));
    if (is_words()) tokens_ = token_options(options);
    if (!is_image()) return;
    image_.geometry = options.image;
    image_.channels_last = options.image.channels_last;
    image_.scaling.factor = array.dtype == data::DType::uint8 ? 1.0f / 255 : 1.0f;
    image_.flip = options.flip;
    image_.operations = options.operations;
    image_.magnitude = options.magnitude;
    if (standardised_)
      image_.scaling =
          data::standardise(array, data::geometry_of(array, options.image), all_items(dataset), image_.scaling.factor);
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
    if (is_words()) return data::token_view(array_, tokens_);
    return options_.kind == "jitter" ? data::jitter_view(array_, scaling_, options_.jitter) : plain(array_);
  }

 private:
  /// Whole numbers that are no masks, types or positions of words.
  bool is_words() const {
    const auto says = [this](const char* part) { return array_.name.find(part) != std::string::npos; };
    return options_.kind == "tokens" && array_.dtype != data::DType::float32 && !says("mask") && !says("type") &&
           !says("position");
  }
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
  data::TokenOptions tokens_;
};

}  // namespace

std::vector<int64_t> all_items(const data::Dataset& dataset) {
  std::vector<int64_t> items(static_cast<size_t>(dataset.size()));
  for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<int64_t>(i);
  return items;
}

std::shared_ptr<const Source> open_source(const std::string& path, const Reading& reading,
                                          const std::vector<std::string>& class_names) {
  const auto& [task, views, features, as_it_is, keep_going] = reading;
  auto source = std::make_shared<Source>();
  source->dataset = data::read(path, {.label_kind = label_kind_of(task),
                                      .class_names = class_names,
                                      .image_height = views.image.height,
                                      .image_width = views.image.width,
                                      .image_channels = views.image.channels,
                                      .keep_going = keep_going});
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
  if (!data.data.empty()) source = open_source(data.data, reading, {});
  if (data.test.empty() && source) return labelled_part(data.data, source);
  const auto names = source ? source->dataset.class_names : std::vector<std::string>();
  return labelled_part(data.test, open_source(data.test, reading, names));
}

}  // namespace allot::mpl
