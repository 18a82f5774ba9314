// SPDX-License-Identifier: Apache-2.0
#include "exec/ops/string_cast.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include <ATen/ops/empty.h>

#include "base/error.h"

namespace allot::exec {
namespace {

using ir::DataType;

[[noreturn]] void not_a_number(const std::string& text) {
  throw base::Error(base::ErrorKind::malformed, "", fmt::format("'{}' is no number", base::printable(text, 60)),
                    "cast strings that hold numbers");
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text.size() > 1 && text[0] == '+' && text[1] != '-' ? text.substr(1) : text;
}

// Also reads "inf" and "nan" in any case.
double parse_float(const std::string& text) {
  const std::string_view digits = trimmed(text);
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_whole = end == digits.data() + digits.size() && !digits.empty();
  if (!is_whole || error == std::errc::invalid_argument) not_a_number(text);
  if (error != std::errc::result_out_of_range) return number;
  // Too large or too small: an exponent tells which.
  const bool is_small = digits.find("e-") != digits.npos || digits.find("E-") != digits.npos;
  return std::copysign(is_small ? 0.0 : std::numeric_limits<double>::infinity(), digits[0] == '-' ? -1.0 : 1.0);
}

// Whole numbers keep all their digits; others lose their fraction.
template <typename Integer>
Integer parse_integer(const std::string& text) {
  const std::string_view digits = trimmed(text);
  Integer number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error == std::errc() && end == digits.data() + digits.size()) return number;
  const double real = std::trunc(parse_float(text));
  const double limit = std::ldexp(1.0, std::numeric_limits<Integer>::digits);
  if (std::isnan(real) || std::abs(real) >= limit) not_a_number(text);
  return static_cast<Integer>(static_cast<int64_t>(real));
}

template <typename Number, typename Parse>
at::Tensor parse_all(const Strings& strings, at::ScalarType type, Parse parse) {
  at::Tensor result = at::empty(strings.dims, type);
  auto* numbers = result.mutable_data_ptr<Number>();
  for (const std::string& text : strings.data) *numbers++ = parse(text);
  return result;
}

template <typename Number>
Strings spell_all(const at::Tensor& numbers, at::ScalarType type) {
  const at::Tensor host = numbers.to(at::kCPU, type).contiguous();
  Strings strings{{}, numbers.sizes().vec()};
  strings.data.reserve(static_cast<size_t>(host.numel()));
  const auto* data = host.const_data_ptr<Number>();
  for (int64_t i = 0; i < host.numel(); ++i) {
    const Number number = data[i];
    if constexpr (std::is_floating_point_v<Number>) {
      if (std::isnan(number) || std::isinf(number)) {
        strings.data.emplace_back(std::isnan(number) ? "NaN" : number > 0 ? "INF" : "-INF");
        continue;
      }
    }
    strings.data.push_back(fmt::format("{}", number));
  }
  return strings;
}

}  // namespace

at::Tensor parse_numbers(const Strings& strings, DataType to) {
  if (to == DataType::uint64) return parse_all<uint64_t>(strings, at::kUInt64, parse_integer<uint64_t>);
  if (ir::is_integer(to)) return parse_all<int64_t>(strings, at::kLong, parse_integer<int64_t>);
  return parse_all<double>(strings, at::kDouble, parse_float);
}

Strings spell_numbers(const Value& value) {
  const at::Tensor x = value.tensor().detach();
  if (x.scalar_type() == at::kDouble) return spell_all<double>(x, at::kDouble);
  if (x.scalar_type() == at::kUInt64) return spell_all<uint64_t>(x, at::kUInt64);
  return x.is_floating_point() ? spell_all<float>(x, at::kFloat) : spell_all<int64_t>(x, at::kLong);
}

}  // namespace allot::exec
