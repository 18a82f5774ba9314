// SPDX-License-Identifier: Apache-2.0
#include "config/yaml.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"

namespace allot::config {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

constexpr size_t kMaxListed = 10;  // of unknown keys; the rest is counted

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "";
}

}  // namespace

std::string Node::where() const {
  return path_ ? fmt::format("{}:{}", printable(*path_), std::max(line_, 1)) : std::string();
}

void Node::fail(std::string_view what, std::string_view fix) const {
  const std::string message = label_.empty() ? std::string(what) : fmt::format("{}: {}", printable(label_, 80), what);
  throw Error(ErrorKind::config, where(), message, fix);
}

const std::string& Node::text() const {
  if (!is_scalar()) fail(fmt::format("expects a single value, not {}", kind_name(kind_)));
  return scalar_;
}

bool Node::boolean() const {
  if (text() != "true" && text() != "false")
    fail(fmt::format("'{}' is not a switch", printable(scalar_, 60)), "write true or false");
  return scalar_ == "true";
}

int64_t Node::integer(int64_t min, int64_t max) const {
  try {
    return parse_integer(text(), min, max);
  } catch (const Error& error) {
    if (!is_scalar()) throw;
    fail(error.message(), error.fix());
  }
}

double Node::quantity(Unit unit, double min, double max) const {
  try {
    return parse_quantity(text(), unit, min, max);
  } catch (const Error& error) {
    if (!is_scalar()) throw;
    fail(error.message(), error.fix());
  }
}

const std::vector<Node>& Node::items() const {
  if (!is_sequence()) fail(fmt::format("expects a list, not {}", kind_name(kind_)), "write [a, b] or lines with '- '");
  return items_;
}

const std::vector<std::pair<std::string, Node>>& Node::entries() const {
  if (!is_map()) fail(fmt::format("expects a map, not {}", kind_name(kind_)), "write 'key: value' lines");
  return entries_;
}

const Node* Node::find(std::string_view key) const {
  for (const auto& [name, value] : entries())
    if (name == key) return &value;
  return nullptr;
}

const Node& Node::at(std::string_view key) const {
  if (const Node* node = find(key)) return *node;
  fail(fmt::format("'{}' is missing", key), fmt::format("add {}: ...", key));
}

void Node::require_keys(const std::vector<std::string>& known) const {
  UnknownKeys unknown;
  unknown.check(*this, known);
  unknown.report();
}

void UnknownKeys::check(const Node& map, const std::vector<std::string>& known) {
  for (const auto& [key, value] : map.entries())
    if (std::find(known.begin(), known.end(), key) == known.end()) add(value, key, known);
}

void UnknownKeys::add(const Node& value, std::string_view key, const std::vector<std::string>& known) {
  if (++count_ > kMaxListed) return;
  if (count_ == 1) {
    first_key_ = printable(key, 80);
    first_where_ = fmt::format("{}:{}", value.path_ ? printable(*value.path_) : "", value.key_line_);
    first_fix_ = base::suggestion(key, known);
  }
  const std::string nearest = base::nearest(key, known);
  listed_ += fmt::format("{}'{}'{}{}", count_ == 1 ? "" : ", ", printable(key, 80),
                         count_ == 1 ? "" : fmt::format(" in line {}", value.key_line_),
                         nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest));
}

void UnknownKeys::report() const {
  if (count_ == 0) return;
  if (count_ == 1)
    throw Error(ErrorKind::config, first_where_, fmt::format("unknown key '{}'", first_key_), first_fix_);
  const std::string more = count_ > kMaxListed ? fmt::format(" and {} more", count_ - kMaxListed) : "";
  throw Error(ErrorKind::config, first_where_, "unknown keys " + listed_ + more, "correct or remove them");
}

std::string yaml_scalar(std::string_view text) {
  if (base::find_invalid_utf8(text) != text.npos)
    throw Error(ErrorKind::usage, fmt::format("'{}'", printable(text)), "is not UTF-8 and cannot be stored as YAML",
                "use a name in UTF-8");
  // Plain only where every reader agrees: letters, digits and what numbers with units and paths are made of.
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '/' || c == '+' || c == '%' || c == '-';
  };
  const bool plain = !text.empty() && text != "null" && text != "Null" && text != "NULL" && text.front() != '%' &&
                     text.front() != '-' && std::all_of(text.begin(), text.end(), is_plain);
  const bool negative = text.size() > 1 && text[0] == '-' && text[1] >= '0' && text[1] <= '9' &&
                        std::all_of(text.begin(), text.end(), is_plain);
  if (plain || negative) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      quoted += {'\\', c};
    else if (byte < 0x20 || byte == 0x7F)
      quoted += fmt::format("\\x{:02x}", byte);
    else
      quoted += c;
  }
  return quoted + "\"";
}

}  // namespace allot::config
