// SPDX-License-Identifier: Apache-2.0
// What training tools read: named arrays of features with one row an item, and what is known about the items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace allot::data {

enum class DType : uint8_t { uint8, int64, float32 };
size_t dtype_bytes(DType dtype);
const char* dtype_name(DType dtype);

template <typename T>
inline constexpr DType kDTypeOf = DType::float32;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::uint8;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::int64;

/// One row an item, contiguous in row-major order, in memory or mapped from a file.
struct Array {
  std::string name;
  DType dtype = DType::float32;
  std::vector<int64_t> shape;         // [items, ...]
  std::span<const std::byte> bytes;   // aligned for dtype
  std::shared_ptr<const void> owner;  // of the bytes

  int64_t items() const { return shape.empty() ? 0 : shape[0]; }
  /// Elements of one item.
  int64_t elements() const;
  /// All elements; T is the type of dtype.
  template <typename T>
  std::span<const T> values() const {
    ALLOT_ASSERT(dtype == kDTypeOf<T>);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <typename T>
  std::span<const T> row(int64_t item) const {
    return values<T>().subspan(static_cast<size_t>(item * elements()), static_cast<size_t>(elements()));
  }
};

/// An array of values in memory; as many as `shape` says.
template <typename T>
Array make_array(std::string name, std::vector<int64_t> shape, std::vector<T> values) {
  auto owner = std::make_shared<const std::vector<T>>(std::move(values));
  Array array{std::move(name), kDTypeOf<T>, std::move(shape), std::as_bytes(std::span(*owner)), owner};
  ALLOT_ASSERT(array.bytes.size() == static_cast<size_t>(array.items() * array.elements()) * sizeof(T));
  return array;
}

enum class LabelKind : uint8_t {
  none,
  classes,     // int64 [items]: the class, or kUnlabelled
  multilabel,  // uint8 [items, classes]: 0 or 1, or kUnknown in the whole row of an unlabelled item
  tokens,      // int64 [items, positions...]: a class a position, or kIgnored
  targets,     // float32 [items, ...]: regression; NaN in the whole row of an unlabelled item
};
inline constexpr int64_t kUnlabelled = -1;
inline constexpr int64_t kIgnored = -100;
inline constexpr uint8_t kUnknown = 255;

struct Dataset {
  std::string origin;           // where it came from, for errors
  std::vector<Array> features;  // all with one row an item
  LabelKind label_kind = LabelKind::none;
  Array labels;                          // as label_kind says
  std::vector<std::string> class_names;  // by class; empty where the source names none
  std::vector<std::string> ids;          // by item: what stays the same when items are added; empty: their numbers
  std::vector<std::string> parts;        // by item: "train", "val", "test", ... where the source tells; else empty
  int64_t skipped = 0;                   // items that could not be read and were left out (ReadOptions::keep_going)

  int64_t size() const { return features.empty() ? 0 : features[0].items(); }
  /// Number of classes: as many as are named, or the largest label + 1. 0 without labels and for targets.
  int64_t classes() const;
  bool is_labelled(int64_t item) const;
  std::string id(int64_t item) const;
  /// Errors: input_missing, naming those there are.
  const Array& feature(std::string_view name) const;
};

/// Throws malformed, naming the origin and the array or item, if there are no items or they have no elements, arrays
/// disagree in their number of items, a label is out of range or not finite in part, or ids repeat. Readers and
/// generators call it.
void check(const Dataset& dataset);

/// SHA-256 over shapes, labels and ids, but not over features: tells whether item numbers mean the same.
std::string fingerprint(const Dataset& dataset);

/// Rows `items` of an array, in that order, in memory.
Array take(const Array& array, std::span<const int64_t> items);
Dataset take(const Dataset& dataset, std::span<const int64_t> items);

/// All items of one dataset after those of another. Errors: malformed, naming the one that has other arrays, kinds of
/// labels or class names than the first.
Dataset concatenate(std::vector<Dataset> datasets);

/// Bytes of an array of these dimensions. Errors: malformed, naming `where`, if one is negative or the product is above
/// `most_bytes`.
size_t checked_bytes(std::span<const int64_t> shape, DType dtype, uint64_t most_bytes, std::string_view where);

}  // namespace allot::data
