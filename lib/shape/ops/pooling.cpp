// SPDX-License-Identifier: Apache-2.0
// Pools over windows, over whole images, and over regions.
#include <limits>

#include "shape/ops/window.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// AveragePool, LpPool and MaxPool with its optional indices.
void pool(Context& c) {
  c.set_elem(0, c.elem(0));
  c.set_elem(1, ir::DataType::int64);
  const Dims* input = c.dims(0);
  if (!input) return;
  if (input->size() < 2) return c.contradict("a pool needs batch and channels, not {}", to_string(*input));
  const auto window = read_window(c, input->size() - 2, {});
  if (!window) return;
  Dims dims = slide(c, *window, std::span(*input).subspan(2));
  dims.insert(dims.begin(), {(*input)[0], (*input)[1]});
  if (c.wants(1)) c.set(1, ir::DataType::int64, dims);
  c.set(0, c.elem(0), std::move(dims));
}

void global_pool(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input) return;
  Dims dims = *input;
  for (size_t i = 2; i < dims.size(); ++i) dims[i] = 1;
  c.set(0, c.elem(0), std::move(dims));
}

void max_unpool(Context& c) {
  c.set_elem(0, c.elem(0));
  if (c.has(2)) {
    if (auto wanted = c.ints(2)) c.set(0, c.elem(0), std::move(*wanted));
    return;
  }
  const Dims* input = c.dims(0);
  if (!input || input->size() < 2) return;
  const size_t rank = input->size() - 2;
  const auto window = read_window(c, rank, {});
  if (!window) return;
  Dims dims{(*input)[0], (*input)[1]};
  for (size_t i = 0; i < rank; ++i) {
    const __int128 size = __int128((*input)[i + 2] - 1) * window->strides[i] + window->kernel[i] - window->pads[i] -
                          window->pads[i + rank];
    if (size < 0 || size > std::numeric_limits<int64_t>::max())
      return c.contradict("dimension {} of the output is negative or over 63 bits", i);
    dims.push_back(static_cast<int64_t>(size));
  }
  c.set(0, c.elem(0), std::move(dims));
}

void max_roi_pool(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *input = c.dims(0), *rois = c.dims(1);
  if (!input || !rois || input->size() < 2 || rois->empty()) return;
  Dims dims{(*rois)[0], (*input)[1]};
  const Dims& pooled = c.node().ints("pooled_shape");
  dims.insert(dims.end(), pooled.begin(), pooled.end());
  c.set(0, c.elem(0), std::move(dims));
}

constexpr Operator kOperators[] = {
    {"AveragePool", pool},
    {"GlobalAveragePool", global_pool},
    {"GlobalLpPool", global_pool},
    {"GlobalMaxPool", global_pool},
    {"LpPool", pool},
    {"MaxPool", pool},
    {"MaxRoiPool", max_roi_pool},
    {"MaxUnpool", max_unpool},
};

}  // namespace

std::span<const Operator> pooling_operators() { return kOperators; }

}  // namespace allot::shape
