// SPDX-License-Identifier: Apache-2.0
#include "exec/site.h"

#include "base/error.h"
#include "exec/call.h"
#include "exec/load.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;

}  // namespace

const std::vector<float>& Site::floats(ir::Str attribute) const {
  static const std::vector<float> kNone;
  const ir::Attribute* found = node_.find(attribute);
  return found ? found->floats : kNone;
}

ir::DataType Site::type_or(ir::Str attribute, ir::DataType otherwise) const {
  const int64_t number = int_or(attribute, static_cast<int64_t>(otherwise));
  if (number < 0 || number > ir::kMaxDataType)
    throw Error(ErrorKind::malformed, "",
                fmt::format("attribute '{}' is {}, which is no element type", attribute, number));
  return static_cast<ir::DataType>(number);
}

Value Site::tensor(ir::Str attribute) const {
  const ir::Attribute* found = node_.find(attribute);
  if (!found || found->tensors.empty())
    throw Error(ErrorKind::malformed, "", fmt::format("attribute '{}' is missing", attribute));
  return load(model_, found->tensors[0]);
}

uint32_t Site::block(ir::Str attribute) const {
  for (const auto& [name, index] : blocks)
    if (name == attribute) return index;
  throw Error(ErrorKind::malformed, "", fmt::format("attribute '{}' is missing", attribute));
}

const Value* Site::constant(size_t input) const { return input < constants.size() ? constants[input] : nullptr; }

void Site::refuse(std::string_view why) const { throw Error(ErrorKind::unavailable, "", why); }

IntList::IntList(const Site& site, ir::Str attribute, size_t input) : input_(input) {
  if (site.has(attribute)) {
    fixed_ = site.ints(attribute);
  } else if (const Value* value = site.constant(input); value && value->is_tensor()) {
    const at::Tensor host = value->tensor().to(at::kCPU, at::kLong).contiguous();
    fixed_.emplace(host.const_data_ptr<int64_t>(), host.const_data_ptr<int64_t>() + host.numel());
  }
}

std::optional<std::vector<int64_t>> IntList::operator()(const Call& call) const {
  if (fixed_) return fixed_;
  if (!call.has(input_)) return std::nullopt;
  return call.ints(input_);
}

}  // namespace allot::exec
