// SPDX-License-Identifier: Apache-2.0
#include "onnxio/encode.h"

namespace allot::onnxio {
namespace {

using Wire = ir::wire::Type;
using Kind = ir::Type::Kind;

void put_message(std::string& out, uint32_t number, std::string_view body) {
  ir::wire::put_tag(out, number, Wire::bytes);
  ir::wire::put_varint(out, body.size());
  out += body;
}

void put_number(std::string& out, uint32_t number, uint64_t value) {
  ir::wire::put_tag(out, number, Wire::varint);
  ir::wire::put_varint(out, value);
}

std::string encode_shape(const std::vector<ir::Dim>& dims) {
  std::string shape;
  for (const auto& dim : dims) {
    std::string body;
    if (dim.value >= 0)
      put_number(body, 1, static_cast<uint64_t>(dim.value));
    else if (!dim.symbol.empty())
      put_message(body, 2, dim.symbol);
    put_message(shape, 1, body);
  }
  return shape;
}

uint32_t field_of(Kind kind) {
  switch (kind) {
    case Kind::tensor:
      return 1;
    case Kind::sequence:
      return 4;
    case Kind::map:
      return 5;
    case Kind::opaque:
      return 7;
    case Kind::sparse_tensor:
      return 8;
    case Kind::optional:
      return 9;
    case Kind::none:
      break;
  }
  return 0;
}

}  // namespace

std::string encode_type(const ir::Type& type) {
  std::string content, result;
  if (type.elem != ir::DataType::undefined) put_number(content, 1, static_cast<uint64_t>(type.elem));
  if (type.has_shape) put_message(content, 2, encode_shape(type.dims));
  if (type.element) put_message(content, type.kind == Kind::map ? 2 : 1, encode_type(*type.element));
  if (type.kind != Kind::none) put_message(result, field_of(type.kind), content);
  return result;
}

}  // namespace allot::onnxio
