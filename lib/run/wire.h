// SPDX-License-Identifier: Apache-2.0
// Values and messages as bytes, for devices in other processes.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "exec/value.h"

namespace allot::run {

/// Appends numbers and values; reads them back in the same order.
class WireWriter {
 public:
  template <typename Number>
  void number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view text);
  void value(const exec::Value& value);
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Errors of all: malformed for bytes that end early or make no sense.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}
  template <typename Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text();
  /// Tensors are on the processor; whether they ask for gradients is kept.
  exec::Value value(int nesting = 0);

 private:
  std::string_view take(size_t count);
  std::string_view bytes_;
};

}  // namespace allot::run
