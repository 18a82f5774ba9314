// SPDX-License-Identifier: Apache-2.0
#include "shape/fold.h"

#include <cmath>
#include <limits>

namespace allot::shape {
namespace {

constexpr double kExact = 9007199254740992.0;  // 2^53
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

bool fits(double value, int bits, bool is_signed) {
  const double half = std::ldexp(1.0, bits - 1);
  return is_signed ? value >= -half && value < half : value >= 0 && value < 2 * half;
}

bool is_signed(ir::DataType type) {
  return type == ir::DataType::int8 || type == ir::DataType::int16 || type == ir::DataType::int32 ||
         type == ir::DataType::int64 || type == ir::DataType::int4 || type == ir::DataType::int2;
}

/// Both inputs as elements of `dims`, one function applied to each pair.
std::optional<std::vector<double>> zip(const std::vector<double>& a, const Dims& a_dims, const std::vector<double>& b,
                                       const Dims& b_dims, const Dims& dims, BinaryFold f, bool integral) {
  const Dims a_strides = strides_of(a_dims), b_strides = strides_of(b_dims);
  std::vector<double> result(static_cast<size_t>(*product(dims)));
  Dims index(dims.size(), 0);
  for (double& element : result) {
    const double x = a[static_cast<size_t>(broadcast_position(a_dims, a_strides, index))];
    const double y = b[static_cast<size_t>(broadcast_position(b_dims, b_strides, index))];
    element = integral && (std::fabs(x) >= kExact || std::fabs(y) >= kExact) ? kUnknown : f(x, y, integral);
    if (std::isnan(element)) return std::nullopt;
    next_index(index, dims);
  }
  return result;
}

/// Rounds to the output's element type and stores; gives up on the first element that is not followed.
void store(Context& c, std::vector<double> data, ir::DataType type) {
  for (double& element : data) {
    element = as_element(type, element);
    if (std::isnan(element)) return;
  }
  c.set_content(0, std::move(data));
}

ir::DataType output_elem(Context& c) { return c.state().type(c.output_id(0)).elem; }

bool all_may_be_known(const Context& c, size_t inputs) {
  for (size_t i = 0; i < inputs; ++i)
    if (!c.may_know(i)) return false;
  return inputs > 0 && c.wants(0);
}

}  // namespace

double as_element(ir::DataType type, double value) {
  if (type == ir::DataType::float64) return value;
  if (type == ir::DataType::float32) {
    const bool in_range = std::fabs(value) <= std::numeric_limits<float>::max() || std::isinf(value);
    return in_range ? static_cast<double>(static_cast<float>(value)) : kUnknown;
  }
  if (type == ir::DataType::boolean) return value != 0 ? 1 : 0;
  if (!ir::is_integer(type) || std::fabs(value) >= kExact || std::isnan(value)) return kUnknown;
  const double whole = std::trunc(value);
  return fits(whole, ir::bits(type), is_signed(type)) ? whole : kUnknown;
}

Dims strides_of(std::span<const int64_t> dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(dims[i], 1);
  }
  return strides;
}

void next_index(Dims& index, std::span<const int64_t> dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++index[i] < dims[i]) return;
    index[i] = 0;
  }
}

int64_t broadcast_position(std::span<const int64_t> dims, const Dims& strides, const Dims& index) {
  const size_t offset = index.size() - dims.size();
  int64_t position = 0;
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] != 1) position += index[offset + i] * strides[i];
  return position;
}

void fold_unary(Context& c, UnaryFold f) {
  if (!all_may_be_known(c, 1) || !c.room_for(c.type(0).dims)) return;
  const auto* data = c.content(0);
  if (!data) return;
  std::vector<double> result;
  result.reserve(data->size());
  const bool integral = !ir::is_float(c.elem(0));
  for (const double x : *data) {
    if (integral && std::fabs(x) >= kExact) return;
    result.push_back(f(x));
  }
  store(c, std::move(result), output_elem(c));
}

void fold_all(Context& c, BinaryFold f, const Dims& dims) {
  if (!all_may_be_known(c, c.inputs()) || !c.room_for(dims)) return;
  const auto* first = c.content(0);
  if (!first) return;
  std::vector<double> result = *first;
  Dims result_dims = *c.dims(0);
  const bool integral = !ir::is_float(c.elem(0));
  for (size_t i = 1; i < c.inputs(); ++i) {
    const auto* next = c.content(i);
    if (!next) return;
    const Dims& next_dims = *c.dims(i);
    Dims both = result_dims;
    if (!broadcast(both, next_dims) || !c.room_for(both)) return;
    auto zipped = zip(result, result_dims, *next, next_dims, both, f, integral);
    if (!zipped) return;
    result = std::move(*zipped);
    result_dims = std::move(both);
  }
  if (result_dims == dims) store(c, std::move(result), output_elem(c));
}

}  // namespace allot::shape
