// SPDX-License-Identifier: Apache-2.0
// Elements of every type, strings included, as tensors that can be moved about.
#pragma once

#include <memory>
#include <vector>

#include <c10/util/SmallVector.h>

#include "exec/value.h"

namespace allot::exec {

/// For operators that only copy, drop, repeat or reorder elements. Types for which torch lacks such kernels are taken
/// by their bits, strings by their positions: the kernel works on tensor(), and back() makes a value of what it got.
/// Several values can be moved together; they must be of one type.
class Movable {
 public:
  Movable() = default;
  /// Errors: malformed when the value is neither a tensor nor strings.
  explicit Movable(const Value& value) { add(value); }
  void add(const Value& value) {
    if (!value.is_tensor()) return add_strings(value);
    const at::ScalarType type = value.tensor().scalar_type(), carrier = carrier_of(type);
    type_ = type;
    widened_ = value.widened();
    tensors_.push_back(carrier == type ? value.tensor() : value.tensor().view(carrier));
  }

  const at::Tensor& tensor(size_t i = 0) const { return tensors_[i]; }
  at::ArrayRef<at::Tensor> tensors() const { return tensors_; }
  /// The moved elements in their own type.
  Value back(at::Tensor moved) const {
    if (strings_) return pick(moved);
    return Value(carrier_of(type_) == type_ ? std::move(moved) : moved.view(type_), widened_);
  }
  /// Stands for a zero or an empty string in what is moved.
  at::Scalar zero();

 private:
  static at::ScalarType carrier_of(at::ScalarType type);
  void add_strings(const Value& value);
  Value pick(const at::Tensor& positions) const;

  c10::SmallVector<at::Tensor, 2> tensors_;
  at::ScalarType type_ = at::kLong;
  ir::DataType widened_ = ir::DataType::undefined;
  std::shared_ptr<std::vector<std::string>> strings_;  // of all values, one behind the other
};

}  // namespace allot::exec
