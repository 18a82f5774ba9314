// SPDX-License-Identifier: Apache-2.0
#include "base/json_object.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace allot::base {
namespace {

using nlohmann::json;

std::string child(const std::string& pointer, std::string_view key) {
  std::string out = pointer + "/";
  for (const char c : key) c == '~' ? out += "~0" : c == '/' ? out += "~1" : out += c;
  return out;
}

// The functions below walk over valid JSON text without building anything.

size_t skip_space(std::string_view text, size_t at) {
  return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

size_t string_end(std::string_view text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

size_t value_end(std::string_view text, size_t at) {
  size_t depth = 0;
  do {
    const char c = text[at];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    at = c == '"' ? string_end(text, at) : at + 1;
  } while (at < text.size() && (depth > 0 || std::string_view(",:]} \t\r\n").find(text[at]) == std::string_view::npos));
  return std::min(at, text.size());
}

// Where the value of member `step` of the container at `at` begins; npos if there is none.
size_t member(std::string_view text, size_t at, const std::string& step) {
  if (at >= text.size() || (text[at] != '{' && text[at] != '[')) return text.npos;
  const bool is_object = text[at] == '{';
  const std::string key = json_quote(step);
  at = skip_space(text, at + 1);
  for (size_t index = 0; at < text.size() && text[at] != '}' && text[at] != ']'; ++index) {
    bool found = !is_object && std::to_string(index) == step;
    if (is_object) {
      const size_t end = value_end(text, at);
      found = text.substr(at, end - at) == key;
      at = skip_space(text, skip_space(text, end) + 1);
    }
    if (found) return at;
    at = skip_space(text, value_end(text, at));
    if (at < text.size() && text[at] == ',') at = skip_space(text, at + 1);
  }
  return text.npos;
}

[[noreturn]] void malformed(const JsonSource& source, const std::string& pointer, std::string_view what,
                            std::string_view fix = {}) {
  throw Error(ErrorKind::malformed, fmt::format("{}:{}", printable(source.path), line_of(source.text, pointer)), what,
              fix);
}

}  // namespace

size_t line_of(std::string_view text, std::string_view pointer) {
  size_t at = skip_space(text, 0);
  while (!pointer.empty()) {
    const size_t length = std::min(pointer.find('/', 1), pointer.size());
    std::string step;
    for (size_t i = 1; i < length; ++i) step += pointer[i] != '~' ? pointer[i] : pointer[++i] == '1' ? '/' : '~';
    pointer.remove_prefix(length);
    const size_t inner = member(text, at, step);
    if (inner == text.npos) break;
    at = inner;
  }
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
}

JsonObject::JsonObject(const JsonSource& source, const json& value, std::string pointer)
    : source_(&source), value_(&value), pointer_(std::move(pointer)) {
  if (!value.is_object())
    malformed(source, pointer_, (pointer_.empty() ? "the document" : printable(pointer_)) + " must be an object");
}

JsonObject::JsonObject(const JsonSource& source, const json& value, std::string pointer, Keys keys, Keys optional)
    : JsonObject(source, value, std::move(pointer)) {
  const auto here = [&](const char* key) { return value.contains(key); };
  const auto missing = std::find_if_not(keys.begin(), keys.end(), here);
  const auto more = static_cast<size_t>(std::count_if(optional.begin(), optional.end(), here));
  if (missing == keys.end() && value.size() == keys.size() + more) return;
  // An unknown key first: next to a missing one it is a misspelling, and the remedy says so.
  std::vector<std::string> known(keys.begin(), keys.end());
  known.insert(known.end(), optional.begin(), optional.end());
  for (const auto& [key, unused] : value.items())
    if (std::find(known.begin(), known.end(), key) == known.end()) fail(key, "is unknown", suggestion(key, known));
  fail(*missing, "is missing", source.remedy);
}

bool JsonObject::has(std::string_view key) const { return value_->contains(key); }

void JsonObject::fail(std::string_view key, std::string_view what, std::string_view fix) const {
  const std::string pointer = child(pointer_, key);
  malformed(*source_, pointer, fmt::format("key {} {}", printable(pointer), what), fix);
}

std::string JsonObject::text(std::string_view key) const {
  const json& value = value_->at(key);
  if (!value.is_string()) fail(key, "must be text");
  return value.get<std::string>();
}

bool JsonObject::truth(std::string_view key) const {
  const json& value = value_->at(key);
  if (!value.is_boolean()) fail(key, "must be true or false");
  return value.get<bool>();
}

double JsonObject::number(std::string_view key) const {
  const json& value = value_->at(key);
  if (!value.is_number()) fail(key, "must be a number");
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < 0) fail(key, "must be a finite number >= 0");
  return number;
}

int64_t JsonObject::integer(std::string_view key, int64_t min, int64_t max) const {
  return integer(value_->at(key), key, min, max);
}

int64_t JsonObject::integer(const json& value, std::string_view key, int64_t min, int64_t max) const {
  if (!value.is_number_integer()) fail(key, "must be a whole number");
  const bool too_large = value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  if (too_large || value.get<int64_t>() < min || value.get<int64_t>() > max)
    fail(key, fmt::format("must be in [{}, {}]", min, max));
  return value.get<int64_t>();
}

uint64_t JsonObject::natural(std::string_view key) const {
  const json& value = value_->at(key);
  if (!value.is_number_unsigned()) fail(key, "must be a whole number >= 0");
  return value.get<uint64_t>();
}

const json& JsonObject::array(std::string_view key) const {
  const json& value = value_->at(key);
  if (!value.is_array()) fail(key, "must be a list");
  return value;
}

std::vector<std::string> JsonObject::texts(std::string_view key) const {
  std::vector<std::string> out;
  for (const json& item : array(key)) {
    if (!item.is_string()) fail(key, "must be a list of texts");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<double> JsonObject::list_of_numbers(std::string_view key) const {
  std::vector<double> out;
  for (const json& item : array(key)) {
    if (!item.is_number() || !std::isfinite(item.get<double>())) fail(key, "must be a list of numbers");
    out.push_back(item.get<double>());
  }
  return out;
}

std::vector<int64_t> JsonObject::list_of_integers(std::string_view key, int64_t min, int64_t max) const {
  std::vector<int64_t> out;
  for (const json& item : array(key)) out.push_back(integer(item, key, min, max));
  return out;
}

std::map<std::string, double> JsonObject::numbers(std::string_view key) const {
  const JsonObject inner(*source_, value_->at(key), child(pointer_, key));
  std::map<std::string, double> out;
  for (const auto& [name, unused] : inner.value_->items()) out[name] = inner.number(name);
  return out;
}

std::map<std::string, int64_t> JsonObject::integers(std::string_view key) const {
  const JsonObject inner(*source_, value_->at(key), child(pointer_, key));
  std::map<std::string, int64_t> out;
  for (const auto& [name, unused] : inner.value_->items()) out[name] = inner.integer(name);
  return out;
}

JsonObject JsonObject::object(std::string_view key, Keys keys, Keys optional) const {
  return JsonObject(*source_, value_->at(key), child(pointer_, key), keys, optional);
}

void JsonObject::for_each(std::string_view key, Keys keys, Keys optional,
                          const std::function<void(const JsonObject&)>& visit) const {
  const std::string list = child(pointer_, key) + "/";
  size_t index = 0;
  for (const json& item : array(key)) visit(JsonObject(*source_, item, list + std::to_string(index++), keys, optional));
}

}  // namespace allot::base
