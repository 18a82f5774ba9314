// SPDX-License-Identifier: Apache-2.0
// Conversions between real and quantized numbers.
#include "shape/registry.h"

namespace allot::shape {
namespace {

using ir::DataType;

/// The attribute, else the type of an input, else `otherwise`.
DataType target_type(const Context& c, size_t input, DataType otherwise) {
  const auto given = c.elem_attribute("output_dtype", DataType::undefined);
  if (given != DataType::undefined) return given;
  return c.has(input) ? c.elem(input) : otherwise;
}

void quantize_linear(Context& c) {
  c.copy(0, 0);
  c.set_elem(0, target_type(c, 2, DataType::uint8));
}

void dequantize_linear(Context& c) {
  c.copy(0, 0);
  c.set_elem(0, target_type(c, 1, DataType::float32));
}

void dynamic_quantize_linear(Context& c) {
  c.copy(0, 0);
  c.set_elem(0, DataType::uint8);
  c.set(1, DataType::float32, {});
  c.set(2, DataType::uint8, {});
}

constexpr Operator kOperators[] = {
    {"DequantizeLinear", dequantize_linear},
    {"DynamicQuantizeLinear", dynamic_quantize_linear},
    {"QuantizeLinear", quantize_linear},
};

}  // namespace

std::span<const Operator> quantization_operators() { return kOperators; }

}  // namespace allot::shape
