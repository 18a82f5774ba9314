// SPDX-License-Identifier: Apache-2.0
#include "onnxio/value_file.h"

#include "base/error.h"
#include "ir/payload.h"
#include "onnxio/external.h"
#include "onnxio/parse.h"
#include "onnxio/parse_type.h"

namespace allot::onnxio {
namespace {

using base::Error;
using base::ErrorKind;
using ir::Span;
using ir::wire::Field;
using ir::wire::malformed;
using Wire = ir::wire::Type;
using Kind = StoredValue::Kind;

constexpr int kMaxNesting = 64;  // sequences of optionals of sequences ...

/// SequenceProto and OptionalProto number their fields alike (onnx-data.proto).
enum ContainerField : uint32_t { kTensor = 3, kSparseTensor = 4, kSequence = 5, kMap = 6, kOptional = 7 };

class ValueReader {
 public:
  explicit ValueReader(ir::Model& storage) : storage_(storage), files_(storage) {}

  StoredValue tensor(Span body) {
    StoredValue value;
    value.kind = Kind::tensor;
    parse_message(bytes(), body, value.tensor);
    check(value.tensor);
    return value;
  }

  StoredValue sparse_tensor(Span body) {
    StoredValue value;
    value.kind = Kind::sparse_tensor;
    parse_message(bytes(), body, value.sparse);
    check(value.sparse.values);
    check(value.sparse.indices);
    return value;
  }

  StoredValue sequence(Span body, int depth = 0) {
    StoredValue value;
    value.kind = Kind::sequence;
    each_member(body, depth, [&](StoredValue member) { value.elements.push_back(std::move(member)); });
    return value;
  }

  StoredValue optional(Span body, int depth = 0) {
    StoredValue value;
    bool is_set = false;
    each_member(body, depth, [&](StoredValue member) {
      if (is_set) malformed(body.offset, "an optional holds two values");
      value = std::move(member);
      is_set = true;
    });
    return value;
  }

 private:
  std::string_view bytes() const { return storage_.file->view(); }

  template <typename Take>
  void each_member(Span body, int depth, Take take) {
    if (depth > kMaxNesting) malformed(body.offset, fmt::format("values nest deeper than {}", kMaxNesting));
    ir::wire::Fields fields(bytes(), body);
    for (Field field; fields.next(field);) {
      if (field.number < kTensor || field.number > kOptional) continue;
      expect(field, Wire::bytes, "a sequence or optional");
      take(member(field, depth + 1));
    }
  }

  StoredValue member(const Field& field, int depth) {
    switch (field.number) {
      case kTensor:
        return tensor(field.body);
      case kSparseTensor:
        return sparse_tensor(field.body);
      case kSequence:
        return sequence(field.body, depth);
      case kOptional:
        return optional(field.body, depth);
      default:
        throw Error(ErrorKind::unavailable, fmt::format("byte {}", field.begin), "maps are not supported",
                    "give keys and values as tensors");
    }
  }

  void check(ir::Tensor& tensor) {
    try {
      if (tensor.payload.where == ir::Payload::Where::external) files_.attach(tensor);
    } catch (const Error& error) {
      throw error.within(fmt::format("byte {}", tensor.origin.offset));
    }
    if (const auto problem = ir::payload_problem(storage_, tensor); !problem.empty())
      malformed(tensor.origin.offset, "the tensor " + problem);
  }

  ir::Model& storage_;
  ExternalFiles files_;
};

StoredValue read_message(ir::Model& storage, ir::Type::Kind kind) {
  ValueReader reader(storage);
  const Span all{0, storage.file->size()};
  switch (kind) {
    case ir::Type::Kind::tensor:
      return reader.tensor(all);
    case ir::Type::Kind::sparse_tensor:
      return reader.sparse_tensor(all);
    case ir::Type::Kind::sequence:
      return reader.sequence(all);
    case ir::Type::Kind::optional:
      return reader.optional(all);
    default:
      throw Error(ErrorKind::unavailable, "", "values of this type cannot be read", "give tensors");
  }
}

}  // namespace

ValueFile read_value(std::shared_ptr<const base::Bytes> file, ir::Type::Kind kind) {
  ValueFile result;
  result.storage.path = file->path();
  result.storage.file = std::move(file);
  try {
    result.value = read_message(result.storage, kind);
  } catch (const Error& error) {
    throw error.within(base::printable(result.storage.path));
  }
  return result;
}

ValueFile read_value(const std::string& path, ir::Type::Kind kind) { return read_value(base::Bytes::open(path), kind); }

}  // namespace allot::onnxio
