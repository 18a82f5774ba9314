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
  // Nearly all text needs no escapes.
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return fmt::format("\"{}\"", text);
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

namespace {

// Builds the document and refuses what the library lets pass: duplicate keys and deep nesting. (Its callback parser
// could tell of them, too, but looks through a whole list after each object in it.)
class StrictBuilder : public nlohmann::detail::json_sax_dom_parser<nlohmann::json> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<nlohmann::json>;
  StrictBuilder(nlohmann::json& document, std::string_view text, const std::string& path)
      : Base(document), text_(text), path_(path) {}

  bool start_object(std::size_t size) { return enter() && Base::start_object(size); }
  bool end_object() { return leave() && Base::end_object(); }
  bool start_array(std::size_t size) { return enter() && Base::start_array(size); }
  bool end_array() { return leave() && Base::end_array(); }
  bool key(std::string& name) {
    if (!keys_[depth_ - 1].insert(name).second)
      throw Error(ErrorKind::malformed, printable(path_), fmt::format("key \"{}\" occurs twice", printable(name)),
                  "remove one of the two");
    return Base::key(name);
  }
  // Also called for a number that no double holds.
  [[noreturn]] bool parse_error(std::size_t byte, const std::string&, const nlohmann::detail::exception& error) {
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text_.size()));
    const auto line = 1 + std::count(text_.begin(), end, '\n');
    std::string reason = error.what();
    if (const auto tag = reason.find("] "); tag != reason.npos) reason = reason.substr(tag + 2);
    if (const auto colon = reason.rfind(": "); colon != reason.npos) reason = reason.substr(colon + 2);
    throw Error(ErrorKind::malformed, fmt::format("{}:{}", printable(path_), line),
                "is not valid JSON: " + printable(reason), "correct the syntax there");
  }

 private:
  bool enter() {
    constexpr size_t kMaxDepth = 64;
    if (depth_ == kMaxDepth)
      throw Error(ErrorKind::malformed, printable(path_), "JSON is nested more than 64 deep",
                  "give a file that Allot or a profiler wrote");
    if (keys_.size() == depth_) keys_.emplace_back();
    keys_[depth_++].clear();
    return true;
  }
  bool leave() { return --depth_, true; }

  std::string_view text_;
  const std::string& path_;
  std::vector<std::set<std::string>> keys_;  // of the object open at each depth
  size_t depth_ = 0;
};

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& path) {
  nlohmann::json document;
  StrictBuilder builder(document, text, path);
  nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return document;
}

void check_json_keys(const nlohmann::json& object, const std::vector<std::string>& known, std::string_view text,
                     const std::string& path, std::string_view inside) {
  if (!object.is_object())
    throw Error(ErrorKind::malformed, printable(path), fmt::format("{} must be an object", inside));
  for (const auto& [key, unused] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const auto position = text.find(json_quote(key));
    const auto line =
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(position == text.npos ? 0 : position),
                       '\n');
    throw Error(ErrorKind::malformed, fmt::format("{}:{}", printable(path), line),
                fmt::format("unknown key \"{}\" in {}", printable(key), inside), suggestion(key, known));
  }
}

}  // namespace allot::base
