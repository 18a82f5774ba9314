// SPDX-License-Identifier: Apache-2.0
// Tensors with a margin around them, or less of them.
#include <algorithm>

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/tensor.h>

#include "exec/check.h"
#include "exec/movable.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using Dims = std::vector<int64_t>;

enum class PadMode : uint8_t { constant, reflect, edge, wrap };

PadMode pad_mode(ir::Str name) {
  if (name == "constant") return PadMode::constant;
  if (name == "reflect") return PadMode::reflect;
  if (name == "edge") return PadMode::edge;
  if (name == "wrap") return PadMode::wrap;
  malformed("attribute 'mode' is '{}'", base::printable(name));
}

// Where position `i`, which may be outside of [0, n), gets its element from.
int64_t source(int64_t i, int64_t n, PadMode mode) {
  if (mode == PadMode::edge) return std::clamp(i, int64_t{0}, n - 1);
  const int64_t period = mode == PadMode::wrap ? n : std::max<int64_t>(2 * (n - 1), 1);
  const int64_t folded = (i % period + period) % period;
  return folded < n ? folded : period - folded;
}

// Margins that repeat the tensor's own elements: a selection along each axis that has one.
at::Tensor pad_from_within(at::Tensor x, const Dims& before, const Dims& after, PadMode mode) {
  for (int64_t axis = 0; axis < x.dim(); ++axis) {
    const int64_t first = -before[static_cast<size_t>(axis)], n = x.size(axis);
    const int64_t end = n + after[static_cast<size_t>(axis)];
    if (first == 0 && end == n) continue;
    if (n == 0 && end > first) malformed("axis {} has no elements to pad with", axis);
    if (first >= 0 && end <= n) {
      x = x.slice(axis, first, std::max(first, end));
      continue;
    }
    Dims sources;
    for (int64_t i = first; i < end; ++i) sources.push_back(source(i, n, mode));
    x = x.index_select(axis, at::tensor(sources, at::kLong).to(x.device()));
  }
  return x;
}

// torch counts pairs from the last axis.
at::Tensor pad_with(const at::Tensor& x, const Dims& before, const Dims& after, const at::Scalar& value) {
  Dims pads;
  for (size_t axis = before.size(); axis-- > 0;) pads.insert(pads.end(), {before[axis], after[axis]});
  return at::constant_pad_nd(x, pads, value);
}

struct Padding {
  Dims before, after;
};

// All begins, then all ends, of the axes that are named.
Padding spread(const Dims& pads, const std::optional<Dims>& axes, int64_t rank) {
  const size_t n = axes ? axes->size() : static_cast<size_t>(rank);
  if (pads.size() != 2 * n) malformed("{} pads are given for {} axes", pads.size(), n);
  Padding padding{Dims(static_cast<size_t>(rank), 0), Dims(static_cast<size_t>(rank), 0)};
  for (size_t i = 0; i < n; ++i) {
    const auto axis = static_cast<size_t>(axes ? front_axis((*axes)[i], rank) : static_cast<int64_t>(i));
    padding.before[axis] = pads[i];
    padding.after[axis] = pads[n + i];
  }
  return padding;
}

Kernel make_pad(const Site& site) {
  const PadMode mode = pad_mode(site.string_or("mode", "constant"));
  return [mode, pads = IntList(site, site.opset() < 2 ? "paddings" : "pads", 1), axes = IntList(site, "", 3),
          value = site.float_or("value", 0)](Call& call) {
    Movable x(call.value(0));
    const auto margins = pads(call);
    if (!margins) malformed("its pads are missing");
    const auto [before, after] = spread(*margins, axes(call), x.tensor().dim());
    if (mode != PadMode::constant) return call.set(0, x.back(pad_from_within(x.tensor(), before, after, mode)));
    if (!call.has(2)) {
      const at::Scalar fill = value == 0 ? x.zero() : at::Scalar(value);
      return call.set(0, x.back(pad_with(x.tensor(), before, after, fill)));
    }
    x.add(call.value(2));
    if (x.tensor(1).numel() != 1) malformed("constant_value must be one element");
    call.set(0, x.back(pad_with(x.tensor(), before, after, x.tensor(1).item())));
  };
}

// What is odd: one element less is cut at the left, one more is put on at the right.
Kernel make_center_crop_pad(const Site& site) {
  const std::optional<Dims> axes = site.has("axes") ? std::optional(site.ints("axes")) : std::nullopt;
  return [axes](Call& call) {
    Movable x(call.value(0));
    const Dims target = call.ints(1);
    const int64_t rank = x.tensor().dim();
    if (target.size() != (axes ? axes->size() : static_cast<size_t>(rank)))
      malformed("shape and axes differ in number");
    Dims before(static_cast<size_t>(rank), 0), after = before;
    for (size_t i = 0; i < target.size(); ++i) {
      const auto axis = static_cast<size_t>(axes ? front_axis((*axes)[i], rank) : static_cast<int64_t>(i));
      const int64_t more = target[i] - x.tensor().sizes()[axis];
      before[axis] = more / 2;
      after[axis] = more - more / 2;
    }
    call.set(0, x.back(pad_with(x.tensor(), before, after, x.zero())));
  };
}

constexpr Operator kOperators[] = {
    {"CenterCropPad", make_center_crop_pad},
    {"Pad", make_pad},
};

}  // namespace

std::span<const Operator> pad_operators() { return kOperators; }

}  // namespace allot::exec
