// SPDX-License-Identifier: Apache-2.0
// Messages between ranks as bytes.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace allot::dist {

/// Appends numbers, text and errors; a WireReader reads them back in the same order.
class WireWriter {
 public:
  template <typename Number>
  void number(Number value) {
    static_assert(std::is_trivially_copyable_v<Number>);
    bytes(&value, sizeof value);
  }
  void bytes(const void* data, size_t count) { bytes_.append(static_cast<const char*>(data), count); }
  void text(std::string_view text);
  void error(const base::Error& error);
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Errors of all: malformed for bytes that end early or make no sense.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  template <typename Number>
  Number number() {
    static_assert(std::is_trivially_copyable_v<Number>);
    Number value;
    std::memcpy(&value, bytes(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view bytes(size_t count);
  std::string text();
  base::Error error();
  bool at_end() const { return rest_.empty(); }
  [[noreturn]] static void damaged();

 private:
  std::string_view rest_;
};

}  // namespace allot::dist
