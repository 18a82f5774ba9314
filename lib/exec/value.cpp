// SPDX-License-Identifier: Apache-2.0
#include "exec/value.h"

#include "base/error.h"
#include "exec/dtype.h"

namespace allot::exec {
namespace {

[[noreturn]] void not_a(std::string_view wanted, const Value& value) {
  throw base::Error(base::ErrorKind::malformed, "", fmt::format("needs {}, but gets {}", wanted, value.describe()));
}

}  // namespace

const Strings& Value::strings() const {
  if (!is_strings()) not_a("strings", *this);
  return std::get<Strings>(*object_);
}

const Sequence& Value::sequence() const {
  if (!is_sequence()) not_a("a sequence", *this);
  return std::get<Sequence>(*object_);
}

ir::DataType Value::dtype() const {
  if (widened_ != ir::DataType::undefined) return widened_;
  if (is_tensor()) return data_type(tensor_.scalar_type());
  return is_strings() ? ir::DataType::string : ir::DataType::undefined;
}

std::vector<int64_t> Value::dims() const {
  if (is_tensor()) return tensor_.sizes().vec();
  return is_strings() ? strings().dims : std::vector<int64_t>{};
}

std::string Value::describe() const {
  if (absent()) return "nothing";
  if (is_sequence()) return fmt::format("a sequence of {}", sequence().size());
  std::string text(ir::name(dtype()));
  text += '[';
  const auto sizes = dims();
  for (size_t i = 0; i < sizes.size(); ++i) text += fmt::format("{}{}", i ? "," : "", sizes[i]);
  return text + ']';
}

}  // namespace allot::exec
