// SPDX-License-Identifier: Apache-2.0
#include "cost/context.h"

#include <algorithm>
#include <limits>

namespace allot::cost {
namespace {

const shape::ValueType kAbsent;

}  // namespace

const shape::ValueType& Context::in(size_t i) const {
  return has_in(i) ? planning_.shapes.types[planning_.values.inputs[id_][i]] : kAbsent;
}

const shape::ValueType& Context::out(size_t i) const {
  return has_out(i) ? planning_.shapes.types[planning_.values.outputs[id_][i]] : kAbsent;
}

const std::vector<double>* Context::content(size_t i) const {
  if (!has_in(i)) return nullptr;
  const auto& known = planning_.shapes.content[planning_.values.inputs[id_][i]];
  return known.known ? &known.data : nullptr;
}

std::optional<double> Context::scalar(size_t i) const {
  const auto* data = content(i);
  return data && data->size() == 1 ? std::optional(data->front()) : std::nullopt;
}

double dim(const shape::ValueType& type, int64_t axis) {
  if (axis < 0) axis += rank(type);
  return axis >= 0 && axis < rank(type) ? static_cast<double>(type.dims[axis]) : 0.0;
}

int64_t rank(const shape::ValueType& type) { return static_cast<int64_t>(type.dims.size()); }

double volume(const shape::ValueType& type, int64_t first, int64_t last) {
  double product = 1;
  for (int64_t axis = std::max<int64_t>(first, 0); axis < std::min(last, rank(type)); ++axis)
    product *= static_cast<double>(type.dims[axis]);
  return product;
}

double volume(const shape::ValueType& type, int64_t first) { return volume(type, first, rank(type)); }

int64_t normal_axis(const shape::ValueType& type, int64_t axis) {
  return std::clamp<int64_t>(axis < 0 ? axis + rank(type) : axis, 0, rank(type));
}

double bytes_of(const shape::ValueType& type, double elements) { return elements * ir::bits(type.elem) / 8; }

int64_t to_bytes(double bytes) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max() / 4;
  if (!(bytes > 0)) return 0;
  return bytes >= static_cast<double>(kMax) ? kMax : static_cast<int64_t>(bytes);
}

cluster::Precision precision_of(ir::DataType type) {
  using cluster::Precision;
  using ir::DataType;
  switch (type) {
    case DataType::float64:
    case DataType::complex128:
      return Precision::float64;
    case DataType::float16:
      return Precision::float16;
    case DataType::bfloat16:
      return Precision::bfloat16;
    case DataType::float8e4m3fn:
    case DataType::float8e4m3fnuz:
    case DataType::float8e5m2:
    case DataType::float8e5m2fnuz:
    case DataType::float4e2m1:
      return Precision::float8;
    case DataType::int8:
    case DataType::uint8:
    case DataType::int4:
    case DataType::uint4:
    case DataType::int2:
    case DataType::uint2:
      return Precision::int8;
    default:
      return Precision::float32;
  }
}

}  // namespace allot::cost
