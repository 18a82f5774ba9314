// SPDX-License-Identifier: Apache-2.0
#include "exec/load.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "exec/dtype.h"
#include "ir/payload.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;
using ir::DataType;

[[noreturn]] void damaged(const ir::Model& model, const ir::Tensor& tensor) {
  const std::string problem = ir::payload_problem(model, tensor);
  throw Error(ErrorKind::malformed, fmt::format("tensor '{}'", base::printable(tensor.name)),
              problem.empty() ? "its elements are missing" : problem, "fetch or export the model again");
}

Value load_strings(const ir::Model& model, const ir::Tensor& tensor) {
  const auto views = ir::read_strings(model, tensor);
  if (!views) damaged(model, tensor);
  return Value(Strings{{views->begin(), views->end()}, tensor.dims});
}

// Elements that torch holds wider, one by one.
Value load_widened(const ir::Model& model, const ir::Tensor& tensor) {
  const auto n = ir::element_count(tensor.dims);
  const auto numbers = n ? ir::read_doubles(model, tensor, *n) : std::nullopt;
  if (!numbers) damaged(model, tensor);
  const at::Tensor wide = at::tensor(*numbers, at::kDouble).reshape(tensor.dims);
  return Value(wide.to(scalar_type(tensor.dtype)), tensor.dtype);
}

// The code of a float4e2m1 number: sign, two bits of exponent, one of mantissa.
unsigned float4_code(float value) {
  constexpr float kMagnitudes[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  const auto* found = std::find(kMagnitudes, kMagnitudes + 8, std::abs(value));
  ALLOT_ASSERT(found != kMagnitudes + 8);
  return static_cast<unsigned>(found - kMagnitudes) | (std::signbit(value) ? 8u : 0u);
}

std::string pack(const Value& value) {
  const DataType type = value.dtype();
  const int width = ir::bits(type);
  const at::Tensor host = value.tensor().detach().to(at::kCPU, scalar_type(type)).contiguous();
  const bool is_float = type == DataType::float4e2m1;
  std::string bytes(static_cast<size_t>(ir::storage_bytes(type, host.numel())), '\0');
  for (int64_t i = 0; i < host.numel(); ++i) {
    const unsigned code = is_float ? float4_code(host.const_data_ptr<float>()[i])
                                   : static_cast<const uint8_t*>(host.const_data_ptr())[i] & ((1u << width) - 1);
    bytes[static_cast<size_t>(i * width / 8)] |= static_cast<char>(code << (i * width % 8));
  }
  return bytes;
}

Value load_stored(const ir::Model& storage, const onnxio::StoredValue& stored) {
  using Kind = onnxio::StoredValue::Kind;
  if (stored.kind == Kind::nothing) return {};
  if (stored.kind == Kind::tensor) return load(storage, stored.tensor);
  if (stored.kind == Kind::sparse_tensor) return load(storage, stored.sparse);
  Sequence elements;
  for (const auto& element : stored.elements) elements.push_back(load_stored(storage, element));
  return Value(std::move(elements));
}

}  // namespace

Value load(const onnxio::ValueFile& file) { return load_stored(file.storage, file.value); }

Value load(const ir::Model& model, const ir::Tensor& tensor) {
  if (tensor.dtype == DataType::string) return load_strings(model, tensor);
  const at::ScalarType type = scalar_type(tensor.dtype);
  if (is_widened(tensor.dtype)) return load_widened(model, tensor);
  if (!ir::payload_problem(model, tensor).empty()) damaged(model, tensor);
  at::Tensor result = at::empty(tensor.dims, type);
  if (result.numel() == 0) return result;
  std::string image;
  std::string_view bytes = ir::raw_bytes(model, tensor);
  if (bytes.empty()) {
    auto decoded = ir::raw_image(model, tensor);
    if (!decoded) damaged(model, tensor);
    image = std::move(*decoded);
    bytes = image;
  }
  if (bytes.size() != result.nbytes()) damaged(model, tensor);
  std::memcpy(result.mutable_data_ptr(), bytes.data(), bytes.size());
  return result;
}

Value load(const ir::Model& model, const ir::SparseTensor& sparse) {
  const at::Tensor values = load(model, sparse.values).tensor();
  at::Tensor indices = load(model, sparse.indices).tensor();
  const auto n = ir::element_count(sparse.dims);
  if (!n || !values.defined() || !indices.defined() || indices.scalar_type() != at::kLong)
    damaged(model, sparse.values);
  if (indices.dim() == 2) {  // one row of coordinates an element
    const at::Tensor rows = indices;
    indices = at::zeros({rows.size(0)}, at::kLong);
    for (int64_t d = 0; d < rows.size(1) && d < static_cast<int64_t>(sparse.dims.size()); ++d)
      indices = indices * sparse.dims[static_cast<size_t>(d)] + rows.select(1, d);
  }
  if (indices.numel() != values.numel()) damaged(model, sparse.values);
  at::Tensor dense = at::zeros({*n}, values.options());
  return dense.index_put_({indices}, values.reshape({-1})).reshape(sparse.dims);
}

std::string raw_bytes(const Value& value) {
  ALLOT_ASSERT(value.is_tensor());
  if (is_widened(value.dtype())) return pack(value);
  // Integers that gradients pass through are held as floats.
  const at::Tensor host = value.tensor().detach().to(at::kCPU, scalar_type(value.dtype())).contiguous();
  return std::string(static_cast<const char*>(host.const_data_ptr()), host.nbytes());
}

}  // namespace allot::exec
