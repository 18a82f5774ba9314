// SPDX-License-Identifier: Apache-2.0
// Products and convolutions of quantised integers. Sums of their products are exact in float64, for which there are
// fast kernels; they wrap to 32 bits at the end.
#include <ATen/TensorOperators.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/round.h>

#include "exec/check.h"
#include "exec/dtype.h"
#include "exec/ops/cast.h"
#include "exec/ops/window.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

constexpr int64_t kAll = -1;

// One number for all, or one for each index along `axis` of a tensor of `rank` axes.
at::Tensor along(const at::Tensor& numbers, int64_t axis, int64_t rank) {
  if (numbers.numel() == 1) return numbers.reshape({});
  if (numbers.dim() != 1) return numbers;  // already in a shape that broadcasts
  Dims dims(static_cast<size_t>(rank), 1);
  dims[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = numbers.numel();
  return numbers.reshape(dims);
}

// Integers from their zero point on.
at::Tensor centred(const at::Tensor& x, const at::Tensor& zero_point, int64_t axis) {
  const at::Tensor wide = x.to(at::kDouble);
  return zero_point.defined() ? wide - along(zero_point, axis, x.dim()).to(at::kDouble) : wide;
}

at::Tensor wrapped(const at::Tensor& sums) { return sums.to(at::kLong).to(at::kInt); }

// Rounds half to even and saturates, as QuantizeLinear does. Floats of 8 bits have no zero point but zero.
at::Tensor requantised(const at::Tensor& numbers, const at::Tensor& zero_point) {
  const at::ScalarType type = zero_point.scalar_type();
  if (at::isIntegralType(type, false)) {
    const bool is_signed = type == at::kChar;
    if (!is_signed && type != at::kByte) malformed("results cannot be of type {}", Value(zero_point).describe());
    const at::Tensor codes = at::round(numbers) + zero_point.reshape({}).to(at::kDouble);
    return codes.clamp(is_signed ? -128 : 0, is_signed ? 127 : 255).to(type);
  }
  return cast(Value(numbers.to(at::kFloat)), data_type(type)).tensor();
}

// Rows for `a`, columns for `b`. A matrix has at least two axes, so that of a vector counts as all.
int64_t row_axis(const at::Tensor& a) { return a.dim() > 1 ? -2 : kAll; }

Kernel make_matmul_integer(const Site&) {
  return [](Call& call) {
    const at::Tensor &a = call.in(0), &b = call.in(1);
    call.set(0, wrapped(at::matmul(centred(a, call.in_or_none(2), row_axis(a)), centred(b, call.in_or_none(3), -1))));
  };
}

Kernel make_qlinear_matmul(const Site&) {
  return [](Call& call) {
    const at::Tensor &a = call.in(0), &b = call.in(3);
    const at::Tensor sums = at::matmul(centred(a, call.in(2), row_axis(a)), centred(b, call.in(5), -1));
    const at::Tensor scale_a = along(call.in(1), row_axis(a), a.dim()), scale_b = along(call.in(4), -1, b.dim());
    const at::Tensor scale = scale_a.to(at::kFloat) * scale_b.to(at::kFloat) / call.in(6).reshape({}).to(at::kFloat);
    call.set(0, requantised(sums * scale.to(at::kDouble), call.in(7)));
  };
}

class IntegerConv {
 public:
  explicit IntegerConv(const Site& site) : window_(site), groups_(site.int_or("group", 1)) {}

  // Margins hold the zero point, thus zero once it is subtracted.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& x_zero, const at::Tensor& w, const at::Tensor& w_zero,
                        const at::Tensor& bias = {}) const {
    const auto placed = window_.place(spatial_sizes(x), spatial_sizes(w));
    const at::Tensor padded = pad_spatial(centred(x, x_zero, 1), placed.begins, placed.ends, 0);
    const at::Tensor wide_bias = bias.defined() ? bias.to(at::kDouble) : bias;
    return at::convolution(padded, centred(w, w_zero, 0), wide_bias, window_.strides(), {0}, window_.dilations(), false,
                           {0}, groups_);
  }

 private:
  Window window_;
  int64_t groups_;
};

Kernel make_conv_integer(const Site& site) {
  return [convolve = IntegerConv(site)](Call& call) {
    call.set(0, wrapped(convolve(call.in(0), call.in_or_none(2), call.in(1), call.in_or_none(3))));
  };
}

Kernel make_qlinear_conv(const Site& site) {
  return [convolve = IntegerConv(site)](Call& call) {
    const at::Tensor sums = convolve(call.in(0), call.in(2), call.in(3), call.in(5), call.in_or_none(8));
    const at::Tensor scale = call.in(1).reshape({}) * along(call.in(4), 1, sums.dim()) / call.in(6).reshape({});
    call.set(0, requantised(sums * scale.to(at::kDouble), call.in(7)));
  };
}

constexpr Operator kOperators[] = {
    {"ConvInteger", make_conv_integer, Gradient::zero},
    {"MatMulInteger", make_matmul_integer, Gradient::zero},
    {"QLinearConv", make_qlinear_conv, Gradient::zero},
    {"QLinearMatMul", make_qlinear_matmul, Gradient::zero},
};

}  // namespace

std::span<const Operator> quantized_product_operators() { return kOperators; }

}  // namespace allot::exec
