// SPDX-License-Identifier: Apache-2.0
#include "onnxio/parse_type.h"

#include <iterator>

namespace allot::onnxio {
namespace {

using ir::DataType;
using ir::Span;
using ir::wire::Field;
using ir::wire::Fields;
using ir::wire::malformed;
using Wire = ir::wire::Type;

constexpr int kMaxTypeNesting = 64;  // sequences of optionals of maps ...

/// TypeProto and what is in it.
class TypeParser {
 public:
  explicit TypeParser(std::string_view file) : file_(file) {}

  ir::Type type(Span body, int depth = 0) const {
    if (depth > kMaxTypeNesting) malformed(body.offset, fmt::format("types nest deeper than {}", kMaxTypeNesting));
    using Kind = ir::Type::Kind;
    static constexpr Kind kKinds[] = {Kind::none, Kind::tensor, Kind::none,   Kind::none,          Kind::sequence,
                                      Kind::map,  Kind::none,   Kind::opaque, Kind::sparse_tensor, Kind::optional};
    ir::Type result;
    Fields fields(file_, body);
    for (Field field; fields.next(field);) {
      const Kind kind = field.number < std::size(kKinds) ? kKinds[field.number] : Kind::none;
      if (kind == Kind::none) continue;
      expect(field, Wire::bytes, "TypeProto");
      if (result.kind != Kind::none) malformed(field.begin, "a TypeProto holds two types");
      result.kind = kind;
      content(field.body, result, depth);
    }
    return result;
  }

 private:
  /// The message of any kind: 1 is an element type, a key type or a nested type, 2 a shape or a value type.
  void content(Span body, ir::Type& result, int depth) const {
    using Kind = ir::Type::Kind;
    if (result.kind == Kind::opaque) return;
    const bool tensor = result.kind == Kind::tensor || result.kind == Kind::sparse_tensor;
    const bool map = result.kind == Kind::map;
    Fields fields(file_, body);
    for (Field field; fields.next(field);) {
      if (field.number == 1 && (tensor || map)) {
        result.elem = parse_data_type(field, "TypeProto");
      } else if (field.number == 2 && tensor) {
        expect(field, Wire::bytes, "TypeProto.Tensor");
        result.has_shape = true;
        shape(field.body, result.dims);
      } else if (field.number == (map ? 2u : 1u)) {
        expect(field, Wire::bytes, "TypeProto");
        result.element = std::make_shared<const ir::Type>(type(field.body, depth + 1));
      }
    }
  }

  void shape(Span body, std::vector<ir::Dim>& dims) const {
    Fields fields(file_, body);
    for (Field field; fields.next(field);) {
      if (field.number != 1) continue;
      expect(field, Wire::bytes, "TensorShapeProto");
      dims.push_back(dim(field.body));
    }
  }

  ir::Dim dim(Span body) const {
    ir::Dim result;
    Fields fields(file_, body);
    for (Field field; fields.next(field);) {
      if (field.number == 1) {
        expect(field, Wire::varint, "Dimension");
        const auto value = static_cast<int64_t>(field.value);
        if (value < -1) malformed(field.begin, fmt::format("a dimension is {}", value));
        result = {value, {}};  // some exporters write -1 for an unknown dimension
      } else if (field.number == 2) {
        expect(field, Wire::bytes, "Dimension");
        result = {-1, ir::wire::view(file_, field.body)};
      }
    }
    return result;
  }

  std::string_view file_;
};

}  // namespace

void expect(const Field& field, Wire type, std::string_view message) {
  if (field.type == type) return;
  malformed(field.begin, fmt::format("field {} of {} has wire type {} instead of {}", field.number, message,
                                     static_cast<int>(field.type), static_cast<int>(type)));
}

DataType parse_data_type(const Field& field, std::string_view message) {
  expect(field, Wire::varint, message);
  if (field.value > ir::kMaxDataType)
    malformed(field.begin, fmt::format("element type {} is unknown; the last one known is {} ({})",
                                       static_cast<int64_t>(field.value), ir::kMaxDataType,
                                       name(static_cast<DataType>(ir::kMaxDataType))));
  return static_cast<DataType>(field.value);
}

ir::Type parse_type(std::string_view file, Span body) { return TypeParser(file).type(body); }

}  // namespace allot::onnxio
