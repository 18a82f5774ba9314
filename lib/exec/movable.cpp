// SPDX-License-Identifier: Apache-2.0
#include "exec/movable.h"

#include <ATen/ops/arange.h>

#include "exec/check.h"

namespace allot::exec {

at::ScalarType Movable::carrier_of(at::ScalarType type) {
  switch (type) {
    case at::kUInt16:
      return at::kShort;
    case at::kUInt32:
      return at::kInt;
    case at::kUInt64:
      return at::kLong;
    case at::kFloat8_e4m3fn:
    case at::kFloat8_e4m3fnuz:
    case at::kFloat8_e5m2:
    case at::kFloat8_e5m2fnuz:
    case at::kFloat8_e8m0fnu:
      return at::kByte;
    default:
      return type;
  }
}

void Movable::add_strings(const Value& value) {
  if (!value.is_strings()) malformed("needs a tensor, but gets {}", value.describe());
  if (!strings_) strings_ = std::make_shared<std::vector<std::string>>();
  const auto& added = value.strings();
  const auto first = static_cast<int64_t>(strings_->size());
  strings_->insert(strings_->end(), added.data.begin(), added.data.end());
  tensors_.push_back(at::arange(first, static_cast<int64_t>(strings_->size()), at::kLong).reshape(added.dims));
}

at::Scalar Movable::zero() {
  if (!strings_) return 0;
  strings_->emplace_back();
  return static_cast<int64_t>(strings_->size()) - 1;
}

Value Movable::pick(const at::Tensor& positions) const {
  const at::Tensor order = positions.contiguous();
  Strings result{{}, order.sizes().vec()};
  result.data.reserve(static_cast<size_t>(order.numel()));
  for (int64_t i = 0; i < order.numel(); ++i)
    result.data.push_back(strings_->at(static_cast<size_t>(order.const_data_ptr<int64_t>()[i])));
  return Value(std::move(result));
}

}  // namespace allot::exec
