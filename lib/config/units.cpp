// SPDX-License-Identifier: Apache-2.0
#include "config/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "base/error.h"

namespace allot::config {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

/// A suffix and what it multiplies by: scale * 10^exponent10 * 2^exponent2.
struct Suffix {
  std::string_view text;
  int exponent10 = 0, exponent2 = 0;
  double scale = 1;
};

constexpr std::array kDecimal = {Suffix{""},     Suffix{"k", 3},  Suffix{"K", 3},  Suffix{"M", 6},
                                 Suffix{"G", 9}, Suffix{"T", 12}, Suffix{"P", 15}, Suffix{"E", 18}};
constexpr std::array kBinary = {Suffix{"Ki", 0, 10}, Suffix{"Mi", 0, 20}, Suffix{"Gi", 0, 30}, Suffix{"Ti", 0, 40},
                                Suffix{"Pi", 0, 50}};
constexpr std::array kTime = {Suffix{"s"},       Suffix{"ms", -3},          Suffix{"us", -6},         Suffix{"ns", -9},
                              Suffix{"ps", -12}, Suffix{"min", 0, 0, 60.0}, Suffix{"h", 0, 0, 3600.0}};

struct UnitInfo {
  std::string_view noun, example;
  std::array<std::string_view, 4> names;  // written after the prefix; the first is the one we write
  bool binary, decimal;
};

const UnitInfo& info(Unit unit) {
  static constexpr std::array<UnitInfo, 6> kInfos = {{
      {"a plain number", "0.5 or 20k", {""}, false, true},
      {"a size in bytes", "16GiB", {"B", ""}, true, true},
      {"a time in seconds", "9us", {""}, false, false},
      {"a rate in bytes per second", "25GB/s", {"B/s", ""}, true, true},
      {"floating-point operations (per second)", "312TFLOPS", {"FLOPS", "FLOP", "FLOP/s", "OPS"}, false, true},
      {"a fraction", "0.02 or 2%", {""}, false, false},
  }};
  return kInfos[static_cast<size_t>(unit)];
}

/// The multiplier that `suffix` stands for, if it is one of `unit`'s.
bool find_suffix(std::string_view suffix, Unit unit, Suffix& found) {
  if (suffix.empty()) return true;
  if (unit == Unit::fraction) return suffix == "%" && (found = {"%", -2}, true);
  if (unit == Unit::seconds) {
    for (const auto& time : kTime)
      if (suffix == time.text) return found = time, true;
    return suffix == "\u00b5s" && (found = kTime[2], true);
  }
  const UnitInfo& unit_info = info(unit);
  for (const std::string_view name : unit_info.names) {
    if (!suffix.ends_with(name)) continue;
    const std::string_view prefix = suffix.substr(0, suffix.size() - name.size());
    for (const auto& decimal : kDecimal)
      if (prefix == decimal.text) return found = decimal, true;
    for (const auto& binary : kBinary)
      if (unit_info.binary && prefix == binary.text) return found = binary, true;
  }
  return false;
}

/// Splits "-1.5e3GiB" after the number; 0 if it does not start with one.
size_t number_length(std::string_view text) {
  const auto digits_from = [&](size_t i) {
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i;
  };
  const size_t begin = !text.empty() && (text[0] == '-' || text[0] == '+');
  size_t end = digits_from(begin);
  size_t digits = end - begin;
  if (end < text.size() && text[end] == '.') {
    const size_t fraction_end = digits_from(end + 1);
    digits += fraction_end - end - 1;
    end = fraction_end;
  }
  if (digits == 0) return 0;
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    const size_t exponent = end + 1 + (end + 1 < text.size() && (text[end + 1] == '-' || text[end + 1] == '+'));
    if (const size_t exponent_end = digits_from(exponent); exponent_end > exponent) end = exponent_end;
  }
  return end;
}

/// The number `text` times 10^shift, rounded once: "0.1" with 9 is exactly 1e8.
bool parse_shifted(std::string_view text, int shift, double& value) {
  if (text[0] == '+') text.remove_prefix(1);
  long exponent = shift;
  std::string shifted(text);
  if (const size_t e = text.find_first_of("eE"); e != text.npos) {
    shifted.resize(e);
    std::string_view digits = text.substr(e + 1);
    if (digits[0] == '+') digits.remove_prefix(1);
    long own = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), own).ec != std::errc{}) return false;
    if (own > 100'000 || own < -100'000) return false;
    exponent += own;
  }
  if (exponent != 0) shifted += fmt::format("e{}", exponent);
  const auto [end, error] = std::from_chars(shifted.data(), shifted.data() + shifted.size(), value);
  return error == std::errc{} && end == shifted.data() + shifted.size() && std::isfinite(value);
}

/// Shortest decimal digits of a positive number and the power of ten of the last one: 25e9 -> "25", 9.
std::pair<std::string, int> shortest_digits(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  const size_t sign = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(text.data() + sign, text.data() + text.size(), exponent);
  return {digits, exponent - static_cast<int>(digits.size()) + 1};
}

/// digits * 10^exponent without an exponent if that stays short, else as digits and "e".
std::string decimal_text(const std::string& digits, int exponent) {
  constexpr int kMaxZeros = 6;
  const int size = static_cast<int>(digits.size());
  if (exponent >= 0 && exponent <= kMaxZeros) return digits + std::string(static_cast<size_t>(exponent), '0');
  if (exponent < 0 && -exponent < size)
    return digits.substr(0, static_cast<size_t>(size + exponent)) + "." +
           digits.substr(static_cast<size_t>(size + exponent));
  if (exponent < 0 && -exponent - size <= kMaxZeros)
    return "0." + std::string(static_cast<size_t>(-exponent - size), '0') + digits;
  return fmt::format("{}e{}", digits, exponent);
}

std::string three_digits(double value) {
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

struct Scale {
  double size;
  std::string_view unit;
};

/// `value` in the largest of `scales` (ascending) in which it is at least 1 after rounding to three digits.
std::string human(double value, std::span<const Scale> scales) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  if (value < 0) return "-" + human(-value, scales);
  size_t i = 0;
  while (i + 1 < scales.size() && value >= scales[i + 1].size * 0.9995) ++i;
  const std::string_view unit = scales[i].unit;
  const double scaled = value / scales[i].size;
  const bool whole = i == 0 && scales.size() > 1 && scaled == std::floor(scaled) && scaled < 1e6;
  const std::string number = whole ? fmt::format("{:.0f}", scaled) : three_digits(scaled);
  return unit.empty() ? number : fmt::format("{} {}", number, unit);
}

}  // namespace

double parse_quantity(std::string_view text, Unit unit) {
  const UnitInfo& unit_info = info(unit);
  const auto fail = [&](std::string_view what) {
    throw Error(ErrorKind::config, "", fmt::format("'{}' {} {}", printable(text, 60), what, unit_info.noun),
                fmt::format("write for example {}", unit_info.example));
  };
  const size_t length = number_length(text);
  std::string_view suffix = text.substr(length);
  if (suffix.starts_with(' ')) suffix.remove_prefix(1);
  Suffix found;
  if (length == 0 || !find_suffix(suffix, unit, found)) fail("is not");
  double value = 0;
  if (!parse_shifted(text.substr(0, length), found.exponent10, value)) fail("is too large or too small for");
  value = std::ldexp(value * found.scale, found.exponent2);
  if (!std::isfinite(value)) fail("is too large for");
  return value;
}

double parse_quantity(std::string_view text, Unit unit, double min, double max) {
  const double value = parse_quantity(text, unit);
  if (value < min || value > max)
    throw Error(ErrorKind::config, "", fmt::format("'{}' is out of range", printable(text, 60)),
                "choose " + format_range(min, max, unit));
  return value;
}

int64_t parse_integer(std::string_view text, int64_t min, int64_t max) {
  const std::string shown = printable(text, 60);
  const auto in_range = [&](bool representable, int64_t value) {
    if (!representable || value < min || value > max)
      throw Error(ErrorKind::config, "", fmt::format("'{}' is out of range", shown),
                  fmt::format("choose between {} and {}", min, max));
    return value;
  };
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end == text.data() + text.size() && error != std::errc::invalid_argument)
    return in_range(error == std::errc{}, value);
  constexpr double kMaxExact = 0x1p53;  // beyond it a double may differ from what was written
  const double number = number_length(text) > 0 ? parse_quantity(text, Unit::none) : 0.5;
  if (number != std::floor(number))
    throw Error(ErrorKind::config, "", fmt::format("'{}' is not a whole number", shown),
                "write for example 100 or 20k");
  const bool exact = std::abs(number) <= kMaxExact;
  return in_range(exact, exact ? static_cast<int64_t>(number) : 0);
}

std::string format_range(double min, double max, Unit unit) {
  if (std::isinf(max)) return "at least " + format_quantity(min, unit);
  return fmt::format("between {} and {}", format_quantity(min, unit), format_quantity(max, unit));
}

std::string format_quantity(double value, Unit unit) {
  ALLOT_ASSERT(std::isfinite(value));
  if (value < 0) return "-" + format_quantity(-value, unit);
  const UnitInfo& unit_info = info(unit);
  std::string best;
  const auto offer = [&](double scaled, const Suffix& suffix, std::string_view name) {
    const auto [digits, exponent] = scaled == 0 ? std::pair{std::string("0"), 0} : shortest_digits(scaled);
    const std::string text = decimal_text(digits, scaled == 0 ? 0 : exponent - suffix.exponent10) +
                             std::string(suffix.text) + std::string(name);
    const auto rank = [](const std::string& t) { return std::pair(t.find('e') != t.npos, t.size()); };
    if (best.empty() || rank(text) < rank(best)) best = text;
  };
  const std::string_view name = unit_info.names[0];
  if (unit == Unit::seconds) {
    for (size_t i = 0; i < 5; ++i) offer(value, kTime[i], "");
  } else if (unit == Unit::none || unit == Unit::fraction) {
    offer(value, Suffix{}, "");
    if (unit == Unit::fraction) offer(value, Suffix{"%", -2}, "");
  } else {
    for (const auto& decimal : kDecimal)
      if (decimal.text != "K") offer(value, decimal, name);
    for (const auto& binary : kBinary)
      if (unit_info.binary && value >= 1) offer(std::ldexp(value, -binary.exponent2), binary, name);
  }
  return best;
}

std::string human_time(double seconds) {
  static constexpr std::array<Scale, 5> kScales = {{{1e-12, "ps"}, {1e-9, "ns"}, {1e-6, "us"}, {1e-3, "ms"}, {1, "s"}}};
  static constexpr std::array<Scale, 1> kMinutes = {{{60, "min"}}}, kHours = {{{3600, "h"}}};
  if (seconds == 0) return "0 s";
  if (std::abs(seconds) < 120) return human(seconds, kScales);
  return human(seconds, std::abs(seconds) < 7200 ? kMinutes : kHours);
}

std::string human_bytes(double bytes) {
  static constexpr std::array<Scale, 6> kScales = {
      {{1, "B"}, {1024.0, "KiB"}, {0x1p20, "MiB"}, {0x1p30, "GiB"}, {0x1p40, "TiB"}, {0x1p50, "PiB"}}};
  return human(bytes, kScales);
}

std::string human_count(double count, std::string_view unit) {
  static constexpr std::array<Scale, 7> kScales = {
      {{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}, {1e15, "P"}, {1e18, "E"}}};
  const std::string text = human(count, kScales);
  if (unit.empty()) return text;
  return text + (text.find(' ') == text.npos ? " " : "") + std::string(unit);
}

}  // namespace allot::config
