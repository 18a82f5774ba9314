// SPDX-License-Identifier: Apache-2.0
// Numbers with units, read and written one way everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace allot::config {

/// What a number measures; a bare number is in the base unit.
enum class Unit { none, bytes, seconds, bytes_per_s, flops, fraction };

/// "16GiB" -> 17179869184, "25GB/s" -> 25e9, "9us" -> 9e-6, "312TFLOPS" -> 312e12, "2%" -> 0.02, "1e3" -> 1000.
/// Binary prefixes Ki Mi Gi Ti Pi, decimal k K M G T P E; ps ns us ms s min h for time. Rounded once, so the result is
/// the double nearest to what is written. Errors: config with the text and an example for another unit, trailing
/// characters, NaN or infinity.
double parse_quantity(std::string_view text, Unit unit);
/// The same, between min and max. Errors: config, showing the range.
double parse_quantity(std::string_view text, Unit unit, double min, double max);

/// "100", "-3", and for large ones "20k", "1e6". Errors: config for a fraction, text, or a number out of range.
int64_t parse_integer(std::string_view text, int64_t min, int64_t max);

/// The shortest text that reads back to the same number: 17179869184 bytes -> "16GiB".
std::string format_quantity(double value, Unit unit);

/// "between 0 and 1", or "at least 0" when max is infinite.
std::string format_range(double min, double max, Unit unit);

/// For people, three significant digits: "1.50 ms", "12.3 GiB", "4.09 G"; with unit "FLOP", "4.09 GFLOP".
std::string human_time(double seconds);
std::string human_bytes(double bytes);
std::string human_count(double count, std::string_view unit = {});

}  // namespace allot::config
