// SPDX-License-Identifier: Apache-2.0
// What flows along the edges of a running graph: tensors, strings, sequences, optionals.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include "ir/dtype.h"

namespace allot::exec {

class Value;

/// A tensor of strings, row-major.
struct Strings {
  std::vector<std::string> data;
  std::vector<int64_t> dims;
};

/// A sequence of values; copied when it is changed, since values are shared.
using Sequence = std::vector<Value>;

/// One value. Cheap to copy: tensors, strings and sequences are shared, and never changed in place by kernels.
class Value {
 public:
  /// Absent: an optional input that is not there, or an empty optional.
  Value() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): kernels give tensors.
  Value(at::Tensor tensor) : tensor_(std::move(tensor)) {}
  /// `widened` is the ONNX type of elements that are held as another one (see exec/dtype.h), otherwise undefined.
  Value(at::Tensor tensor, ir::DataType widened) : tensor_(std::move(tensor)), widened_(widened) {}
  explicit Value(Strings strings) : object_(std::make_shared<const Object>(std::move(strings))) {}
  explicit Value(Sequence sequence) : object_(std::make_shared<const Object>(std::move(sequence))) {}

  bool absent() const { return !tensor_.defined() && !object_; }
  bool is_tensor() const { return tensor_.defined(); }
  bool is_strings() const { return object_ && std::holds_alternative<Strings>(*object_); }
  bool is_sequence() const { return object_ && std::holds_alternative<Sequence>(*object_); }

  /// Undefined unless is_tensor().
  const at::Tensor& tensor() const { return tensor_; }
  /// Errors: malformed when the value is something else.
  const Strings& strings() const;
  const Sequence& sequence() const;

  /// Element type of tensors and strings, undefined for the rest.
  ir::DataType dtype() const;
  /// Undefined unless the elements are held in a wider type.
  ir::DataType widened() const { return widened_; }
  /// Dimensions of tensors and strings; empty for the rest.
  std::vector<int64_t> dims() const;
  /// "float32[2,3]", "string[4]", "a sequence of 3", "nothing".
  std::string describe() const;

 private:
  using Object = std::variant<Strings, Sequence>;
  at::Tensor tensor_;
  std::shared_ptr<const Object> object_;
  ir::DataType widened_ = ir::DataType::undefined;
};

}  // namespace allot::exec
