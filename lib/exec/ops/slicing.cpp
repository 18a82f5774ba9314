// SPDX-License-Identifier: Apache-2.0
// Parts of tensors, and tensors made of parts.
#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/where.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

Kernel make_concat(const Site& site) {
  if (site.opset() >= 4 && !site.has("axis")) malformed("attribute 'axis' is missing");
  return [axis = site.int_or("axis", 1)](Call& call) {
    Movable parts;
    for (size_t i = 0; i < call.inputs(); ++i)
      if (call.has(i)) parts.add(call.value(i));
    call.set(0, parts.back(at::cat(parts.tensors(), axis)));
  };
}

// One axis, any step. torch has views for steps forward only.
at::Tensor slice(const at::Tensor& x, int64_t axis, int64_t start, int64_t end, int64_t step) {
  const int64_t n = x.size(axis);
  if (start < 0) start += n;
  if (end < 0) end += n;
  if (step == 0) malformed("a step is 0");
  if (step > 0) {
    start = std::clamp(start, int64_t{0}, n);
    return x.slice(axis, start, std::clamp(end, start, n), std::min(step, std::max<int64_t>(n, 1)));
  }
  if (n == 0) return x;
  start = std::clamp(start, int64_t{0}, n - 1);
  end = std::clamp(end, int64_t{-1}, n - 1);
  if (start <= end) return x.slice(axis, 0, 0);
  const int64_t back = -std::max(step, -n);
  const int64_t last = start - (start - end - 1) / back * back;
  return x.slice(axis, last, start + 1, back).flip(axis);
}

Kernel make_slice(const Site& site) {
  return [starts = IntList(site, "starts", 1), ends = IntList(site, "ends", 2), axes = IntList(site, "axes", 3),
          steps = IntList(site, "", 4)](Call& call) {
    const Movable x(call.value(0));
    const auto from = starts(call), to = ends(call), along = axes(call), by = steps(call);
    if (!from || !to) malformed("starts or ends are missing");
    const size_t n = from->size();
    if (to->size() != n || (along && along->size() != n) || (by && by->size() != n))
      malformed("starts, ends, axes and steps differ in number");
    at::Tensor result = x.tensor();
    for (size_t i = 0; i < n; ++i) {
      const int64_t axis = front_axis(along ? (*along)[i] : static_cast<int64_t>(i), result.dim());
      result = slice(result, axis, (*from)[i], (*to)[i], by ? (*by)[i] : 1);
    }
    call.set(0, x.back(std::move(result)));
  };
}

std::vector<int64_t> even_parts(int64_t n, int64_t parts, bool may_be_uneven) {
  if (parts < 1) malformed("it splits into {} parts", parts);
  if (n % parts != 0 && !may_be_uneven) malformed("{} elements do not split into {} equal parts", n, parts);
  const int64_t size = (n + parts - 1) / parts;
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < parts; ++i) sizes.push_back(std::clamp(n - i * size, int64_t{0}, size));
  return sizes;
}

Kernel make_split(const Site& site) {
  const auto outputs = static_cast<int64_t>(site.outputs());
  if (site.int_or("num_outputs", outputs) != outputs)
    malformed("attribute 'num_outputs' is {}, but it has {} outputs", site.int_or("num_outputs", 0), outputs);
  return [sizes = IntList(site, "split", 1), axis = site.int_or("axis", 0), outputs,
          may_be_uneven = site.opset() >= 18](Call& call) {
    const Movable x(call.value(0));
    const int64_t along = front_axis(axis, x.tensor().dim());
    const auto given = sizes(call);
    const auto lengths = given ? *given : even_parts(x.tensor().size(along), outputs, may_be_uneven);
    if (static_cast<int64_t>(lengths.size()) != outputs)
      malformed("{} sizes are given for {} outputs", lengths.size(), outputs);
    auto parts = x.tensor().split_with_sizes(lengths, along);
    for (size_t i = 0; i < parts.size(); ++i) call.set(i, x.back(std::move(parts[i])));
  };
}

Kernel make_trilu(const Site& site) {
  return [is_upper = site.int_or("upper", 1) != 0](Call& call) {
    const Movable x(Value(call.in(0), call.value(0).widened()));
    if (x.tensor().dim() < 2) malformed("needs matrices, but its rank is {}", x.tensor().dim());
    const int64_t rows = x.tensor().size(-2), columns = x.tensor().size(-1);
    const int64_t k = std::clamp(call.has(1) ? call.integer(1) : 0, -rows, columns);
    call.set(0, x.back(is_upper ? x.tensor().triu(k) : x.tensor().tril(k)));
  };
}

// Item `b` of the batch has its first lengths[b] steps reversed.
Kernel make_reverse_sequence(const Site& site) {
  const int64_t batch_axis = site.int_or("batch_axis", 1), time_axis = site.int_or("time_axis", 0);
  if (batch_axis + time_axis != 1 || batch_axis * time_axis != 0) malformed("batch_axis and time_axis must be 0 and 1");
  return [batch_first = batch_axis == 0](Call& call) {
    const Movable moved(call.value(0));
    if (moved.tensor().dim() < 2) malformed("needs rank 2 or more, but its rank is {}", moved.tensor().dim());
    const at::Tensor x = batch_first ? moved.tensor().transpose(0, 1) : moved.tensor();
    const at::Tensor lengths = call.in(1).to(at::kLong);
    const int64_t steps = x.size(0), batch = x.size(1);
    if (lengths.dim() != 1 || lengths.size(0) != batch) malformed("sequence_lens must be one length an item");
    const at::Tensor time = at::arange(steps, lengths.options()).unsqueeze(1);
    const at::Tensor from = at::where(time < lengths, lengths - 1 - time, time);
    const at::Tensor item = at::arange(batch, lengths.options());
    const at::Tensor result = x.index({from, item});
    call.set(0, moved.back(batch_first ? result.transpose(0, 1) : result));
  };
}

constexpr Operator kOperators[] = {
    {"Concat", make_concat}, {"ReverseSequence", make_reverse_sequence}, {"Slice", make_slice}, {"Split", make_split},
    {"Trilu", make_trilu},
};

}  // namespace

std::span<const Operator> slicing_operators() { return kOperators; }

}  // namespace allot::exec
