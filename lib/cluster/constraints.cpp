// SPDX-License-Identifier: Apache-2.0
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 with sanitizers takes the moved-from union in its own <regex> for uninitialized.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "cluster/constraints.h"

#include <regex>

#include <fmt/format.h>

#include "base/error.h"
#include "config/yaml.h"

namespace allot::cluster {

using base::printable;
using config::Node;

struct NamePattern::Compiled {
  std::regex regex;
};

NamePattern::NamePattern(const std::string& pattern) {
  // The compiler recurses into parentheses, so their number must be bounded.
  constexpr size_t kMaxLength = 1000;
  if (pattern.size() > kMaxLength)
    throw base::Error(base::ErrorKind::config, "", fmt::format("an expression is {} bytes long", pattern.size()),
                      "use at most 1000");
  try {
    // Breadth first: backtracking can take exponential time, and takes a stack frame a character of the name.
    constexpr auto kFlags = std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial;
    compiled_ = std::make_shared<const Compiled>(Compiled{std::regex(pattern, kFlags)});
  } catch (const std::regex_error& error) {
    const bool backreference = error.code() == std::regex_constants::error_complexity;
    throw base::Error(base::ErrorKind::config, "",
                      fmt::format("'{}' is not a regular expression{}", printable(pattern, 60),
                                  backreference ? ": it refers back to a group" : ""),
                      "escape special characters with \\");
  }
}

bool NamePattern::found_in(std::string_view name) const {
  name = name.substr(0, kMaxNameBytes);
  return std::regex_search(name.begin(), name.end(), compiled_->regex);
}

namespace {

std::string pattern_of(const Node& node) {
  try {
    const NamePattern valid(node.text());
  } catch (const base::Error& error) {
    if (!node.is_scalar()) throw;
    node.fail(error.message(), error.fix());
  }
  return node.text();
}

std::vector<std::string> texts_of(const Node& list, std::string (*read)(const Node&)) {
  std::vector<std::string> texts;
  for (const Node& item : list.items()) texts.push_back(read(item));
  if (texts.empty()) list.fail("is empty", "list at least one or remove it");
  return texts;
}

void check_keys(const Node& document) {
  config::UnknownKeys unknown;
  unknown.check(document, {"schema", "pin", "deny", "colocate"});
  if (const Node* pins = document.find("pin"))
    for (const Node& rule : pins->items()) unknown.check(rule, {"match", "device"});
  if (const Node* denials = document.find("deny"))
    for (const Node& rule : denials->items()) unknown.check(rule, {"match", "devices"});
  unknown.report();
}

}  // namespace

Constraints load_constraints(const std::string& path) {
  const Node document = config::load_yaml(path);
  const Node* schema = document.is_map() ? document.find("schema") : nullptr;
  if (!schema || schema->text() != "allot.constraints/1")
    document.fail("is not a constraints file", "begin it with schema: allot.constraints/1");
  check_keys(document);
  Constraints constraints;
  const auto plain = [](const Node& node) { return node.text(); };
  if (const Node* pins = document.find("pin"))
    for (const Node& rule : pins->items())
      constraints.pin.push_back({pattern_of(rule.at("match")), {rule.at("device").text()}});
  if (const Node* denials = document.find("deny"))
    for (const Node& rule : denials->items())
      constraints.deny.push_back({pattern_of(rule.at("match")), texts_of(rule.at("devices"), plain)});
  if (const Node* groups = document.find("colocate"))
    for (const Node& group : groups->items()) constraints.colocate.push_back(texts_of(group, pattern_of));
  return constraints;
}

}  // namespace allot::cluster
