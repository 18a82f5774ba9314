// SPDX-License-Identifier: Apache-2.0
// Conversion between all element types of ONNX.
#pragma once

#include "exec/value.h"

namespace allot::exec {

/// What Cast does where the target cannot hold a number. Only for 8-bit floats.
struct CastRules {
  enum class Round : uint8_t { up, down, nearest };
  bool saturate = true;     // the largest number instead of infinity or NaN
  Round round = Round::up;  // to float8e8m0, which has powers of two alone
};

/// `value` with elements of type `to`, as Cast-25 says. Integers out of range keep their low bits. Gradients flow
/// between floating types of 16 bits or more. Errors: malformed for strings that are no numbers and for sequences.
Value cast(const Value& value, ir::DataType to, const CastRules& rules = {});

/// The largest number of a float8 type that has a sign; 0 for all others.
double largest_float8(ir::DataType type);

/// Codes of float4e2m1 (uint8, 0 to 15) of any real numbers: the nearest, ties to even, at most 6; NaN becomes -0.
at::Tensor float4_codes(const at::Tensor& numbers);
/// The numbers (float32) of such codes.
at::Tensor float4_numbers(const at::Tensor& codes);

/// The low `bits` bits of integers: as int8 with the sign extended, or as uint8.
at::Tensor low_bits(const at::Tensor& integers, int bits, bool is_signed);

}  // namespace allot::exec
