// SPDX-License-Identifier: Apache-2.0
// Parts of tensors cut out, joined and padded along axes.
#include <algorithm>
#include <limits>

#include "shape/fold.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// One axis of a slice in NumPy's sense: where it starts, how far a step goes, how many elements it takes.
struct Cut {
  int64_t start = 0, step = 1, count = 0;
};

Cut make_cut(int64_t start, int64_t end, int64_t step, int64_t size) {
  const auto clamp = [&](int64_t at, int64_t low, int64_t high) {
    return std::clamp(at < 0 ? at + size : at, low, high);
  };
  Cut cut{0, step, 0};
  using Wide = __int128;  // step may be int64's minimum
  if (step > 0) {
    cut.start = clamp(start, 0, size);
    const Wide length = Wide(clamp(end, 0, size)) - cut.start;
    cut.count = length > 0 ? static_cast<int64_t>((length + step - 1) / step) : 0;
  } else {
    cut.start = clamp(start, 0, size - 1);
    const Wide length = Wide(cut.start) - clamp(end, -1, size - 1);
    cut.count = length > 0 ? static_cast<int64_t>((length - step - 1) / -Wide(step)) : 0;
  }
  return cut;
}

/// The cut of every axis; nullopt after a contradiction.
std::optional<std::vector<Cut>> make_cuts(Context& c, const Dims& input, const Dims& starts, const Dims& ends,
                                          const IntList& axes, const IntList& steps) {
  std::vector<Cut> cuts(input.size());
  for (size_t i = 0; i < input.size(); ++i) cuts[i].count = input[i];
  if (starts.size() != ends.size() || (axes.given && axes.values.size() != starts.size()) ||
      (steps.given && steps.values.size() != starts.size())) {
    c.contradict("starts, ends, axes and steps differ in length");
    return std::nullopt;
  }
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto axis = c.axis(axes.given ? axes.values[i] : static_cast<int64_t>(i), input.size());
    const int64_t step = steps.given ? steps.values[i] : 1;
    if (step == 0) c.contradict("a step is 0");
    if (!axis || step == 0) return std::nullopt;
    if (input[*axis] > 0) cuts[*axis] = make_cut(starts[i], ends[i], step, input[*axis]);
  }
  return cuts;
}

void slice(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input) return;
  const IntList starts = c.int_list("starts", 1), ends = c.int_list("ends", 2), axes = c.int_list("axes", 3),
                steps = c.int_list("steps", 4);
  if (!starts.known || !ends.known || axes.given != axes.known || steps.given != steps.known) {
    c.distrust(Trust::bound);  // never larger than the input
    return c.set(0, c.elem(0), *input);
  }
  const auto cuts = make_cuts(c, *input, starts.values, ends.values, axes, steps);
  if (!cuts) return;
  Dims dims;
  for (const Cut& cut : *cuts) dims.push_back(cut.count);
  c.set(0, c.elem(0), dims);
  const Dims strides = strides_of(*input);
  fold_move(c, dims, [&](const Dims& index) {
    int64_t position = 0;
    for (size_t i = 0; i < index.size(); ++i) position += ((*cuts)[i].start + index[i] * (*cuts)[i].step) * strides[i];
    return position;
  });
}

/// Content of the part of input 0 that starts at `offset` along `axis`.
void fold_part(Context& c, size_t output, const Dims& input, const Dims& part, size_t axis, int64_t offset) {
  const auto count = c.room_for(part);
  const auto* data = count && c.may_know(0) ? c.content(0) : nullptr;
  if (!data) return;
  const Dims strides = strides_of(input);
  std::vector<double> result;
  Dims index(part.size(), 0);
  for (size_t n = 0; n < *count; ++n, next_index(index, part)) {
    int64_t position = offset * strides[axis];
    for (size_t i = 0; i < part.size(); ++i) position += index[i] * strides[i];
    result.push_back((*data)[static_cast<size_t>(position)]);
  }
  c.set_content(output, std::move(result));
}

void split(Context& c) {
  for (size_t o = 0; o < c.outputs(); ++o) c.set_elem(o, c.elem(0));
  const Dims* input = c.dims(0);
  const auto axis = input ? c.axis(c.node().int_or("axis", 0), input->size()) : std::nullopt;
  if (!axis || c.outputs() == 0) return;
  const IntList sizes = c.int_list("split", 1);
  const int64_t size = (*input)[*axis], parts = static_cast<int64_t>(c.outputs());
  if (sizes.given && !sizes.known) c.distrust(Trust::bound);
  if (sizes.known && sizes.values.size() < c.outputs())
    return c.contradict("{} outputs of sizes {}", parts, to_string(sizes.values));
  const int64_t chunk = sizes.given ? size : ceil_div(size, parts);
  int64_t offset = 0;
  for (size_t o = 0; o < c.outputs(); ++o) {
    Dims dims = *input;
    dims[*axis] = sizes.known ? sizes.values[o] : sizes.given ? chunk : std::clamp<int64_t>(size - offset, 0, chunk);
    const auto end = checked_add(offset, dims[*axis]);
    if (dims[*axis] < 0 || !end || (*end > size && !(sizes.given && !sizes.known)))
      return c.contradict("parts of {} do not fit into {}", to_string(sizes.values), to_string(*input));
    if (!sizes.given || sizes.known) fold_part(c, o, *input, dims, *axis, offset);
    c.set(o, c.elem(0), std::move(dims));
    if (!sizes.given || sizes.known) offset = *end;
  }
  if (sizes.known && offset != size && c.outputs() == sizes.values.size())
    c.contradict("parts of {} do not fill {}", to_string(sizes.values), to_string(*input));
}

/// Content of a concatenation of one-dimensional or scalar-like pieces, which is how shapes are put together.
void fold_concat(Context& c) {
  for (size_t i = 0; i < c.inputs(); ++i)
    if (!c.may_know(i) || c.type(i).dims.size() != 1) return;
  std::vector<double> result;
  for (size_t i = 0; i < c.inputs(); ++i) {
    const auto* data = c.content(i);
    if (!data || result.size() + data->size() > static_cast<size_t>(kMaxContent)) return;
    result.insert(result.end(), data->begin(), data->end());
  }
  c.set_content(0, std::move(result));
}

void concat(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* first = c.dims(0);
  const auto axis = first ? c.axis(c.node().int_or("axis", c.opset() < 4 ? 1 : 0), first->size()) : std::nullopt;
  if (!axis) return;
  Dims dims = *first;
  for (size_t i = 1; i < c.inputs(); ++i) {
    const Dims* next = c.dims(i);
    if (!next) return;
    if (next->size() != dims.size())
      return c.contradict("ranks differ: {} joins {}", to_string(*next), to_string(*first));
    for (size_t d = 0; d < dims.size(); ++d) {
      if (d == *axis) continue;
      if (dims[d] != (*next)[d])
        c.contradict("dimension {} differs: {} joins {} along axis {}", d, to_string(*next), to_string(*first), *axis);
      dims[d] = std::max(dims[d], (*next)[d]);
    }
    const auto sum = checked_add(dims[*axis], (*next)[*axis]);
    if (!sum) return c.contradict("dimension {} is over 63 bits", *axis);
    dims[*axis] = *sum;
  }
  c.set(0, c.elem(0), std::move(dims));
  fold_concat(c);
}

void pad(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  IntList pads = c.int_list("pads", 1);
  const IntList axes = c.opset() >= 18 ? c.int_list("axes", 3) : IntList{};
  if (!pads.given) pads = c.int_list("paddings", 1);  // Pad-1
  if (!input || !pads.known || axes.given != axes.known) return;
  const size_t count = axes.given ? axes.values.size() : input->size();
  if (pads.values.size() != 2 * count)
    return c.contradict("{} pads for {} of {}", pads.values.size(), count, to_string(*input));
  Dims dims = *input;
  for (size_t i = 0; i < count; ++i) {
    const auto axis = c.axis(axes.given ? axes.values[i] : static_cast<int64_t>(i), dims.size());
    if (!axis) return;
    const __int128 size = __int128(dims[*axis]) + pads.values[i] + pads.values[i + count];
    if (size < 0 || size > std::numeric_limits<int64_t>::max())
      return c.contradict("dimension {} of {} padded by {}", *axis, to_string(*input), to_string(pads.values));
    dims[*axis] = static_cast<int64_t>(size);
  }
  c.set(0, c.elem(0), std::move(dims));
}

void center_crop_pad(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const auto wanted = c.ints(1);
  if (!input || !wanted) return;
  const auto* axes = c.node().find("axes");
  if (wanted->size() != (axes ? axes->ints.size() : input->size()))
    return c.contradict("{} sizes for {}", wanted->size(), to_string(*input));
  Dims dims = *input;
  for (size_t i = 0; i < wanted->size(); ++i) {
    const auto axis = c.axis(axes ? axes->ints[i] : static_cast<int64_t>(i), dims.size());
    if (!axis) return;
    dims[*axis] = (*wanted)[i];
  }
  c.set(0, c.elem(0), std::move(dims));
}

void same_as_input(Context& c) { c.copy(0, 0); }

constexpr Operator kOperators[] = {
    {"CenterCropPad", center_crop_pad}, {"Concat", concat}, {"Pad", pad},
    {"ReverseSequence", same_as_input}, {"Slice", slice},   {"Split", split},
    {"Trilu", same_as_input},
};

}  // namespace

std::span<const Operator> slicing_operators() { return kOperators; }

}  // namespace allot::shape
