// SPDX-License-Identifier: Apache-2.0
// Fourier transforms.
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// The last dimension is 1 for real and 2 for complex numbers.
void dft(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims* input = c.dims(0);
  if (!input || input->size() < 2) return;
  std::optional<int64_t> at = c.opset() < 20 ? c.node().int_or("axis", 1) : -2;
  if (c.opset() >= 20 && c.has(2)) at = c.integer(2);
  const auto axis = at ? c.axis(*at, input->size()) : std::nullopt;
  if (!axis) return;
  const bool onesided = c.node().int_or("onesided", 0) != 0, inverse = c.node().int_or("inverse", 0) != 0;
  Dims dims = *input;
  int64_t length = onesided && inverse ? 2 * (dims[*axis] - 1) : dims[*axis];
  if (c.has(1)) {
    const auto given = c.integer(1);
    if (!given) return;
    length = *given;
  }
  dims[*axis] = onesided && !inverse ? length / 2 + 1 : length;
  dims.back() = onesided && inverse ? 1 : 2;
  c.set(0, c.elem(0), std::move(dims));
}

/// signal (batch, length, 1 or 2) -> (batch, frames, bins, 2)
void stft(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *signal = c.dims(0), *window = c.dims(2);
  const auto step = c.integer(1), given = c.integer(3);
  if (!signal || !step || signal->size() < 2) return;
  if (!given && (!window || window->size() != 1)) return;
  const int64_t length = given ? *given : (*window)[0];
  if (*step < 1 || length < 1 || length > (*signal)[1])
    return c.contradict("frames of {} every {} in a signal of {}", length, *step, (*signal)[1]);
  const bool onesided = c.node().int_or("onesided", 1) != 0;
  c.set(0, c.elem(0), {(*signal)[0], ((*signal)[1] - length) / *step + 1, onesided ? length / 2 + 1 : length, 2});
}

constexpr Operator kOperators[] = {
    {"DFT", dft},
    {"STFT", stft},
};

}  // namespace

std::span<const Operator> signal_operators() { return kOperators; }

}  // namespace allot::shape
