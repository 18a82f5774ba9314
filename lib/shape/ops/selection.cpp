// SPDX-License-Identifier: Apache-2.0
// Elements picked by value: sizes depend on data, so most shapes are upper bounds.
#include <algorithm>
#include <numeric>
#include <optional>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

using ir::DataType;

/// Content of TopK over one dimension.
void fold_top_k(Context& c, size_t k) {
  const auto* data = c.may_know(0) ? c.content(0) : nullptr;
  if (!data || c.type(0).dims.size() != 1 || k > data->size() || !c.room_for(c.type(0).dims)) return;
  const bool largest = c.node().int_or("largest", 1) != 0;
  std::vector<size_t> order(data->size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return largest ? (*data)[a] > (*data)[b] : (*data)[a] < (*data)[b]; });
  std::vector<double> values, indices;
  for (size_t i = 0; i < k; ++i) {
    values.push_back((*data)[order[i]]);
    indices.push_back(static_cast<double>(order[i]));
  }
  c.set_content(0, std::move(values));
  c.set_content(1, std::move(indices));
}

void top_k(Context& c) {
  c.set_elem(0, c.elem(0));
  c.set_elem(1, DataType::int64);
  const Dims* input = c.dims(0);
  if (!input) return;
  const auto axis = c.axis(c.node().int_or("axis", -1), input->size());
  if (!axis) return;
  const auto* attribute = c.node().find("k");
  const auto given = attribute ? std::optional(attribute->i) : c.integer(1);
  if (!given) c.distrust(Trust::bound);
  const int64_t k = given.value_or((*input)[*axis]);
  if (k < 0 || k > (*input)[*axis]) c.contradict("the best {} of {} along axis {}", k, to_string(*input), *axis);
  Dims dims = *input;
  dims[*axis] = std::clamp<int64_t>(k, 0, dims[*axis]);
  c.set(1, DataType::int64, dims);
  c.set(0, c.elem(0), std::move(dims));
  if (given && k >= 0) fold_top_k(c, static_cast<size_t>(k));
}

void non_zero(Context& c) {
  c.set_elem(0, DataType::int64);
  const Dims* input = c.dims(0);
  if (!input) return;
  const auto rank = static_cast<int64_t>(input->size());
  const auto* data = c.may_know(0) && c.room_for(*input) ? c.content(0) : nullptr;
  if (!data) {
    c.distrust(Trust::bound);
    return c.set(0, DataType::int64, {rank, product(*input).value_or(0)});
  }
  std::vector<Dims> found;
  Dims index(input->size(), 0);
  for (const double x : *data) {
    if (x != 0) found.push_back(index);
    next_index(index, *input);
  }
  c.set(0, DataType::int64, {rank, static_cast<int64_t>(found.size())});
  std::vector<double> result;
  for (size_t axis = 0; axis < input->size(); ++axis)
    for (const Dims& at : found) result.push_back(static_cast<double>(at[axis]));
  c.set_content(0, std::move(result));
}

/// What Compress and Unique choose from: slices along an axis, or without one all elements in a row.
struct Slices {
  std::optional<size_t> axis;
  int64_t count;
};
/// Nothing where the node names an axis that `input` lacks.
std::optional<Slices> slices(Context& c, const Dims& input) {
  const auto* along = c.node().find("axis");
  if (!along) return Slices{std::nullopt, product(input).value_or(0)};
  const auto axis = c.axis(along->i, input.size());
  if (!axis) return std::nullopt;
  return Slices{axis, input[*axis]};
}

void compress(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const auto from = input ? slices(c, *input) : std::nullopt;
  if (!from) return;
  const auto [axis, size] = *from;
  int64_t taken = size;
  if (const auto* condition = c.content(1)) {
    const auto end = condition->begin() + std::min<int64_t>(size, static_cast<int64_t>(condition->size()));
    taken = std::count_if(condition->begin(), end, [](double x) { return x != 0; });
  } else {
    c.distrust(Trust::bound);
    if (const Dims* flags = c.dims(1); flags && flags->size() == 1) taken = std::min(size, (*flags)[0]);
  }
  if (!axis) return c.set(0, c.elem(0), {taken});
  Dims dims = *input;
  dims[*axis] = taken;
  c.set(0, c.elem(0), std::move(dims));
}

/// Outputs: the distinct slices; where each first occurs; which one each input is; how often each occurs.
void unique(Context& c) {
  c.set_elem(0, c.elem(0));
  for (size_t o = 1; o < 4; ++o) c.set_elem(o, DataType::int64);
  const Dims* input = c.dims(0);
  const auto from = input ? slices(c, *input) : std::nullopt;
  if (!from) return;
  const auto [axis, size] = *from;
  c.set(2, DataType::int64, {size});
  c.distrust(Trust::bound);
  c.set(0, c.elem(0), axis ? *input : Dims{size});
  c.set(1, DataType::int64, {size});
  c.set(3, DataType::int64, {size});
}

constexpr Operator kOperators[] = {
    {"Compress", compress},
    {"NonZero", non_zero},
    {"TopK", top_k},
    {"Unique", unique},
};

}  // namespace

std::span<const Operator> selection_operators() { return kOperators; }

}  // namespace allot::shape
