// SPDX-License-Identifier: Apache-2.0
// Strict reading of one JSON object: every key present, none unknown, every error with file, line and key.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace allot::base {

/// A JSON document's text, kept for the line numbers of errors.
struct JsonSource {
  std::string path, text;
  std::string remedy = {};  // for what is missing in it
};

/// One object of a parsed file. All errors are malformed and name the key by its JSON pointer (RFC 6901).
class JsonObject {
 public:
  using Keys = std::initializer_list<const char*>;

  /// `pointer` leads from the top to `value`. Errors: not an object, a key missing, a key not among `keys` and
  /// `optional`.
  JsonObject(const JsonSource& source, const nlohmann::json& value, std::string pointer, Keys keys, Keys optional = {});

  /// Tells which of the optional keys are there; the functions below are for keys that are.
  bool has(std::string_view key) const;
  std::string text(std::string_view key) const;
  bool truth(std::string_view key) const;
  /// A finite number >= 0.
  double number(std::string_view key) const;
  /// A whole number in [min, max].
  int64_t integer(std::string_view key, int64_t min = 0, int64_t max = INT64_MAX) const;
  uint64_t natural(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::vector<double> list_of_numbers(std::string_view key) const;
  /// Whole numbers in [min, max].
  std::vector<int64_t> list_of_integers(std::string_view key, int64_t min = 0, int64_t max = INT64_MAX) const;
  std::map<std::string, double> numbers(std::string_view key) const;
  std::map<std::string, int64_t> integers(std::string_view key) const;

  JsonObject object(std::string_view key, Keys keys, Keys optional = {}) const;
  /// Calls `visit` with each object of an array.
  void for_each(std::string_view key, Keys keys, const std::function<void(const JsonObject&)>& visit) const {
    for_each(key, keys, {}, visit);
  }
  void for_each(std::string_view key, Keys keys, Keys optional,
                const std::function<void(const JsonObject&)>& visit) const;

  /// Throws malformed about `key`.
  [[noreturn]] void fail(std::string_view key, std::string_view what, std::string_view fix = {}) const;

 private:
  // An object with names as keys.
  JsonObject(const JsonSource& source, const nlohmann::json& value, std::string pointer);
  const nlohmann::json& array(std::string_view key) const;
  int64_t integer(const nlohmann::json& value, std::string_view key, int64_t min, int64_t max) const;

  const JsonSource* source_;
  const nlohmann::json* value_;
  std::string pointer_;
};

/// The 1-based line where the value at `pointer` begins in the valid JSON `text`; of its deepest existing ancestor
/// if there is no such value.
size_t line_of(std::string_view text, std::string_view pointer);

}  // namespace allot::base
