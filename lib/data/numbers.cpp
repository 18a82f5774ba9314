// SPDX-License-Identifier: Apache-2.0
#include "data/numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/safetensors.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

float from_half(uint16_t bits) {
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31)
    return fraction == 0 ? sign * std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

float from_bfloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

DType dtype_of(const std::string& dtype) {
  if (dtype == "U8" || dtype == "BOOL") return DType::uint8;
  return dtype[0] == 'F' || dtype[0] == 'B' ? DType::float32 : DType::int64;
}

// Where element i of the row-major order lies in the file.
class Positions {
 public:
  explicit Positions(const StoredArray& stored) : shape_(stored.shape), fortran_(stored.fortran_order) {}
  size_t operator()(size_t i) const {
    if (!fortran_) return i;
    size_t position = 0, stride = 1;
    for (const int64_t dim : shape_) stride *= static_cast<size_t>(dim);
    for (size_t d = shape_.size(); d-- > 0;) {
      const auto dim = static_cast<size_t>(shape_[d]);
      stride /= dim;
      position += i % dim * stride;
      i /= dim;
    }
    return position;
  }

 private:
  const std::vector<int64_t>& shape_;
  bool fortran_;
};

template <typename From, typename To, typename Convert>
Array convert(const StoredArray& stored, Convert&& convert_one) {
  const Positions position(stored);
  std::vector<To> values(stored.bytes.size() / sizeof(From));
  for (size_t i = 0; i < values.size(); ++i) {
    From element;
    std::memcpy(&element, stored.bytes.data() + position(i) * sizeof(From), sizeof(From));
    values[i] = convert_one(element);
  }
  return make_array(stored.name, stored.shape, std::move(values));
}

template <typename From, typename To>
Array convert(const StoredArray& stored) {
  return convert<From, To>(stored, [](From x) { return static_cast<To>(x); });
}

Array convert_any(const StoredArray& stored, const std::string& where) {
  const std::string& dtype = stored.dtype;
  if (dtype == "U8") return convert<uint8_t, uint8_t>(stored);
  if (dtype == "BOOL") return convert<uint8_t, uint8_t>(stored, [](uint8_t x) { return uint8_t{x != 0}; });
  if (dtype == "I8") return convert<int8_t, int64_t>(stored);
  if (dtype == "I16") return convert<int16_t, int64_t>(stored);
  if (dtype == "U16") return convert<uint16_t, int64_t>(stored);
  if (dtype == "I32") return convert<int32_t, int64_t>(stored);
  if (dtype == "U32") return convert<uint32_t, int64_t>(stored);
  if (dtype == "I64") return convert<int64_t, int64_t>(stored);
  if (dtype == "F32") return convert<float, float>(stored);
  if (dtype == "F64") return convert<double, float>(stored);
  if (dtype == "F16") return convert<uint16_t, float>(stored, from_half);
  if (dtype == "BF16") return convert<uint16_t, float>(stored, from_bfloat16);
  if (dtype != "U64")
    throw Error(ErrorKind::unavailable, where,
                fmt::format("elements of type {} are no training data", printable(dtype)),
                "store integers, float16, float32 or float64");
  return convert<uint64_t, int64_t>(stored, [&](uint64_t x) {
    if (x > static_cast<uint64_t>(INT64_MAX))
      throw Error(ErrorKind::malformed, where, fmt::format("{} is too large", x));
    return static_cast<int64_t>(x);
  });
}

// The labels `array` as `kind` has them.
Array as_labels(const Array& array, LabelKind kind, const std::string& where) {
  const auto fail = [&](std::string_view what) -> void { throw Error(ErrorKind::malformed, where, what); };
  Array labels = array;
  const bool integers = kind == LabelKind::classes || kind == LabelKind::tokens;
  if (kind == LabelKind::classes) {
    if (array.elements() != 1 && array.items() > 0) fail("class labels are not one an item");
    labels.shape = {array.items()};
  }
  const DType wanted = integers ? DType::int64 : kind == LabelKind::multilabel ? DType::uint8 : DType::float32;
  if (array.dtype == wanted) return labels;
  const auto each = [&](const auto& from, auto to) {
    std::vector<decltype(to)> values(from.begin(), from.end());
    for (size_t i = 0; i < values.size(); ++i)
      if (!(static_cast<double>(values[i]) == static_cast<double>(from[i])) && wanted != DType::float32)
        fail(fmt::format("label {} is not a whole number in range", from[i]));
    return make_array(array.name, labels.shape, std::move(values));
  };
  const auto from = [&](auto to) {
    if (array.dtype == DType::uint8) return each(array.values<uint8_t>(), to);
    if (array.dtype == DType::int64) return each(array.values<int64_t>(), to);
    const auto reals = array.values<float>();
    if (wanted != DType::float32)
      for (const float x : reals)
        if (!(std::abs(x) < 1e9f)) fail(fmt::format("label {} is not a whole number in range", x));
    return each(reals, to);
  };
  return integers ? from(int64_t{}) : kind == LabelKind::multilabel ? from(uint8_t{}) : from(float{});
}

LabelKind kind_of(const Array& labels) {
  if (labels.dtype == DType::float32) return LabelKind::targets;
  if (labels.elements() == 1) return LabelKind::classes;
  return labels.dtype == DType::uint8 && labels.shape.size() == 2 ? LabelKind::multilabel : LabelKind::tokens;
}

bool is_label_name(const std::string& name, const ReadOptions& options) {
  if (!options.label.empty()) return name == options.label;
  return name == "y" || name == "label" || name == "labels";
}

}  // namespace

Array to_array(const StoredArray& stored, const std::string& origin, uint64_t most_bytes) {
  const std::string where = fmt::format("{}: array '{}'", printable(origin), printable(stored.name));
  if (stored.shape.empty())
    throw Error(ErrorKind::malformed, where, "is a single number", "store one row an item in every array");
  const DType dtype = dtype_of(stored.dtype);
  checked_bytes(std::span(stored.shape).subspan(1), dtype, most_bytes, where);
  const bool is_aligned = reinterpret_cast<uintptr_t>(stored.bytes.data()) % dtype_bytes(dtype) == 0;
  if ((stored.dtype == "U8" || stored.dtype == "I64" || stored.dtype == "F32") && is_aligned && !stored.fortran_order)
    return {stored.name, dtype, stored.shape, stored.bytes, stored.owner};
  checked_bytes(stored.shape, dtype, most_bytes, where);
  return convert_any(stored, where);
}

Dataset assemble(std::vector<Array> arrays, const std::string& origin, const ReadOptions& options) {
  Dataset dataset;
  dataset.origin = origin;
  for (Array& array : arrays) {
    const std::string where = fmt::format("{}: array '{}'", printable(origin), printable(array.name));
    if (is_label_name(array.name, options) && dataset.label_kind == LabelKind::none) {
      dataset.label_kind = options.label_kind == LabelKind::none ? kind_of(array) : options.label_kind;
      dataset.labels = as_labels(array, dataset.label_kind, where);
    } else if ((array.name == "id" || array.name == "ids") && array.dtype == DType::int64 && array.elements() == 1) {
      for (const int64_t id : array.values<int64_t>()) dataset.ids.push_back(std::to_string(id));
    } else {
      dataset.features.push_back(std::move(array));
    }
  }
  if (!options.label.empty() && dataset.label_kind == LabelKind::none) dataset.feature(options.label);  // throws
  check(dataset);
  return dataset;
}

}  // namespace allot::data
