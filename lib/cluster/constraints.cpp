// SPDX-License-Identifier: Apache-2.0
#include "cluster/constraints.h"

#include "base/error.h"
#include "base/name_pattern.h"
#include "config/yaml.h"

namespace allot::cluster {

using config::Node;

namespace {

std::string pattern_of(const Node& node) {
  try {
    const base::NamePattern valid(node.text());
  } catch (const base::Error& error) {
    if (!node.is_scalar()) throw;
    node.fail(error.where() + " is " + error.message(), error.fix());
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
