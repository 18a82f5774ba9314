// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "base/hash.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

constexpr int64_t kMostClasses = 1 << 20;

[[noreturn]] void fail(const Dataset& dataset, std::string_view what, std::string_view fix = {}) {
  throw Error(ErrorKind::malformed, printable(dataset.origin), what, fix);
}

void check_classes(const Dataset& dataset) {
  const int64_t named = static_cast<int64_t>(dataset.class_names.size());
  const int64_t most = named > 0 ? named : kMostClasses;
  const int64_t unlabelled = dataset.label_kind == LabelKind::classes ? kUnlabelled : kIgnored;
  const auto labels = dataset.labels.values<int64_t>();
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == unlabelled || (labels[i] >= 0 && labels[i] < most)) continue;
    fail(dataset, fmt::format("label {} of item {} is no class", labels[i], dataset.id(i / dataset.labels.elements())),
         fmt::format("number classes from 0 to {}; {} means unlabelled", most - 1, unlabelled));
  }
}

void check_multilabel(const Dataset& dataset) {
  if (dataset.labels.shape.size() != 2) fail(dataset, "multilabel targets are no matrix of items and classes");
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const auto row = dataset.labels.row<uint8_t>(i);
    const auto unknown = std::count(row.begin(), row.end(), kUnknown);
    if (unknown > 0 && unknown < std::ssize(row))
      fail(dataset, fmt::format("item {} is labelled in part", dataset.id(i)), "label all of its classes, or none");
    if (unknown == 0 && std::any_of(row.begin(), row.end(), [](uint8_t bit) { return bit > 1; }))
      fail(dataset, fmt::format("item {} has a multilabel entry other than 0 and 1", dataset.id(i)));
  }
}

void check_targets(const Dataset& dataset) {
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const auto row = dataset.labels.row<float>(i);
    const auto unknown = std::count_if(row.begin(), row.end(), [](float x) { return std::isnan(x); });
    if ((unknown > 0 && unknown < std::ssize(row)) ||
        std::any_of(row.begin(), row.end(), [](float x) { return std::isinf(x); }))
      fail(dataset, fmt::format("the target of item {} is not finite", dataset.id(i)),
           "NaN in all of a target means unlabelled");
  }
}

void check_elements(const Dataset& dataset, const Array& array) {
  if (array.elements() == 0) fail(dataset, fmt::format("items of array '{}' have no elements", printable(array.name)));
}

void check_labels(const Dataset& dataset) {
  const Array& labels = dataset.labels;
  if (dataset.label_kind == LabelKind::none) return;
  check_elements(dataset, labels);
  if (labels.items() != dataset.size())
    fail(dataset, fmt::format("has {} items and labels for {}", dataset.size(), labels.items()));
  switch (dataset.label_kind) {
    case LabelKind::classes:
      ALLOT_ASSERT(labels.shape.size() == 1);
      [[fallthrough]];
    case LabelKind::tokens:
      return check_classes(dataset);
    case LabelKind::multilabel:
      return check_multilabel(dataset);
    default:
      return check_targets(dataset);
  }
}

}  // namespace

size_t dtype_bytes(DType dtype) { return dtype == DType::uint8 ? 1 : dtype == DType::int64 ? 8 : 4; }

const char* dtype_name(DType dtype) {
  return dtype == DType::uint8 ? "uint8" : dtype == DType::int64 ? "int64" : "float32";
}

int64_t Array::elements() const {
  int64_t product = 1;
  for (size_t i = 1; i < shape.size(); ++i) product *= shape[i];
  return product;
}

int64_t Dataset::classes() const {
  if (!class_names.empty()) return static_cast<int64_t>(class_names.size());
  if (label_kind == LabelKind::multilabel) return labels.elements();
  if (label_kind != LabelKind::classes && label_kind != LabelKind::tokens) return 0;
  const auto values = labels.values<int64_t>();
  return values.empty() ? 0 : std::max<int64_t>(0, *std::max_element(values.begin(), values.end()) + 1);
}

bool Dataset::is_labelled(int64_t item) const {
  switch (label_kind) {
    case LabelKind::none:
      return false;
    case LabelKind::classes:
      return labels.row<int64_t>(item)[0] != kUnlabelled;
    case LabelKind::multilabel:
      return labels.row<uint8_t>(item)[0] != kUnknown;
    case LabelKind::targets:
      return !std::isnan(labels.row<float>(item)[0]);
    case LabelKind::tokens:
      break;
  }
  const auto row = labels.row<int64_t>(item);
  return std::any_of(row.begin(), row.end(), [](int64_t label) { return label != kIgnored; });
}

std::string Dataset::id(int64_t item) const {
  return ids.empty() ? std::to_string(item) : printable(ids[static_cast<size_t>(item)]);
}

const Array& Dataset::feature(std::string_view name) const {
  std::vector<std::string> names;
  for (const Array& array : features) {
    if (array.name == name) return array;
    names.push_back(printable(array.name));
  }
  throw Error(ErrorKind::input_missing, printable(origin), fmt::format("has no array '{}'", printable(name)),
              base::suggestion(name, names));
}

void check(const Dataset& dataset) {
  if (dataset.features.empty()) fail(dataset, "holds no features");
  for (const Array& array : dataset.features)
    if (array.shape.empty() || array.items() != dataset.size())
      fail(dataset,
           fmt::format("array '{}' has {} items, '{}' {}", printable(array.name), array.items(),
                       printable(dataset.features[0].name), dataset.size()),
           "store one row an item in every array");
  if (dataset.size() == 0) fail(dataset, "holds no items");
  for (const Array& array : dataset.features) check_elements(dataset, array);
  ALLOT_ASSERT(dataset.parts.empty() || std::ssize(dataset.parts) == dataset.size());
  if (!dataset.ids.empty()) {
    if (std::ssize(dataset.ids) != dataset.size())
      fail(dataset, fmt::format("has {} items and {} ids", dataset.size(), dataset.ids.size()));
    std::unordered_set<std::string_view> seen;
    for (const std::string& id : dataset.ids)
      if (!seen.insert(id).second) fail(dataset, fmt::format("two items have the id '{}'", printable(id)));
  }
  check_labels(dataset);
}

std::string fingerprint(const Dataset& dataset) {
  base::Sha256 hash;
  for (const Array& array : dataset.features) {
    hash.add_field(array.name);
    hash.add_field(static_cast<int64_t>(array.dtype));
    hash.add_field(std::ssize(array.shape));
    for (const int64_t dim : array.shape) hash.add_field(dim);
  }
  hash.add_field(static_cast<int64_t>(dataset.label_kind));
  hash.add_field({reinterpret_cast<const char*>(dataset.labels.bytes.data()), dataset.labels.bytes.size()});
  for (const std::string& id : dataset.ids) hash.add_field(id);
  return hash.hex();
}

Array take(const Array& array, std::span<const int64_t> items) {
  const size_t row_bytes = static_cast<size_t>(array.elements()) * dtype_bytes(array.dtype);
  auto owner = std::make_shared<std::vector<std::byte>>(items.size() * row_bytes);
  for (size_t i = 0; i < items.size() && row_bytes > 0; ++i)
    std::memcpy(owner->data() + i * row_bytes, array.bytes.data() + static_cast<size_t>(items[i]) * row_bytes,
                row_bytes);
  Array rows{array.name, array.dtype, array.shape, *owner, owner};
  rows.shape[0] = static_cast<int64_t>(items.size());
  return rows;
}

Dataset take(const Dataset& dataset, std::span<const int64_t> items) {
  Dataset part{dataset.origin, {}, dataset.label_kind, {}, dataset.class_names, {}, {}, 0};
  for (const Array& array : dataset.features) part.features.push_back(take(array, items));
  if (dataset.label_kind != LabelKind::none) part.labels = take(dataset.labels, items);
  for (const int64_t item : items) {
    part.ids.push_back(dataset.ids.empty() ? std::to_string(item) : dataset.ids[static_cast<size_t>(item)]);
    if (!dataset.parts.empty()) part.parts.push_back(dataset.parts[static_cast<size_t>(item)]);
  }
  return part;
}

namespace {

Array join(const std::vector<Dataset>& datasets, const Array& (*pick)(const Dataset&, size_t), size_t index) {
  const Array& first = pick(datasets[0], index);
  auto owner = std::make_shared<std::vector<std::byte>>();
  Array joined{first.name, first.dtype, first.shape, {}, owner};
  joined.shape[0] = 0;
  for (const Dataset& dataset : datasets) {
    const Array& array = pick(dataset, index);
    if (array.name != first.name || array.dtype != first.dtype || array.elements() != first.elements())
      fail(dataset,
           fmt::format("array '{}' is not like '{}' of {}", printable(array.name), printable(first.name),
                       printable(datasets[0].origin)),
           "read files of the same kind together");
    owner->insert(owner->end(), array.bytes.begin(), array.bytes.end());
    joined.shape[0] += array.items();
  }
  joined.bytes = *owner;
  return joined;
}

}  // namespace

Dataset concatenate(std::vector<Dataset> datasets) {
  ALLOT_ASSERT(!datasets.empty());
  if (datasets.size() == 1) return std::move(datasets[0]);
  const Dataset& first = datasets[0];
  Dataset all{first.origin, {}, first.label_kind, {}, first.class_names, {}, {}, 0};
  const auto has_any = [&](auto member) {
    return std::any_of(datasets.begin(), datasets.end(),
                       [&](const Dataset& dataset) { return !(dataset.*member).empty(); });
  };
  const bool has_ids = has_any(&Dataset::ids), has_parts = has_any(&Dataset::parts);
  for (const Dataset& dataset : datasets) {
    if (dataset.features.size() != first.features.size() || dataset.label_kind != first.label_kind ||
        dataset.class_names != first.class_names)
      fail(dataset, fmt::format("has other arrays, labels or class names than {}", printable(first.origin)),
           "read files of the same kind together");
    for (int64_t item = 0; item < dataset.size(); ++item) {
      const auto i = static_cast<size_t>(item);
      if (has_ids) all.ids.push_back(dataset.ids.empty() ? std::to_string(all.ids.size()) : dataset.ids[i]);
      if (has_parts) all.parts.push_back(dataset.parts.empty() ? "" : dataset.parts[i]);
    }
    all.skipped += dataset.skipped;
  }
  for (size_t i = 0; i < first.features.size(); ++i)
    all.features.push_back(join(
        datasets, [](const Dataset& dataset, size_t index) -> const Array& { return dataset.features[index]; }, i));
  if (first.label_kind != LabelKind::none)
    all.labels = join(
        datasets, [](const Dataset& dataset, size_t) -> const Array& { return dataset.labels; }, 0);
  check(all);
  return all;
}

size_t checked_bytes(std::span<const int64_t> shape, DType dtype, uint64_t most_bytes, std::string_view where) {
  uint64_t bytes = dtype_bytes(dtype);
  bool fits = true;
  for (const int64_t dim : shape) fits = fits && dim >= 0 && !__builtin_mul_overflow(bytes, uint64_t(dim), &bytes);
  if (!fits || bytes > most_bytes)
    throw Error(ErrorKind::malformed, where,
                fits ? fmt::format("needs {} bytes of memory, the limit is {}", bytes, most_bytes)
                     : fmt::format("has impossible dimensions"),
                fits ? "raise the limit or store the items in several files" : "");
  return bytes;
}

}  // namespace allot::data
