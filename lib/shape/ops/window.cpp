// SPDX-License-Identifier: Apache-2.0
#include "shape/ops/window.h"

#include <algorithm>
#include <limits>

namespace allot::shape {
namespace {

using Wide = __int128;  // products of two int64 and sums of a few of them

/// `values` filled up with `otherwise` when absent; false when the node gives another number of them.
bool complete(Context& c, ir::Str name, Dims& values, size_t count, int64_t otherwise, int64_t least) {
  if (const auto* given = c.node().find(name); given && !given->ints.empty()) values = given->ints;
  if (values.empty()) values.assign(count, otherwise);
  if (values.size() != count) {
    c.contradict("{} has {} numbers, {} are needed", name, values.size(), count);
    return false;
  }
  const bool fits = std::all_of(values.begin(), values.end(), [&](int64_t v) { return v >= least; });
  if (!fits) c.contradict("{} {} must be {} or more", name, to_string(values), least);
  return fits;
}

int64_t positions(Context& c, const Window& w, size_t i, int64_t input, int64_t begin, int64_t end) {
  const Wide covered = Wide(w.dilations[i]) * (w.kernel[i] - 1) + 1;
  const Wide room = Wide(input) + begin + end - covered;
  if (room < 0) {
    c.contradict("a window of {} does not fit into {} padded by {} and {} along spatial dimension {}", w.kernel[i],
                 input, begin, end, i);
    return 1;
  }
  Wide count = room / w.strides[i] + 1;
  // A last window that would begin in the padding after the input is left out.
  if (w.ceil_mode && room % w.strides[i] != 0 && count * w.strides[i] < Wide(input) + begin) ++count;
  return static_cast<int64_t>(std::min<Wide>(count, std::numeric_limits<int64_t>::max()));
}

}  // namespace

std::optional<Window> read_window(Context& c, size_t rank, Dims kernel) {
  Window w;
  w.kernel = std::move(kernel);
  if (!complete(c, "kernel_shape", w.kernel, rank, 1, 1) || !complete(c, "strides", w.strides, rank, 1, 1) ||
      !complete(c, "dilations", w.dilations, rank, 1, 1) ||
      !complete(c, "pads", w.pads, 2 * rank, 0, std::numeric_limits<int64_t>::min()))
    return std::nullopt;
  const ir::Str pad = c.node().string_or("auto_pad", "NOTSET");
  if (pad == "SAME_UPPER" || pad == "SAME_LOWER") w.pad = Window::Pad::same;
  if (pad == "VALID") w.pad = Window::Pad::valid;
  w.ceil_mode = c.node().int_or("ceil_mode", 0) != 0;
  return w;
}

Dims slide(Context& c, const Window& w, std::span<const int64_t> input) {
  Dims result;
  result.reserve(input.size());
  for (size_t i = 0; i < input.size(); ++i) {
    if (w.pad == Window::Pad::same)
      result.push_back(ceil_div(input[i], w.strides[i]));
    else if (w.pad == Window::Pad::valid)
      result.push_back(positions(c, w, i, input[i], 0, 0));
    else
      result.push_back(positions(c, w, i, input[i], w.pads[i], w.pads[i + input.size()]));
  }
  return result;
}

}  // namespace allot::shape
