// SPDX-License-Identifier: Apache-2.0
#include "exec/ops/cast.h"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/bucketize.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/frexp.h>
#include <ATen/ops/isinf.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/signbit.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include "exec/dtype.h"
#include "exec/ops/string_cast.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using ir::DataType;

// Exponents alone: 0 is 2^-127, 254 is 2^127, 255 is NaN. The sign is dropped.
at::Tensor to_float8e8m0(const at::Tensor& x, const CastRules& rules) {
  const at::Tensor magnitude = x.detach().to(at::kDouble).abs();
  const auto [mantissa, power] = at::frexp(magnitude);  // mantissa in [0.5, 1)
  at::Tensor code = power.to(at::kLong) + 126;
  if (rules.round == CastRules::Round::up) code = code + (mantissa > 0.5);
  if (rules.round == CastRules::Round::nearest) code = code + (mantissa >= 0.75);
  code = at::where(magnitude == 0, at::Scalar(-1), code);
  code = at::where(at::isinf(magnitude), at::Scalar(255), code);
  code = rules.saturate ? code.clamp(0, 254) : at::where((code < 0).logical_or(code > 254), at::Scalar(255), code);
  return at::where(at::isnan(magnitude), at::Scalar(255), code).to(at::kByte).view(at::kFloat8_e8m0fnu);
}

at::Tensor to_float8(const at::Tensor& x, DataType to, const CastRules& rules) {
  const double largest = largest_float8(to);
  at::Tensor real = x.to(at::kFloat);
  if (rules.saturate) real = real.clamp(-largest, largest);
  // torch saturates this type unasked; 464 is half way from 448 to 480, which is NaN's code.
  if (!rules.saturate && to == DataType::float8e4m3fn) real = at::where(real.abs() > 464, at::Scalar(NAN), real);
  return real.to(scalar_type(to));
}

Value to_widened(const at::Tensor& x, DataType to) {
  if (to == DataType::float4e2m1) return Value(float4_numbers(float4_codes(x)), to);
  return Value(low_bits(x, ir::bits(to), to == DataType::int4 || to == DataType::int2), to);
}

CastRules cast_rules(const Site& site) {
  CastRules rules;
  rules.saturate = site.int_or("saturate", 1) != 0;
  const ir::Str round = site.string_or("round_mode", "up");
  if (round == "nearest")
    rules.round = CastRules::Round::nearest;
  else if (round == "down")
    rules.round = CastRules::Round::down;
  else if (round != "up")
    site.refuse("round_mode is none of up, down, nearest");
  return rules;
}

// Before opset 6 the type was spelled out.
DataType target_type(const Site& site) {
  if (site.opset() >= 6) return site.type_or("to", DataType::undefined);
  const ir::Str name = site.string_or("to", "");
  constexpr std::string_view kNames[] = {"UNDEFINED", "FLOAT",  "UINT8", "INT8",    "UINT16", "INT16",  "INT32",
                                         "INT64",     "STRING", "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i]) return static_cast<DataType>(i);
  return DataType::undefined;
}

Kernel make_cast(const Site& site) {
  const DataType to = target_type(site);
  if (to == DataType::undefined) site.refuse("it casts to no known type");
  if (!is_widened(to) && ir::is_float(to) && ir::bits(to) >= 16)
    return [to, type = scalar_type(to)](Call& call) {
      const Value& value = call.value(0);
      call.set(0, value.is_tensor() ? Value(value.tensor().to(type)) : cast(value, to));
    };
  return [to, rules = cast_rules(site)](Call& call) { call.set(0, cast(call.value(0), to, rules)); };
}

Kernel make_cast_like(const Site& site) {
  return [rules = cast_rules(site)](Call& call) { call.set(0, cast(call.value(0), call.value(1).dtype(), rules)); };
}

// The bits of elements that torch holds wider are their codes.
at::Tensor codes_of(const Value& value) {
  if (value.dtype() == DataType::float4e2m1) return float4_codes(value.tensor());
  return low_bits(value.tensor(), ir::bits(value.dtype()), false);
}

Value of_codes(const at::Tensor& codes, DataType to) {
  return to == DataType::float4e2m1 ? Value(float4_numbers(codes), to) : to_widened(codes, to);
}

Kernel make_bit_cast(const Site& site) {
  const DataType to = site.type_or("to", DataType::undefined);
  if (to == DataType::undefined || to == DataType::string) site.refuse("it casts to no type with bits");
  return [to](Call& call) {
    const at::Tensor& x = call.in(0);
    const DataType from = call.value(0).dtype();
    TORCH_CHECK(ir::bits(from) == ir::bits(to), "bits of ", ir::name(from), " are not as many as those of ",
                ir::name(to));
    call.set(0, is_widened(from) ? of_codes(codes_of(call.value(0)), to) : Value(x.view(scalar_type(to))));
  };
}

constexpr Operator kOperators[] = {
    {"BitCast", make_bit_cast, Gradient::zero},
    {"Cast", make_cast},
    {"CastLike", make_cast_like},
};

}  // namespace

double largest_float8(DataType type) {
  switch (type) {
    case DataType::float8e4m3fn:
      return 448;
    case DataType::float8e4m3fnuz:
      return 240;
    case DataType::float8e5m2:
    case DataType::float8e5m2fnuz:
      return 57344;
    default:
      return 0;
  }
}

at::Tensor float4_codes(const at::Tensor& numbers) {
  // Midpoints between 0, 0.5, 1, 1.5, 2, 3, 4, 6; a number on one goes to the lower side, so those that must go up are
  // moved down by the least there is.
  static const auto just_below = [](double x) { return std::nextafter(x, 0.0); };
  static const at::Tensor kMidpoints =
      at::tensor({0.25, just_below(0.75), 1.25, just_below(1.75), 2.5, just_below(3.5), 5.0}, at::kDouble);
  const at::Tensor x = numbers.detach().to(at::kDouble);
  const at::Tensor nan = at::isnan(x);
  const at::Tensor code = at::where(nan, at::Scalar(0), at::bucketize(x.abs(), kMidpoints.to(x.device())));
  return (code + at::signbit(x).logical_or(nan) * 8).to(at::kByte);
}

at::Tensor float4_numbers(const at::Tensor& codes) {
  static const at::Tensor kNumbers =
      at::tensor({0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0}, at::kFloat);
  const at::Tensor flat = codes.reshape({-1}).to(at::kLong);
  return kNumbers.to(codes.device()).index_select(0, flat).reshape(codes.sizes());
}

at::Tensor low_bits(const at::Tensor& integers, int bits, bool is_signed) {
  const int64_t mask = (int64_t{1} << bits) - 1, sign = int64_t{1} << (bits - 1);
  // A float has no low bits before it is a wide integer.
  const at::Tensor whole = integers.is_floating_point() ? integers.to(at::kLong) : integers;
  const at::Tensor low = whole.to(at::kByte).bitwise_and(mask);
  return is_signed ? low.to(at::kChar).bitwise_xor(sign) - sign : low;
}

Value cast(const Value& value, DataType to, const CastRules& rules) {
  if (value.is_strings()) return to == DataType::string ? value : cast(parse_numbers(value.strings(), to), to, rules);
  TORCH_CHECK(value.is_tensor() && to != DataType::undefined, "cannot cast ", value.describe(), " to ", ir::name(to));
  if (value.dtype() == to) return value;
  const at::Tensor& x = value.tensor();
  if (to == DataType::string) return Value(spell_numbers(value));
  if (is_widened(to)) return to_widened(x, to);
  if (to == DataType::float8e8m0) return to_float8e8m0(x, rules);
  return largest_float8(to) > 0 ? to_float8(x, to, rules) : x.to(scalar_type(to));
}

std::span<const Operator> cast_operators() { return kOperators; }

}  // namespace allot::exec
