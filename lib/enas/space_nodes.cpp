// SPDX-License-Identifier: Apache-2.0
#include "enas/space_nodes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

#include <fmt/ranges.h>

#include "base/error.h"
#include "config/units.h"
#include "enas/constraint.h"
#include "enas/space_file.h"

namespace allot::enas {
namespace {

constexpr int64_t kMost = int64_t{1} << 31;
constexpr const char* kConstraintsKey = "allot.nas.constraints";  // of the model: one a line
constexpr int64_t kMetadataIr = 10;                               // the first IR version whose nodes have metadata

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::string place_list(const std::vector<uint32_t>& places) { return fmt::format("{}", fmt::join(places, ",")); }

/// The keys of one node.
class Keys {
 public:
  explicit Keys(const ir::Node& node) : where_(fmt::format("node '{}'", base::printable(node.name))) {
    for (const ir::Entry& entry : node.metadata)
      if (entry.key.starts_with(kKeyPrefix))
        values_.emplace(entry.key.substr(kKeyPrefix.size()), std::string(entry.value));
    static const std::vector<std::string> kKnown = {"var",   "kind",  "labels",   "k",      "repeats", "min",
                                                    "max",   "vocab", "anchors",  "anchor", "rho",     "klw",
                                                    "order", "alts",  "required", "of",     "ends",    "slice"};
    for (const auto& [key, value] : values_)
      if (std::find(kKnown.begin(), kKnown.end(), key) == kKnown.end())
        fail(key, "is no key of search spaces", base::suggestion(key, kKnown));
  }

  bool any() const { return !values_.empty(); }
  bool has(const std::string& key) const { return values_.contains(key); }
  std::string text(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? "" : found->second;
  }
  int64_t integer(const std::string& key) const {
    try {
      return config::parse_integer(text(key), 0, kMost);
    } catch (const base::Error& error) {
      fail(key, error.message(), error.fix());
    }
  }
  double number(const std::string& key, double low, double high) const {
    try {
      return config::parse_quantity(text(key), config::Unit::none, low, high);
    } catch (const base::Error& error) {
      fail(key, error.message(), error.fix());
    }
  }
  std::vector<uint32_t> places(const std::string& key, const std::string& list) const {
    std::vector<uint32_t> result;
    for (const std::string& part : split(list, ',')) {
      uint32_t place = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), place);
      if (error != std::errc() || end != part.data() + part.size())
        fail(key, fmt::format("'{}' is no input", base::printable(part)), "write numbers, as in 0;1,2");
      result.push_back(place);
    }
    return result;
  }
  [[noreturn]] void fail(std::string_view key, std::string_view what, std::string_view remedy) const {
    throw base::Error(base::ErrorKind::config, fmt::format("{}: {}{}", where_, kKeyPrefix, base::printable(key)), what,
                      remedy);
  }
  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::map<std::string, std::string> values_;
};

Variable variable_of(const Keys& keys) {
  Variable variable;
  variable.name = keys.text("var");
  const std::string kind = keys.has("kind") ? keys.text("kind") : "one_of";
  if (kind == "subset")
    variable.kind = Kind::subset;
  else if (kind == "k_of")
    variable.kind = Kind::k_of;
  else if (kind != "one_of")
    keys.fail("kind", "is no kind of variable", "write one_of, subset, k_of or, without var, loose_ends");
  variable.labels = split(keys.text("labels"), ',');
  variable.anchors = split(keys.text("anchors"), ',');
  variable.anchor = keys.text("anchor");
  variable.vocabulary = keys.text("vocab");
  variable.repeats = keys.text("repeats") == "true";
  variable.least = variable.kind == Kind::one_of ? 1 : 0;
  variable.most = variable.kind == Kind::one_of ? 1 : static_cast<int64_t>(variable.size());
  if (keys.has("k")) variable.least = variable.most = keys.integer("k");
  if (keys.has("min")) variable.least = keys.integer("min");
  if (keys.has("max")) variable.most = keys.integer("max");
  if (keys.has("rho")) variable.prior = keys.number("rho", 1e-6, 1 - 1e-6);
  if (keys.has("klw")) variable.prior_weight = keys.number("klw", 0, 1e6);
  check_variable(variable, keys.where());
  return variable;
}

Binding binding_of(const ir::Node& node, const Keys& keys) {
  Binding binding;
  binding.node = std::string(node.name);
  binding.variable = keys.text("var");
  binding.of = split(keys.text("of"), ',');
  binding.anchors = split(keys.text("ends"), ',');
  for (const std::string& list : split(keys.text("alts"), ';'))
    binding.alternatives.push_back(keys.places("alts", list));
  binding.required = keys.places("required", keys.text("required"));
  for (const std::string& text : split(keys.text("slice"), ';')) {
    const auto parts = split(text, ':');
    if (parts.size() < 3) keys.fail("slice", "is no slice", "write tensor:axis:block");
    Slice slice;
    slice.block = config::parse_integer(parts[parts.size() - 1], 1, kMost);
    slice.axis = config::parse_integer(parts[parts.size() - 2], 0, 63);
    slice.tensor = text.substr(0, text.size() - parts[parts.size() - 1].size() - parts[parts.size() - 2].size() - 2);
    binding.slices.push_back(std::move(slice));
  }
  return binding;
}

template <typename Visit>
void visit_nodes(const ir::Graph& graph, const Visit& visit) {
  for (const ir::Node& node : graph.nodes) {
    visit(node);
    for (const ir::Attribute& attribute : node.attributes)
      for (const auto& body : attribute.graphs) visit_nodes(*body, visit);
  }
}

ir::Node* find_node(ir::Graph& graph, std::string_view name) {
  for (ir::Node& node : graph.nodes) {
    if (node.name == name) return &node;
    for (ir::Attribute& attribute : node.attributes)
      for (auto& body : attribute.graphs)
        if (ir::Node* found = find_node(*body, name)) return found;
  }
  return nullptr;
}

}  // namespace

std::optional<Space> space_of_nodes(const ir::Model& model) {
  Space space;
  std::vector<int64_t> order;
  std::vector<std::string> where;
  visit_nodes(model.graph, [&](const ir::Node& node) {
    const Keys keys(node);
    if (!keys.any()) return;
    if (keys.has("var") && keys.has("labels")) {
      Variable variable = variable_of(keys);
      if (space.find(variable.name)) keys.fail("labels", "are told twice for one variable", "tell them at one node");
      order.push_back(keys.has("order") ? keys.integer("order") : static_cast<int64_t>(order.size()));
      space.variables.push_back(std::move(variable));
    }
    space.bindings.push_back(binding_of(node, keys));
    where.push_back(keys.where());
  });
  if (space.bindings.empty()) return std::nullopt;
  for (size_t b = 0; b < space.bindings.size(); ++b) {
    Binding& binding = space.bindings[b];
    std::vector<std::string> named = binding.of;
    if (!binding.loose_ends()) named.push_back(binding.variable);
    for (const std::string& name : named)
      if (!space.find(name))
        throw base::Error(base::ErrorKind::config, where[b],
                          fmt::format("variable '{}' is nowhere described", base::printable(name)),
                          "give one of its nodes the key allot.nas.labels");
    const size_t count =
        binding.loose_ends() ? binding.anchors.size() : space.variables[*space.find(binding.variable)].size();
    if (binding.alternatives.empty())
      for (uint32_t i = 0; i < count; ++i) binding.alternatives.push_back({i});
    if (binding.alternatives.size() != count)
      throw base::Error(base::ErrorKind::config, where[b], "lists another number of alternatives than are chosen from",
                        "list the inputs of every alternative in allot.nas.alts");
  }
  std::vector<size_t> by_order(order.size());
  for (size_t i = 0; i < by_order.size(); ++i) by_order[i] = i;
  std::stable_sort(by_order.begin(), by_order.end(), [&](size_t a, size_t b) { return order[a] < order[b]; });
  std::vector<Variable> sorted;
  for (const size_t i : by_order) sorted.push_back(std::move(space.variables[i]));
  space.variables = std::move(sorted);
  if (const auto constraints = model.metadata_value(kConstraintsKey))
    for (const std::string& text : split(*constraints, '\n'))
      space.constraints.push_back(parse_constraint(text, space.variables, kConstraintsKey));
  return space;
}

void annotate_nodes(ir::Model& model, const Space& space) {
  std::vector<std::string> constraints;
  for (const Constraint& constraint : space.constraints) constraints.push_back(constraint.text);
  if (!constraints.empty())
    model.metadata.push_back({kConstraintsKey, model.intern(fmt::format("{}", fmt::join(constraints, "\n"))), {}});
  if (model.ir_version < kMetadataIr) {
    model.ir_version = kMetadataIr;
    model.edited = true;
  }
  std::vector<char> described(space.variables.size(), false);
  for (const Binding& binding : space.bindings) {
    ir::Node* node = find_node(model.graph, binding.node);
    if (!node)
      throw base::Error(base::ErrorKind::malformed, fmt::format("node '{}'", base::printable(binding.node)),
                        "is bound, and the model has no such node", "name a node of the model");
    const auto set = [&](const char* key, const std::string& value) {
      node->metadata.push_back({model.intern(fmt::format("{}{}", kKeyPrefix, key)), model.intern(value), {}});
    };
    std::vector<std::string> alternatives, slices;
    for (const auto& each : binding.alternatives) alternatives.push_back(place_list(each));
    for (const Slice& slice : binding.slices)
      slices.push_back(fmt::format("{}:{}:{}", slice.tensor, slice.axis, slice.block));
    set("alts", fmt::format("{}", fmt::join(alternatives, ";")));
    if (!binding.required.empty()) set("required", place_list(binding.required));
    if (!slices.empty()) set("slice", fmt::format("{}", fmt::join(slices, ";")));
    if (binding.loose_ends()) {
      set("of", fmt::format("{}", fmt::join(binding.of, ",")));
      set("ends", fmt::format("{}", fmt::join(binding.anchors, ",")));
      continue;
    }
    set("var", binding.variable);
    const size_t v = *space.find(binding.variable);
    if (std::exchange(described[v], true)) continue;
    const Variable& variable = space.variables[v];
    set("order", std::to_string(v));
    set("kind", name_of(variable.kind));
    set("labels", fmt::format("{}", fmt::join(variable.labels, ",")));
    if (variable.kind == Kind::k_of) set("k", std::to_string(variable.most));
    if (variable.repeats) set("repeats", "true");
    if (variable.kind == Kind::subset) set("min", std::to_string(variable.least));
    if (variable.kind == Kind::subset) set("max", std::to_string(variable.most));
    if (!variable.vocabulary.empty()) set("vocab", variable.vocabulary);
    if (!variable.anchors.empty()) set("anchors", fmt::format("{}", fmt::join(variable.anchors, ",")));
    if (!variable.anchor.empty()) set("anchor", variable.anchor);
    if (variable.prior_weight > 0) {
      set("rho", fmt::format("{}", variable.prior));
      set("klw", fmt::format("{}", variable.prior_weight));
    }
  }
}

}  // namespace allot::enas
