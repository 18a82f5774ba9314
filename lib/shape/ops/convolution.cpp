// SPDX-License-Identifier: Apache-2.0
// Convolutions: plain, transposed, deformable, integer, causal, and their inverse arrangement Col2Im.
#include <limits>

#include "shape/ops/convolution.h"
#include "shape/ops/window.h"
#include "shape/registry.h"

namespace allot::shape {

void set_convolution(Context& c, ir::DataType elem, size_t x, size_t w) {
  c.set_elem(0, elem);
  const Dims *input = c.dims(x), *weight = c.dims(w);
  if (!input || !weight) return;
  if (input->size() < 2 || input->size() != weight->size())
    return c.contradict("input {} and weight {} differ in rank", to_string(*input), to_string(*weight));
  const int64_t group = c.node().int_or("group", 1);
  if (group < 1) return c.contradict("group is {}", group);
  if (checked_mul((*weight)[1], group) != (*input)[1])
    c.contradict("{} channels meet a weight for {} in each of {} groups: {} by {}", (*input)[1], (*weight)[1], group,
                 to_string(*input), to_string(*weight));
  const auto window = read_window(c, input->size() - 2, Dims(weight->begin() + 2, weight->end()));
  if (!window) return;
  Dims dims = slide(c, *window, std::span(*input).subspan(2));
  dims.insert(dims.begin(), {(*input)[0], (*weight)[0]});
  c.set(0, elem, std::move(dims));
}

namespace {

void conv(Context& c) { set_convolution(c, c.elem(0), 0, 1); }
void conv_integer(Context& c) { set_convolution(c, ir::DataType::int32, 0, 1); }
void qlinear_conv(Context& c) { set_convolution(c, c.elem(7), 0, 3); }

/// The size that a transposed window writes: (d - 1) * stride + covered + output padding - pads.
std::optional<int64_t> spread(const Window& w, size_t i, int64_t input, int64_t output_padding) {
  using Wide = __int128;
  const Wide covered = Wide(w.dilations[i]) * (w.kernel[i] - 1) + 1;
  Wide size = Wide(input - 1) * w.strides[i] + covered + output_padding;
  if (w.pad == Window::Pad::explicit_) size -= Wide(w.pads[i]) + w.pads[i + w.kernel.size()];
  if (w.pad == Window::Pad::same) size = Wide(input) * w.strides[i];
  if (size < 0 || size > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return static_cast<int64_t>(size);
}

void conv_transpose(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *input = c.dims(0), *weight = c.dims(1);
  if (!input || !weight) return;
  const size_t rank = input->size();
  if (rank < 2 || rank != weight->size())
    return c.contradict("input {} and weight {} differ in rank", to_string(*input), to_string(*weight));
  if ((*weight)[0] != (*input)[1]) c.contradict("{} channels meet a weight for {}", (*input)[1], (*weight)[0]);
  const auto channels = checked_mul((*weight)[1], c.node().int_or("group", 1));
  const auto window = read_window(c, rank - 2, Dims(weight->begin() + 2, weight->end()));
  if (!window || !channels) return;
  const Dims& wanted = c.node().ints("output_shape");
  const Dims& padding = c.node().ints("output_padding");
  Dims dims{(*input)[0], *channels};
  for (size_t i = 0; i + 2 < rank; ++i) {
    // Some exporters write the whole shape, batch and channels included.
    const size_t offset = wanted.size() == rank ? 2 : 0;
    const auto size = i + offset < wanted.size()
                          ? std::optional(wanted[i + offset])
                          : spread(*window, i, (*input)[i + 2], i < padding.size() ? padding[i] : 0);
    if (!size) return c.contradict("dimension {} of the output is negative or over 63 bits", i);
    dims.push_back(*size);
  }
  c.set(0, c.elem(0), std::move(dims));
}

/// Input (batch, channels, length), weight (channels, 1, k): the output is like the input, the state keeps k - 1.
void causal_conv_with_state(Context& c) {
  c.copy(0, 0);
  c.set_elem(1, c.elem(0));
  const Dims *input = c.dims(0), *weight = c.dims(1);
  if (!input || !weight || input->size() != 3 || weight->size() != 3) return;
  c.set(1, c.elem(0), {(*input)[0], (*input)[1], (*weight)[2] - 1});
}

void col2im(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  const auto image = c.ints(1), block = c.ints(2);
  if (!input || !image || !block || input->size() != 3) return;
  const auto volume = product(*block);
  if (!volume || *volume < 1 || (*input)[1] % *volume != 0)
    return c.contradict("{} columns do not divide into blocks of {}", (*input)[1], to_string(*block));
  Dims dims{(*input)[0], (*input)[1] / *volume};
  dims.insert(dims.end(), image->begin(), image->end());
  c.set(0, c.elem(0), std::move(dims));
}

constexpr Operator kOperators[] = {
    {"CausalConvWithState", causal_conv_with_state},
    {"Col2Im", col2im},
    {"Conv", conv},
    {"ConvInteger", conv_integer},
    {"ConvTranspose", conv_transpose},
    {"DeformConv", conv},
    {"QLinearConv", qlinear_conv},
};

}  // namespace

std::span<const Operator> convolution_operators() { return kOperators; }

}  // namespace allot::shape
