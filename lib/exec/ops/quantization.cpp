// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
#include <cmath>
#include <optional>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/round.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/where.h>

#include "exec/check.h"
#include "exec/dtype.h"
#include "exec/ops/cast.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;
using ir::DataType;

constexpr double kLargestFloat4 = 6;

// Where scales and zero points lie along the tensor that they belong to.
struct Granularity {
  int64_t axis = 1;
  int64_t block = 0;  // 0: one scale for each index of the axis
};

// A scale or zero point in a shape that broadcasts with x: one, one an index of the axis, or one a block.
Tensor spread(const Tensor& parameter, const Tensor& x, const Granularity& granularity) {
  if (parameter.numel() == 1 && granularity.block == 0) return parameter.reshape({});
  const int64_t rank = x.dim(), axis = front_axis(rank == 1 ? 0 : granularity.axis, rank);
  const int64_t length = x.size(axis);
  if (granularity.block == 0) {
    TORCH_CHECK(parameter.dim() == 1 && parameter.size(0) == length, "a scale or zero point ", parameter.sizes(),
                " does not fit axis ", axis, " of ", x.sizes());
    std::vector<int64_t> dims(static_cast<size_t>(rank), 1);
    dims[static_cast<size_t>(axis)] = length;
    return parameter.reshape(dims);
  }
  const int64_t block = std::min(granularity.block, std::max<int64_t>(length, 1));
  TORCH_CHECK(parameter.dim() == rank && parameter.size(axis) == (length + block - 1) / block, "a scale or zero point ",
              parameter.sizes(), " does not fit blocks of ", block, " in ", x.sizes());
  std::vector<int64_t> dims(static_cast<size_t>(rank) + 1, -1);
  dims[static_cast<size_t>(axis) + 1] = block;
  return parameter.unsqueeze(axis + 1).expand(dims).flatten(axis, axis + 1).narrow(axis, 0, length);
}

// Of an integer type of at most 16 bits.
std::pair<double, double> range(DataType type) {
  const bool is_signed =
      type == DataType::int8 || type == DataType::int16 || type == DataType::int4 || type == DataType::int2;
  const double count = std::ldexp(1.0, ir::bits(type));
  return is_signed ? std::pair(-count / 2, count / 2 - 1) : std::pair(0.0, count - 1);
}

// The value of `exact`, the gradient of `x`: the difference of close numbers is exact, and so is the sum.
Tensor straight_through(const Tensor& exact, const Tensor& x) { return x + (exact - x).detach(); }

struct Quantizer {
  Granularity granularity;
  DataType output = DataType::undefined;     // undefined: the zero point's, else uint8
  DataType precision = DataType::undefined;  // of the division; undefined: the scale's
  CastRules rules;
  bool keeps_gradient = false;
};

// Where gradients are to pass, quantised numbers stay floating point and only say that they are of another type.
Value to_integer(const Tensor& scaled, const Tensor& zero_point, DataType type, bool keeps_gradient) {
  const auto [low, high] = range(type);
  const Tensor rounded = at::round(scaled);
  const Tensor whole = keeps_gradient ? straight_through(rounded, scaled) : rounded;
  const Tensor clamped = (zero_point.defined() ? whole + zero_point : whole).clamp(low, high);
  return keeps_gradient ? Value(clamped, type)
                        : Value(clamped.to(scalar_type(type)), is_widened(type) ? type : DataType::undefined);
}

Value to_small_float(const Tensor& scaled, const Tensor& zero_point, DataType type, const Quantizer& quantizer) {
  const Tensor moved = zero_point.defined() ? scaled + zero_point : scaled;
  const Value exact = cast(Value(moved), type, quantizer.rules);
  if (!quantizer.keeps_gradient) return exact;
  const double limit = type == DataType::float4e2m1 ? kLargestFloat4 : largest_float8(type);
  return Value(straight_through(exact.tensor().to(moved.scalar_type()), moved.clamp(-limit, limit)), type);
}

void run_quantize(const Quantizer& quantizer, const Call& call) {
  const Tensor &x = call.in(0), &scale = call.in(1);
  DataType type = call.has(2) ? call.value(2).dtype() : quantizer.output;
  if (type == DataType::undefined) type = DataType::uint8;
  const at::ScalarType precision =
      quantizer.precision == DataType::undefined ? scale.scalar_type() : scalar_type(quantizer.precision);
  const at::ScalarType work = precision == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor divisor = spread(scale.detach(), x, quantizer.granularity).to(precision);
  const Tensor scaled = (x.to(precision) / divisor).to(work);
  const Tensor zero_point = call.has(2) ? spread(call.in(2).detach(), x, quantizer.granularity).to(work) : Tensor();
  TORCH_CHECK(ir::bits(type) <= 16 && type != DataType::float16 && type != DataType::bfloat16, "cannot quantise to ",
              ir::name(type));
  call.set(0, ir::is_integer(type) ? to_integer(scaled, zero_point, type, quantizer.keeps_gradient)
                                   : to_small_float(scaled, zero_point, type, quantizer));
}

Granularity read_granularity(const Site& site) {
  const int64_t block = site.int_or("block_size", 0);
  if (block < 0) site.refuse("block_size is negative");
  return {site.int_or("axis", 1), block};
}

Kernel make_quantize(const Site& site) {
  Quantizer quantizer;
  quantizer.granularity = read_granularity(site);
  quantizer.output = site.type_or("output_dtype", DataType::undefined);
  quantizer.precision = site.type_or("precision", DataType::undefined);
  if (quantizer.precision != DataType::undefined && !ir::is_float(quantizer.precision))
    site.refuse("precision is no floating type");
  quantizer.rules.saturate = site.int_or("saturate", 1) != 0;
  quantizer.keeps_gradient = site.options().straight_through;
  return [quantizer](Call& call) { run_quantize(quantizer, call); };
}

Kernel make_dequantize(const Site& site) {
  const DataType output = site.type_or("output_dtype", DataType::undefined);
  if (output != DataType::undefined && !ir::is_float(output)) site.refuse("output_dtype is no floating type");
  return [output, granularity = read_granularity(site)](Call& call) {
    const Tensor &x = call.in(0), &scale = call.in(1);
    const at::ScalarType type = output == DataType::undefined ? scale.scalar_type() : scalar_type(output);
    const at::ScalarType work = type == at::kDouble ? at::kDouble : at::kFloat;
    Tensor centred = x.to(work);
    if (call.has(2)) centred = centred - spread(call.in(2), x, granularity).to(work);
    call.set(0, (centred * spread(scale, x, granularity).to(work)).to(type));
  };
}

// uint8 over the range of the numbers and zero. Where all are zero, the scale is 1.
Kernel make_dynamic_quantize(const Site&) {
  return [](Call& call) {
    const Tensor x = call.in(0).detach();
    TORCH_CHECK(x.numel() > 0, "there are no numbers to find the range of");
    const Tensor low = x.min().clamp_max(0), high = x.max().clamp_min(0);
    const Tensor step = (high - low) / 255;
    const Tensor scale = at::where(step > 0, step, at::ones_like(step));
    const Tensor zero_point = at::round((-low / scale).clamp(0, 255));
    call.set(0, (at::round(x / scale) + zero_point).clamp(0, 255).to(at::kByte));
    call.set(1, scale);
    call.set(2, zero_point.to(at::kByte));
  };
}

constexpr Operator kOperators[] = {
    {"DequantizeLinear", make_dequantize},
    {"DynamicQuantizeLinear", make_dynamic_quantize, Gradient::zero},
    {"QuantizeLinear", make_quantize, Gradient::zero},
};

}  // namespace

std::span<const Operator> quantization_operators() { return kOperators; }

}  // namespace allot::exec
