// SPDX-License-Identifier: Apache-2.0
#include "config/units.h"

#include <cmath>
#include <cstring>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"

using namespace allot::config;
using allot::base::Error;
using allot::base::ErrorKind;

TEST_CASE("quantities read as the nearest double of what is written") {
  CHECK(parse_quantity("16GiB", Unit::bytes) == 17179869184.0);
  CHECK(parse_quantity("16 GiB", Unit::bytes) == 17179869184.0);
  CHECK(parse_quantity("1.5kB", Unit::bytes) == 1500.0);
  CHECK(parse_quantity("4096", Unit::bytes) == 4096.0);
  CHECK(parse_quantity("2G", Unit::bytes) == 2e9);
  CHECK(parse_quantity("25GB/s", Unit::bytes_per_s) == 25e9);
  CHECK(parse_quantity("9us", Unit::seconds) == 9e-6);
  CHECK(parse_quantity("9\u00b5s", Unit::seconds) == 9e-6);
  CHECK(parse_quantity("0.3ms", Unit::seconds) == 0.3e-3);
  CHECK(parse_quantity("2min", Unit::seconds) == 120.0);
  CHECK(parse_quantity("312TFLOPS", Unit::flops) == 312e12);
  CHECK(parse_quantity("2GFLOP", Unit::flops) == 2e9);
  CHECK(parse_quantity("624TOPS", Unit::flops) == 624e12);
  CHECK(parse_quantity("2%", Unit::fraction) == 0.02);
  CHECK(parse_quantity("0.7%", Unit::fraction) == 0.007);
  CHECK(parse_quantity("1e3", Unit::none) == 1000.0);
  CHECK(parse_quantity("20k", Unit::none) == 20000.0);
  CHECK(parse_quantity("-1.5", Unit::none) == -1.5);
  CHECK(parse_quantity("+.5", Unit::none) == 0.5);
  CHECK(parse_quantity("1E6", Unit::none) == 1e6);
  CHECK(parse_quantity("1E", Unit::none) == 1e18);
}

TEST_CASE("what is not a quantity is refused with an example") {
  const std::pair<const char*, Unit> bad[] = {
      {"", Unit::none},          {" ", Unit::none},      {"x", Unit::none},
      {"nan", Unit::none},       {"inf", Unit::none},    {"-inf", Unit::bytes},
      {"1e400", Unit::none},     {"1e-400", Unit::none}, {"1e99999999999", Unit::none},
      {"0x10", Unit::none},      {"1_000", Unit::none},  {"1,5", Unit::none},
      {"1.2.3", Unit::none},     {"--1", Unit::none},    {"1e", Unit::seconds},
      {"16GB", Unit::seconds},   {"9us", Unit::bytes},   {"25GB", Unit::bytes_per_s},
      {"16gib", Unit::bytes},    {"5m", Unit::seconds},  {"5  s", Unit::seconds},
      {"5s ", Unit::seconds},    {" 5s", Unit::seconds}, {"3%", Unit::none},
      {"1GiFLOPS", Unit::flops}, {".", Unit::none},      {"1e308PiB", Unit::bytes}};
  for (const auto& [text, unit] : bad) {
    INFO("'" << text << "'");
    try {
      parse_quantity(text, unit);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::config);
      CHECK(error.fix().find("write for example") == 0);
    }
  }
}

TEST_CASE("quantities are written in their shortest form") {
  CHECK(format_quantity(17179869184.0, Unit::bytes) == "16GiB");
  CHECK(format_quantity(1000, Unit::bytes) == "1kB");
  CHECK(format_quantity(256, Unit::bytes) == "256B");
  CHECK(format_quantity(0, Unit::bytes) == "0B");
  CHECK(format_quantity(25e9, Unit::bytes_per_s) == "25GB/s");
  CHECK(format_quantity(9e-6, Unit::seconds) == "9us");
  CHECK(format_quantity(0, Unit::seconds) == "0s");
  CHECK(format_quantity(30, Unit::seconds) == "30s");
  CHECK(format_quantity(1e6, Unit::seconds) == "1000000s");
  CHECK(format_quantity(19.5e12, Unit::flops) == "19.5TFLOPS");
  CHECK(format_quantity(0.02, Unit::fraction) == "2%");
  CHECK(format_quantity(0.8, Unit::fraction) == "0.8");
  CHECK(format_quantity(0.1, Unit::none) == "0.1");
  CHECK(format_quantity(-2.5, Unit::none) == "-2.5");
  CHECK(format_quantity(1e-20, Unit::none) == "1e-20");
}

TEST_CASE("what is written reads back to the same number") {
  allot::base::Rng rng(5);
  for (int i = 0; i < 12'000; ++i) {
    // Every other number takes its bits at random, so that all magnitudes occur; the rest are whole.
    const uint64_t bits = uint64_t{rng.next_u32()} << 32 | rng.next_u32();
    double value = static_cast<double>(bits >> (11 + bits % 50));
    if (i % 2) std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const auto unit = static_cast<Unit>(i % 6);
    const std::string text = format_quantity(value, unit);
    INFO(text);
    REQUIRE(parse_quantity(text, unit) == value);
    REQUIRE(text.size() <= 30);
  }
}

TEST_CASE("figures for people have three digits") {
  CHECK(human_time(1.5e-3) == "1.50 ms");
  CHECK(human_time(0.9999e-3) == "1.00 ms");
  CHECK(human_time(12.34e-6) == "12.3 us");
  CHECK(human_time(5e-12) == "5 ps");
  CHECK(human_time(0) == "0 s");
  CHECK(human_time(59.4) == "59.4 s");
  CHECK(human_time(150) == "2.50 min");
  CHECK(human_time(86400) == "24.0 h");
  CHECK(human_time(-1.5e-3) == "-1.50 ms");
  CHECK(human_bytes(12.34 * 0x1p30) == "12.3 GiB");
  CHECK(human_bytes(512) == "512 B");
  CHECK(human_bytes(1023.9) == "1.00 KiB");
  CHECK(human_count(4089184256.0) == "4.09 G");
  CHECK(human_count(4089184256.0, "FLOP") == "4.09 GFLOP");
  CHECK(human_count(123) == "123");
  CHECK(human_count(123, "FLOP") == "123 FLOP");
  CHECK(human_count(999.6e3) == "1.00 M");
}
