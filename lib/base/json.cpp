// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace allot::base {

std::string json_quote(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void JsonWriter::new_line() {
  if (indent_ == 0) return;
  text_ += '\n';
  text_.append(levels_.size() * static_cast<size_t>(indent_), ' ');
}

void JsonWriter::before_item() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (levels_.empty()) return;
  if (!levels_.back().empty) text_ += levels_.back().compact && indent_ > 0 ? ", " : ",";
  levels_.back().empty = false;
  if (!levels_.back().compact) new_line();
}

JsonWriter& JsonWriter::open(char bracket, bool compact) {
  before_item();
  text_ += bracket;
  levels_.push_back({compact || (!levels_.empty() && levels_.back().compact), true});
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  const Level level = levels_.back();
  levels_.pop_back();
  if (!level.empty && !level.compact) new_line();
  text_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  before_item();
  text_ += json_quote(name);
  text_ += indent_ > 0 ? ": " : ":";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::integer(std::string_view digits) {
  before_item();
  text_ += digits;
  return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) { return integer(json_quote(text)); }
JsonWriter& JsonWriter::value(double number) {
  return std::isfinite(number) ? integer(fmt::format("{}", number)) : null();
}
JsonWriter& JsonWriter::value(bool truth) { return integer(truth ? "true" : "false"); }
JsonWriter& JsonWriter::null() { return integer("null"); }

std::string JsonWriter::str() {
  ALLOT_ASSERT(levels_.empty());
  text_ += '\n';
  return std::move(text_);
}

nlohmann::json parse_json(std::string_view text, const std::string& path) {
  constexpr int kMaxDepth = 64;
  // The callback sees every key with its depth: duplicates would otherwise pass in silence.
  std::vector<std::set<std::string>> keys;
  const auto callback = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (depth > kMaxDepth) throw Error(ErrorKind::malformed, printable(path), "JSON is nested more than 64 deep",
                                      "give a file that Allot or a profiler wrote");
    if (event == nlohmann::json::parse_event_t::object_start) {
      keys.resize(static_cast<size_t>(depth) + 1);
      keys[static_cast<size_t>(depth)].clear();
    } else if (event == nlohmann::json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (!keys[static_cast<size_t>(depth) - 1].insert(key).second)
        throw Error(ErrorKind::malformed, printable(path), fmt::format("key \"{}\" occurs twice", printable(key)),
                    "remove one of the two");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), callback);
  } catch (const nlohmann::json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    const auto line = 1 + std::count(text.begin(), end, '\n');
    std::string reason = error.what();
    if (const auto colon = reason.rfind(": "); colon != reason.npos) reason = reason.substr(colon + 2);
    throw Error(ErrorKind::malformed, fmt::format("{}:{}", printable(path), line),
                "is not valid JSON: " + printable(reason), "correct the syntax there");
  }
}

void check_json_keys(const nlohmann::json& object, const std::vector<std::string>& known, std::string_view text,
                     const std::string& path, std::string_view inside) {
  if (!object.is_object())
    throw Error(ErrorKind::malformed, printable(path), fmt::format("{} must be an object", inside));
  for (const auto& [key, unused] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto position = text.find(json_quote(key));
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(
                                                                      position == text.npos ? 0 : position), '\n');
    throw Error(ErrorKind::malformed, fmt::format("{}:{}", printable(path), line),
                fmt::format("unknown key \"{}\" in {}", printable(key), inside), suggestion(key, known));
  }
}

}  // namespace allot::base
