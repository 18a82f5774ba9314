// SPDX-License-Identifier: Apache-2.0
#include "enas/space_file.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "enas/constraint.h"
#include "enas/space_nodes.h"

namespace allot::enas {
namespace {

using config::Node;

constexpr int64_t kMost = int64_t{1} << 31;

std::vector<std::string> texts(const Node* node) {
  std::vector<std::string> list;
  if (!node) return list;
  for (const Node& item : node->items()) list.push_back(item.text());
  return list;
}

std::vector<uint32_t> places(const Node& node) {
  std::vector<uint32_t> list;
  for (const Node& item : node.items()) list.push_back(static_cast<uint32_t>(item.integer(0, kMost)));
  return list;
}

std::string text_or(const Node& map, const char* key, const char* otherwise = "") {
  const Node* found = map.find(key);
  return found ? found->text() : otherwise;
}

Kind kind_of(const Node& node) {
  for (const Kind kind : {Kind::one_of, Kind::subset, Kind::k_of})
    if (node.text() == name_of(kind)) return kind;
  node.fail("is no kind of variable", "write one_of, subset or k_of");
}

Variable parse_variable(const Node& node) {
  Variable variable;
  variable.name = node.at("name").text();
  if (variable.name.empty() || variable.name.find_first_of(" =+") != std::string::npos)
    node.at("name").fail("is no name of a variable", "use no space, '=' or '+'");
  if (const Node* kind = node.find("kind")) variable.kind = kind_of(*kind);
  variable.labels = texts(&node.at("labels"));
  for (const std::string& label : variable.labels)
    if (label.empty() || label.find_first_of(" =+") != std::string::npos)
      node.at("labels").fail("has a label that is no name", "use no space, '=' or '+'");
  variable.vocabulary = text_or(node, "vocab");
  variable.anchors = texts(node.find("anchors"));
  variable.anchor = text_or(node, "anchor");
  if (const Node* prior = node.find("rho")) variable.prior = prior->quantity(config::Unit::none, 1e-6, 1 - 1e-6);
  if (const Node* weight = node.find("klw")) variable.prior_weight = weight->quantity(config::Unit::none, 0, 1e6);
  if (const Node* repeats = node.find("repeats")) variable.repeats = repeats->boolean();
  const auto most = static_cast<int64_t>(variable.size());
  variable.least = variable.kind == Kind::one_of ? 1 : 0;
  variable.most = variable.kind == Kind::one_of ? 1 : most;
  if (const Node* k = node.find("k")) variable.least = variable.most = k->integer(1, kMost);
  if (const Node* least = node.find("min")) variable.least = least->integer(0, kMost);
  if (const Node* given = node.find("max")) variable.most = given->integer(0, kMost);
  if (variable.kind == Kind::k_of && !node.find("k")) node.fail("is of kind k_of and has no k", "say how many: k");
  check_variable(variable, node.where());
  return variable;
}

Slice parse_slice(const Node& node) {
  return {node.at("init").text(), node.at("axis").integer(0, 63), node.at("block").integer(1, kMost)};
}

Binding parse_binding(const Node& node, const Space& space) {
  Binding binding;
  binding.node = node.at("node").text();
  binding.of = texts(node.find("of"));
  binding.anchors = texts(node.find("anchors"));
  const bool loose = text_or(node, "kind") == "loose_ends";
  if (node.find("kind") && !loose) node.at("kind").fail("is no kind of binding", "write loose_ends, or leave it out");
  size_t alternatives = binding.anchors.size();
  if (!loose) {
    binding.variable = node.at("var").text();
    const auto variable = space.find(binding.variable);
    if (!variable) node.at("var").fail("names no variable", "list it under vars");
    alternatives = space.variables[*variable].size();
  } else {
    for (const std::string& name : binding.of)
      if (!space.find(name)) node.at("of").fail("names what is no variable", "list it under vars");
  }
  if (const Node* alts = node.find("alts"))
    for (const Node& item : alts->items()) binding.alternatives.push_back(places(item));
  else
    for (uint32_t i = 0; i < alternatives; ++i) binding.alternatives.push_back({i});
  if (binding.alternatives.size() != alternatives)
    node.fail(fmt::format("has {} alternatives, and {} are chosen from", binding.alternatives.size(), alternatives),
              "list the inputs of every alternative in alts");
  if (const Node* required = node.find("required")) binding.required = places(*required);
  if (const Node* slices = node.find("slice"))
    for (const Node& item : slices->items()) binding.slices.push_back(parse_slice(item));
  return binding;
}

void reorder(Space& space, const Node& order) {
  std::vector<Variable> sorted;
  for (const Node& item : order.items()) {
    const auto found = space.find(item.text());
    if (!found) item.fail("names no variable, or one twice", "name each variable once");
    sorted.push_back(space.variables[*found]);
    space.variables.erase(space.variables.begin() + static_cast<ptrdiff_t>(*found));
  }
  if (!space.variables.empty())
    order.fail(fmt::format("leaves '{}' out", base::printable(space.variables[0].name)), "name each variable once");
  space.variables = std::move(sorted);
}

void write(base::JsonWriter& json, const Variable& variable) {
  json.begin_object(true).field("name", variable.name).field("kind", name_of(variable.kind));
  json.field("labels", variable.labels);
  if (variable.kind == Kind::k_of) json.field("k", variable.most).field("repeats", variable.repeats);
  if (variable.kind == Kind::subset) json.field("min", variable.least).field("max", variable.most);
  if (!variable.vocabulary.empty()) json.field("vocab", variable.vocabulary);
  if (!variable.anchors.empty()) json.field("anchors", variable.anchors);
  if (!variable.anchor.empty()) json.field("anchor", variable.anchor);
  if (variable.prior_weight > 0) json.field("rho", variable.prior).field("klw", variable.prior_weight);
  json.end_object();
}

void write(base::JsonWriter& json, const Binding& binding) {
  json.begin_object(true).field("node", binding.node);
  if (binding.loose_ends())
    json.field("kind", "loose_ends").field("of", binding.of).field("anchors", binding.anchors);
  else
    json.field("var", binding.variable);
  json.field("alts", binding.alternatives);
  if (!binding.required.empty()) json.field("required", binding.required);
  if (!binding.slices.empty()) {
    json.key("slice").begin_array(true);
    for (const Slice& slice : binding.slices)
      json.begin_object(true)
          .field("init", slice.tensor)
          .field("axis", slice.axis)
          .field("block", slice.block)
          .end_object();
    json.end_array();
  }
  json.end_object();
}

}  // namespace

void check_variable(const Variable& variable, const std::string& where) {
  const auto refuse = [&](const std::string& what, const char* remedy) {
    throw base::Error(base::ErrorKind::config, where,
                      fmt::format("variable '{}' {}", base::printable(variable.name), what), remedy);
  };
  if (variable.labels.empty()) refuse("has no alternatives", "list their labels");
  if (std::set(variable.labels.begin(), variable.labels.end()).size() != variable.size())
    refuse("has a label twice", "give each alternative a label of its own");
  if (!variable.anchors.empty() && variable.anchors.size() != variable.size())
    refuse("has another number of anchors than of labels", "give each alternative its anchor");
  const bool enough = variable.repeats || variable.most <= static_cast<int64_t>(variable.size());
  if (variable.least < 0 || variable.least > variable.most || !enough)
    refuse("cannot choose so many alternatives", "lower k, min or max");
  if (variable.kind != Kind::subset && variable.least != variable.most)
    refuse("has bounds", "give min and max to subsets alone");
}

Space parse_space(const Node& document) {
  config::UnknownKeys unknown;
  unknown.check(document, {"nas", "vars", "binds", "order", "constraints"});
  for (const Node& node : document.at("vars").items())
    unknown.check(node,
                  {"name", "kind", "labels", "k", "repeats", "min", "max", "vocab", "anchors", "anchor", "rho", "klw"});
  for (const Node& node : document.at("binds").items()) {
    unknown.check(node, {"node", "var", "kind", "alts", "required", "of", "anchors", "slice"});
    if (const Node* slices = node.find("slice"))
      for (const Node& item : slices->items()) unknown.check(item, {"init", "axis", "block"});
  }
  if (const Node* constraints = document.find("constraints"))
    for (const Node& node : constraints->items()) unknown.check(node, {"expr"});
  unknown.report();
  document.at("nas").integer(1, 1);
  Space space;
  for (const Node& node : document.at("vars").items()) {
    Variable variable = parse_variable(node);
    if (space.find(variable.name)) node.fail("has the name of another variable", "rename one");
    space.variables.push_back(std::move(variable));
  }
  for (const Node& node : document.at("binds").items()) space.bindings.push_back(parse_binding(node, space));
  if (const Node* order = document.find("order")) reorder(space, *order);
  if (const Node* constraints = document.find("constraints"))
    for (const Node& node : constraints->items())
      space.constraints.push_back(parse_constraint(node.at("expr").text(), space.variables, node.where()));
  return space;
}

std::string to_text(const Space& space) {
  base::JsonWriter json(1);
  json.begin_object().field("nas", 1).key("vars").begin_array();
  for (const Variable& variable : space.variables) write(json, variable);
  json.end_array().key("binds").begin_array();
  for (const Binding& binding : space.bindings) write(json, binding);
  json.end_array();
  if (!space.constraints.empty()) {
    json.key("constraints").begin_array();
    for (const Constraint& constraint : space.constraints)
      json.begin_object(true).field("expr", constraint.text).end_object();
    json.end_array();
  }
  return json.end_object().str();
}

Space read_space(const ir::Model& model, const std::string& path) {
  if (!path.empty()) return parse_space(config::load_yaml(path));
  const std::string file = model.path.empty() ? "model" : base::printable(model.path);
  if (const auto text = model.metadata_value(kSpaceKey))
    return parse_space(config::parse_yaml(std::string(*text), fmt::format("{}: {}", file, kSpaceKey)));
  if (auto space = space_of_nodes(model)) return std::move(*space);
  throw base::Error(base::ErrorKind::malformed, file, "has no search space",
                    "name a file with one: --space; or begin with `enas-search generate`");
}

void write_space(ir::Model& model, const Space& space, Carrier carrier) {
  strip_space(model);
  if (carrier == Carrier::nodes) return annotate_nodes(model, space);
  model.metadata.push_back({kSpaceKey, model.intern(to_text(space)), {}});
}

namespace {

void strip(std::vector<ir::Entry>& entries) {
  std::erase_if(entries, [](const ir::Entry& entry) { return entry.key.starts_with(kKeyPrefix); });
}

void strip(ir::Graph& graph) {
  strip(graph.metadata);
  for (ir::Node& node : graph.nodes) {
    strip(node.metadata);
    for (ir::Attribute& attribute : node.attributes)
      for (auto& body : attribute.graphs) strip(*body);
  }
}

}  // namespace

void strip_space(ir::Model& model) {
  strip(model.metadata);
  strip(model.graph);
}

}  // namespace allot::enas
