// SPDX-License-Identifier: Apache-2.0
#include "ir/model.h"

#include <algorithm>

#include "base/error.h"

namespace allot::ir {
namespace {

template <typename T>
std::vector<T> clone_all(const std::vector<T>& originals) {
  std::vector<T> copies;
  copies.reserve(originals.size());
  for (const auto& original : originals) copies.push_back(clone(original));
  return copies;
}

}  // namespace

Str plain_domain(Str domain) { return domain == "ai.onnx" ? Str{} : domain; }

const Attribute* Node::find(Str attribute) const {
  for (const auto& a : attributes)
    if (a.name == attribute) return &a;
  return nullptr;
}

int64_t Node::int_or(Str attribute, int64_t otherwise) const {
  const auto* a = find(attribute);
  return a && a->kind == Attribute::Kind::int_ ? a->i : otherwise;
}

float Node::float_or(Str attribute, float otherwise) const {
  const auto* a = find(attribute);
  return a && a->kind == Attribute::Kind::float_ ? a->f : otherwise;
}

Str Node::string_or(Str attribute, Str otherwise) const {
  const auto* a = find(attribute);
  return a && a->kind == Attribute::Kind::string ? a->s : otherwise;
}

const std::vector<int64_t>& Node::ints(Str attribute) const {
  static const std::vector<int64_t> kEmpty;
  const auto* a = find(attribute);
  return a ? a->ints : kEmpty;
}

const Graph* Node::graph(Str attribute) const {
  const auto* a = find(attribute);
  return a && !a->graphs.empty() ? a->graphs.front().get() : nullptr;
}

int64_t Model::opset(Str domain_name) const {
  for (const auto& import : opset_imports)
    if (plain_domain(import.domain) == plain_domain(domain_name)) return import.version;
  return 0;
}

std::optional<Str> Model::metadata_value(Str key) const {
  for (const auto& entry : metadata)
    if (entry.key == key) return entry.value;
  return std::nullopt;
}

const Function* Model::function(Str domain_name, Str name, Str overload) const {
  for (const auto& f : functions)
    if (f.name == name && plain_domain(f.domain) == plain_domain(domain_name) && f.overload == overload) return &f;
  return nullptr;
}

Str Model::intern(std::string text) {
  if (arenas_.empty()) arenas_.push_back(std::make_shared<std::deque<std::string>>());
  return arenas_.front()->emplace_back(std::move(text));
}

void Model::share_storage(const Model& other) {
  // The first arena is this model's own: it alone grows, so that a shared one is never written by two models.
  if (arenas_.empty()) arenas_.push_back(std::make_shared<std::deque<std::string>>());
  arenas_.insert(arenas_.end(), other.arenas_.begin(), other.arenas_.end());
  shared_files_.insert(shared_files_.end(), other.shared_files_.begin(), other.shared_files_.end());
  if (other.file) shared_files_.push_back(other.file);
  shared_files_.insert(shared_files_.end(), other.external.begin(), other.external.end());
}

Attribute clone(const Attribute& original) {
  Attribute copy;
  copy.name = original.name;
  copy.ref_name = original.ref_name;
  copy.kind = original.kind;
  copy.f = original.f;
  copy.i = original.i;
  copy.s = original.s;
  copy.floats = original.floats;
  copy.ints = original.ints;
  copy.strings = original.strings;
  copy.tensors = original.tensors;
  copy.sparse_tensors = original.sparse_tensors;
  for (const auto& graph : original.graphs) copy.graphs.push_back(clone(*graph));
  copy.types = original.types;
  copy.origin = original.origin;
  copy.edited = original.edited;
  return copy;
}

Node clone(const Node& original) {
  Node copy;
  copy.op_type = original.op_type;
  copy.domain = original.domain;
  copy.name = original.name;
  copy.overload = original.overload;
  copy.inputs = original.inputs;
  copy.outputs = original.outputs;
  copy.attributes = clone_all(original.attributes);
  copy.metadata = original.metadata;
  copy.device_configurations = original.device_configurations;
  copy.origin = original.origin;
  copy.edited = original.edited;
  return copy;
}

std::unique_ptr<Graph> clone(const Graph& original) {
  auto copy = std::make_unique<Graph>();
  copy->name = original.name;
  copy->nodes = clone_all(original.nodes);
  copy->inputs = original.inputs;
  copy->outputs = original.outputs;
  copy->value_infos = original.value_infos;
  copy->initializers = original.initializers;
  copy->sparse_initializers = original.sparse_initializers;
  copy->quantization_annotations = original.quantization_annotations;
  copy->metadata = original.metadata;
  copy->origin = original.origin;
  copy->edited = original.edited;
  return copy;
}

Function clone(const Function& original) {
  Function copy;
  copy.name = original.name;
  copy.domain = original.domain;
  copy.overload = original.overload;
  copy.inputs = original.inputs;
  copy.outputs = original.outputs;
  copy.attributes = original.attributes;
  copy.attribute_defaults = clone_all(original.attribute_defaults);
  copy.nodes = clone_all(original.nodes);
  copy.opset_imports = original.opset_imports;
  copy.origin = original.origin;
  copy.edited = original.edited;
  return copy;
}

Model clone(const Model& original) {
  Model copy;
  copy.ir_version = original.ir_version;
  copy.producer_name = original.producer_name;
  copy.producer_version = original.producer_version;
  copy.domain = original.domain;
  copy.model_version = original.model_version;
  copy.graph = std::move(*clone(original.graph));
  copy.opset_imports = original.opset_imports;
  copy.metadata = original.metadata;
  copy.functions = clone_all(original.functions);
  copy.configurations = original.configurations;
  copy.edited = original.edited;
  copy.file = original.file;
  copy.external = original.external;
  copy.path = original.path;
  copy.share_storage(original);
  return copy;
}

std::string describe(const Node& node, size_t index) {
  if (node.name.empty()) return fmt::format("node #{} ({})", index, base::printable(node.op_type, 60));
  return fmt::format("node '{}' ({})", base::printable(node.name), base::printable(node.op_type, 60));
}

}  // namespace allot::ir
