// SPDX-License-Identifier: Apache-2.0
// JSON out, streamed; JSON in through nlohmann/json with errors that name file and key.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace allot::base {

/// Builds JSON text in one pass. Numbers round-trip; non-finite ones become null; foreign bytes that are not
/// UTF-8 become U+FFFD. Objects and arrays opened with `compact` stay on one line.
class JsonWriter {
 public:
  /// indent 0: everything on one line.
  explicit JsonWriter(int indent = 2) : indent_(indent) {}

  JsonWriter& begin_object(bool compact = false) { return open('{', compact); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array(bool compact = false) { return open('[', compact); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(double number);
  JsonWriter& value(bool truth);
  JsonWriter& null();
  template <std::integral I>
  JsonWriter& value(I number) {
    return integer(std::to_string(number));
  }
  template <typename T>
  JsonWriter& value(const std::vector<T>& items) {
    begin_array(true);
    for (const auto& item : items) value(item);
    return end_array();
  }
  template <typename T>
  JsonWriter& field(std::string_view name, const T& item) {
    key(name);
    return value(item);
  }

  /// The finished text, with a final newline. Call once, with everything closed.
  std::string str();

 private:
  struct Level {
    bool compact, empty;
  };
  JsonWriter& open(char bracket, bool compact);
  JsonWriter& close(char bracket);
  JsonWriter& integer(std::string_view digits);
  void before_item();
  void new_line();

  std::string text_;
  std::vector<Level> levels_;
  int indent_;
  bool after_key_ = false;
};

/// `text` as a JSON string literal with its quotes.
std::string json_quote(std::string_view text);

/// Parses a whole document. Errors: malformed with file, line and column; duplicate keys; nesting over 64.
nlohmann::json parse_json(std::string_view text, const std::string& path);

/// Throws malformed naming `path` and the line of the first key of `object` that is not among `known`.
void check_json_keys(const nlohmann::json& object, const std::vector<std::string>& known, std::string_view text,
                     const std::string& path, std::string_view inside);

}  // namespace allot::base
