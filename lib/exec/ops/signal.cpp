// SPDX-License-Identifier: Apache-2.0
// Front ends for sound: Fourier transforms, windows, and the mel scale.
#include <cmath>
#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/fft_fft.h>
#include <ATen/ops/fft_ifft.h>
#include <ATen/ops/fft_irfft.h>
#include <ATen/ops/fft_rfft.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "exec/dtype.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;

// The last axis holds a real part, or a real and an imaginary one.
Tensor as_numbers(const Tensor& x) {
  TORCH_CHECK(x.dim() >= 2 && (x.size(-1) == 1 || x.size(-1) == 2), "the last axis of ", x.sizes(),
              " must be 1 or 2 long: real numbers or complex ones");
  const Tensor wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
  return x.size(-1) == 1 ? wide.squeeze(-1) : at::view_as_complex(wide.contiguous());
}

Tensor spectrum(const Tensor& numbers, int64_t length, int64_t axis, bool onesided) {
  if (onesided && !numbers.is_complex()) return at::fft_rfft(numbers, length, axis);
  const Tensor all = at::fft_fft(numbers, length, axis);
  return onesided ? all.narrow(axis, 0, all.size(axis) / 2 + 1) : all;
}

struct Dft {
  bool inverse = false, onesided = false;
  std::optional<int64_t> axis;  // an attribute before opset 20
};

void run_dft(const Dft& dft, const Call& call) {
  const Tensor& x = call.in(0);
  const int64_t rank = x.dim(), given = dft.axis ? *dft.axis : call.has(2) ? call.integer(2) : -2;
  const int64_t axis = given < 0 ? given + rank : given;
  TORCH_CHECK(axis >= 0 && axis < rank - 1, "axis ", given, " is out of range for ", x.sizes());
  const bool is_half = dft.inverse && dft.onesided;
  const int64_t usual = is_half ? 2 * (x.size(axis) - 1) : x.size(axis);
  const int64_t length = call.has(1) ? call.integer(1) : usual;
  Tensor numbers = as_numbers(x), y;
  if (is_half) {
    if (!numbers.is_complex()) numbers = at::complex(numbers, at::zeros_like(numbers));
    y = at::fft_irfft(numbers, length, axis).unsqueeze(-1);
  } else {
    y = at::view_as_real(dft.inverse ? at::fft_ifft(numbers, length, axis)
                                     : spectrum(numbers, length, axis, dft.onesided));
  }
  call.set(0, y.to(x.scalar_type()));
}

Kernel make_dft(const Site& site) {
  Dft dft;
  dft.inverse = site.int_or("inverse", 0) != 0;
  dft.onesided = site.int_or("onesided", 0) != 0;
  if (site.opset() < 20) dft.axis = site.int_or("axis", 1);
  return [dft](Call& call) { run_dft(dft, call); };
}

// STFT-17: signal [batch, time, 1 or 2], frame_step, window, frame_length; frames that do not fit are left out.
void run_stft(const Call& call, bool onesided) {
  const Tensor& signal = call.in(0);
  const Tensor numbers = as_numbers(signal.dim() == 2 ? signal.unsqueeze(-1) : signal);
  TORCH_CHECK(numbers.dim() == 2, "a signal ", signal.sizes(), " must have three dimensions");
  const int64_t step = call.integer(1);
  const int64_t usual = call.has(2) ? call.in(2).numel() : numbers.size(1);
  const int64_t length = call.has(3) ? call.integer(3) : usual;
  TORCH_CHECK(step > 0 && length > 0 && length <= numbers.size(1), "frames of ", length, " every ", step,
              " do not fit a signal of ", numbers.size(1));
  Tensor frames = numbers.unfold(1, length, step);
  if (call.has(2)) {
    TORCH_CHECK(call.in(2).dim() == 1 && call.in(2).size(0) == length, "a window ", call.in(2).sizes(),
                " does not fit frames of ", length);
    frames = frames * call.in(2).to(at::toRealValueType(frames.scalar_type()));
  }
  call.set(0, at::view_as_real(spectrum(frames, length, 2, onesided)).to(signal.scalar_type()));
}

Kernel make_stft(const Site& site) {
  return [onesided = site.int_or("onesided", 1) != 0](Call& call) { run_stft(call, onesided); };
}

at::ScalarType output_type(const Site& site) {
  const ir::DataType type = site.type_or("output_datatype", ir::DataType::float32);
  if (type == ir::DataType::undefined || type == ir::DataType::string || is_widened(type))
    site.refuse("output_datatype is no type of numbers");
  return scalar_type(type);
}

// a - b cos(2 pi n / N) + c cos(4 pi n / N).
struct Window {
  double a, b, c;
};
constexpr Window kHann{0.5, 0.5, 0}, kHamming{25.0 / 46.0, 21.0 / 46.0, 0}, kBlackman{0.42, 0.5, 0.08};

template <const Window& window>
Kernel make_window(const Site& site) {
  return [type = output_type(site), periodic = site.int_or("periodic", 1) != 0](Call& call) {
    const int64_t size = call.integer(0);
    TORCH_CHECK(size >= 0, "a window cannot have ", size, " elements");
    const auto period = static_cast<double>(std::max<int64_t>(periodic ? size : size - 1, 1));
    const Tensor angle = at::arange(size, at::kDouble) * (2 * M_PI / period);
    call.set(0, (window.a - window.b * at::cos(angle) + window.c * at::cos(2 * angle)).to(type));
  };
}

// Triangles on the mel scale: [dft_length / 2 + 1, bands].
Tensor mel_weights(int64_t bands, int64_t dft_length, double rate, double lowest, double highest) {
  TORCH_CHECK(bands > 0 && dft_length > 0 && rate > 0, "bands, dft_length and sample_rate must be positive");
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const int64_t bins = dft_length / 2 + 1;
  Tensor weights = at::zeros({bins, bands}, at::kDouble);
  auto* data = weights.mutable_data_ptr<double>();
  const double low = mel(lowest), step = (mel(highest) - low) / static_cast<double>(bands + 2);
  const auto bin = [&](int64_t i) {  // the bin that holds the i-th corner
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + low) / 2595) - 1);
    const double place = std::floor(static_cast<double>(dft_length + 1) * hertz / rate);
    TORCH_CHECK(place >= 0 && place < static_cast<double>(bins), "edges of ", lowest, " to ", highest,
                " Hz do not fit a sample rate of ", rate);
    return static_cast<int64_t>(place);
  };
  for (int64_t band = 0; band < bands; ++band) {
    const int64_t left = bin(band), centre = bin(band + 1), right = bin(band + 2);
    const auto share = [](int64_t part, int64_t whole) {
      return static_cast<double>(part) / static_cast<double>(whole);
    };
    for (int64_t i = left; i < centre; ++i) data[i * bands + band] = share(i - left, centre - left);
    for (int64_t i = centre; i < right; ++i) data[i * bands + band] = share(right - i, right - centre);
    data[centre * bands + band] = 1;
  }
  return weights;
}

Kernel make_mel_weight_matrix(const Site& site) {
  return [type = output_type(site)](Call& call) {
    call.set(0, mel_weights(call.integer(0), call.integer(1), call.number(2), call.number(3), call.number(4)).to(type));
  };
}

constexpr Operator kOperators[] = {
    {"BlackmanWindow", make_window<kBlackman>, Gradient::zero},  {"DFT", make_dft},
    {"HammingWindow", make_window<kHamming>, Gradient::zero},    {"HannWindow", make_window<kHann>, Gradient::zero},
    {"MelWeightMatrix", make_mel_weight_matrix, Gradient::zero}, {"STFT", make_stft},
};

}  // namespace

std::span<const Operator> signal_operators() { return kOperators; }

}  // namespace allot::exec
