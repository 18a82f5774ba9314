// SPDX-License-Identifier: Apache-2.0
// Values of small tensors through operators: integers exact below 2^53, float32 rounded after every step.
#pragma once

#include "shape/context.h"

namespace allot::shape {

/// A function of one or two elements. NaN means that the result is not known.
using UnaryFold = double (*)(double);
using BinaryFold = double (*)(double a, double b, bool integral);

/// Sets the content of output 0 when that of the inputs is known. Arithmetic on element types that no shape is made
/// of (float16, complex, ...) and integers of 2^53 and over is not followed.
void fold_unary(Context& c, UnaryFold f);
/// All inputs broadcast to `dims`, the shape of output 0, and combined from left to right.
void fold_all(Context& c, BinaryFold f, const Dims& dims);

/// Where input 0 is known, calls `source(index)` for every index of `dims` in row-major order; it returns the position
/// in the input that the output takes, or a negative number to give up. For operators that only move elements.
template <typename Source>
void fold_move(Context& c, const Dims& dims, Source source);

/// `value` as an element of that type would hold it; NaN when the type or the value is not followed.
double as_element(ir::DataType type, double value);

/// Row-major distances between neighbours along each axis; of small tensors only.
Dims strides_of(std::span<const int64_t> dims);

/// Steps `index` to the next one within `dims`, row-major.
void next_index(Dims& index, std::span<const int64_t> dims);

/// Position in a tensor of `dims` that broadcasting reads for an index of the (larger) result.
int64_t broadcast_position(std::span<const int64_t> dims, const Dims& strides, const Dims& index);

template <typename Source>
void fold_move(Context& c, const Dims& dims, Source source) {
  if (!c.may_know(0)) return;
  const auto count = c.room_for(dims);
  const auto* data = count ? c.content(0) : nullptr;
  if (!data) return;
  std::vector<double> result(*count);
  Dims index(dims.size(), 0);
  for (double& element : result) {
    const int64_t position = source(index);
    if (position < 0 || position >= static_cast<int64_t>(data->size())) return;
    element = (*data)[static_cast<size_t>(position)];
    next_index(index, dims);
  }
  c.set_content(0, std::move(result));
}

}  // namespace allot::shape
