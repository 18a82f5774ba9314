// SPDX-License-Identifier: Apache-2.0
#include "ir/instance.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"

namespace allot::ir {
namespace {

class Instance {
 public:
  Instance(const Function& function, const Node& call, UniqueNames& names)
      : function_(function), call_(call), names_(names), prefix_(prefix_of(call)) {
    scopes_.emplace_back();
    for (const auto& given : call.attributes) actual_.emplace(given.name, &given);
    for (const auto& otherwise : function.attribute_defaults) actual_.emplace(otherwise.name, &otherwise);
    for (const auto& entry : call.metadata) metadata_keys_.insert(entry.key);
    if (call.inputs.size() > function.inputs.size()) refuse("inputs", call.inputs.size(), function.inputs.size());
    if (call.outputs.size() > function.outputs.size()) refuse("outputs", call.outputs.size(), function.outputs.size());
  }

  std::vector<Node> run() {
    bind_inputs();
    bind_outputs();
    for (const auto& node : function_.nodes) define(node.outputs);
    std::vector<Node> result;
    result.reserve(function_.nodes.size() + identities_.size());
    for (const auto& original : function_.nodes) {
      result.push_back(clone(original));
      substitute(result.back());
    }
    for (auto& identity : identities_) result.push_back(std::move(identity));
    for (auto& node : result) add_metadata(node);
    return result;
  }

 private:
  using Scope = std::unordered_map<Str, Str>;

  static Str prefix_of(const Node& call) {
    if (!call.name.empty()) return call.name;
    const auto it = std::find_if(call.outputs.begin(), call.outputs.end(), [](Str name) { return !name.empty(); });
    return it == call.outputs.end() ? call.op_type : *it;
  }

  [[noreturn]] void refuse(std::string_view what, size_t actual, size_t formal) const {
    throw base::Error(
        base::ErrorKind::malformed,
        fmt::format("call of function '{}' by '{}'", base::printable(function_.name), base::printable(prefix_)),
        fmt::format("has {} {}; the function takes {}", actual, what, formal), "export the model again");
  }

  void bind_inputs() {
    for (size_t i = 0; i < function_.inputs.size(); ++i) {
      const Str actual = i < call_.inputs.size() ? call_.inputs[i] : Str{};
      if (!scopes_[0].try_emplace(function_.inputs[i], actual).second)
        throw base::Error(base::ErrorKind::malformed, fmt::format("function '{}'", base::printable(function_.name)),
                          fmt::format("has the input '{}' twice", base::printable(function_.inputs[i])),
                          "export the model again");
    }
  }

  void bind_outputs() {
    for (size_t i = 0; i < function_.outputs.size(); ++i) {
      const Str formal = function_.outputs[i];
      const Str actual = i < call_.outputs.size() ? call_.outputs[i] : Str{};
      if (!actual.empty() && !scopes_[0].try_emplace(formal, actual).second) {
        Node identity;
        identity.op_type = "Identity";
        identity.inputs = {scopes_[0][formal]};
        identity.outputs = {actual};
        identities_.push_back(std::move(identity));
      }
    }
  }

  /// Names that the innermost scope defines get new ones, unless they are bound already.
  void define(Str name) {
    if (name.empty() || scopes_.back().contains(name)) return;
    scopes_.back()[name] = names_.make(prefix_, name);
  }
  void define(const std::vector<Str>& list) {
    for (const Str name : list) define(name);
  }

  /// The new name of a value. One that nothing in the function defines must not meet an outer value by chance.
  Str resolve(Str name) {
    if (name.empty()) return name;
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (const auto it = scope->find(name); it != scope->end()) return it->second;
    return scopes_[0][name] = names_.make(prefix_, name);
  }

  void substitute(Node& node) {
    for (auto& name : node.inputs) name = resolve(name);
    for (auto& name : node.outputs) name = resolve(name);
    if (!node.name.empty()) node.name = names_.make(prefix_, node.name);
    node.edited = true;
    std::vector<Attribute> attributes;
    for (auto& attribute : node.attributes) {
      if (attribute.ref_name.empty()) {
        for (auto& body : attribute.graphs) substitute(*body);
        attributes.push_back(std::move(attribute));
      } else if (const auto actual = actual_.find(attribute.ref_name); actual != actual_.end()) {
        attributes.push_back(clone(*actual->second));
        attributes.back().edited |= attributes.back().name != attribute.name;
        attributes.back().name = attribute.name;
      }
    }
    node.attributes = std::move(attributes);
  }

  void substitute(Graph& body) {
    scopes_.emplace_back();
    for (auto& input : body.inputs) define(input.name);
    for (auto& tensor : body.initializers) define(tensor.name);
    for (auto& tensor : body.sparse_initializers) define(tensor.values.name);
    for (auto& node : body.nodes) define(node.outputs);
    for (auto* list : {&body.inputs, &body.outputs, &body.value_infos})
      for (auto& info : *list) rename(info);
    for (auto& tensor : body.initializers) rename(tensor);
    for (auto& tensor : body.sparse_initializers) rename(tensor.values);
    for (auto& node : body.nodes) substitute(node);
    scopes_.pop_back();
  }

  template <typename Named>
  void rename(Named& object) {
    object.name = resolve(object.name);
    object.edited = true;
  }

  /// The call's entries take the place of the node's own with the same key.
  void add_metadata(Node& node) const {
    std::erase_if(node.metadata, [&](const Entry& own) { return metadata_keys_.contains(own.key); });
    node.metadata.insert(node.metadata.end(), call_.metadata.begin(), call_.metadata.end());
  }

  const Function& function_;
  const Node& call_;
  UniqueNames& names_;
  Str prefix_;
  std::unordered_map<Str, const Attribute*> actual_;  // the call's attributes, else the defaults
  std::unordered_set<Str> metadata_keys_;             // of the call
  std::vector<Scope> scopes_;                         // the function, then the bodies that are being substituted
  std::vector<Node> identities_;
};

}  // namespace

UniqueNames::UniqueNames(Model& model) : model_(model) { know(model.graph); }

void UniqueNames::know(const Graph& graph) {
  const auto know_name = [&](Str name) { taken_.insert(name, 0); };
  for (const auto& input : graph.inputs) know_name(input.name);
  for (const auto& tensor : graph.initializers) know_name(tensor.name);
  for (const auto& tensor : graph.sparse_initializers) know_name(tensor.values.name);
  for (const auto& node : graph.nodes) {
    know_name(node.name);
    for (const Str output : node.outputs) know_name(output);
    for (const auto& attribute : node.attributes)
      for (const auto& body : attribute.graphs) know(*body);
  }
}

Str UniqueNames::make(Str prefix, Str name) {
  const auto base = fmt::format("{}/{}", prefix, name);
  auto unique = base;
  while (taken_.contains(unique)) unique = fmt::format("{}_{}", base, ++next_);
  const Str kept = model_.intern(std::move(unique));
  taken_.insert(kept, 0);
  return kept;
}

std::vector<Node> instantiate(const Function& function, const Node& call, UniqueNames& names) {
  return Instance(function, call, names).run();
}

}  // namespace allot::ir
