// SPDX-License-Identifier: Apache-2.0
#include "exec/lower.h"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "exec/registry.h"
#include "ir/builder.h"
#include "ir/instance.h"
#include "ir/values.h"
#include "onnxio/function_body.h"

namespace allot::exec {
namespace {

using ir::Str;

constexpr int kMaxNesting = 128;  // of calls and graphs together; each is a frame of the compiler's and of a run's
constexpr size_t kMaxNodes = 1'000'000;
constexpr Str kOriginKey = "allot.exec.origin", kSourceKey = "allot.exec.source";

void unmark(ir::Node& node, Str key) {
  std::erase_if(node.metadata, [key](const ir::Entry& entry) { return entry.key == key; });
}

void mark(ir::Node& node, Str key, Str value) {
  unmark(node, key);
  if (!value.empty()) node.metadata.push_back({key, value, {}});
}

Str mark_of(const ir::Node& node, Str key) {
  for (const auto& entry : node.metadata)
    if (entry.key == key) return entry.value;
  return {};
}

[[noreturn]] void malformed(const ir::Node& node, std::string_view what) {
  throw base::Error(base::ErrorKind::malformed, fmt::format("node '{}'", base::printable(node.name)), what,
                    "flatten the functions of the model; none may call itself");
}

class Lowering {
 public:
  Lowering(const ir::Model& original, const std::vector<std::string>& expanded)
      : original_(original), expanded_(expanded) {
    result_.model = clone(original);
    result_.model.functions.clear();
    for (const ir::Function& f : original.functions)
      local_.try_emplace({ir::plain_domain(f.domain), f.name, f.overload}, &f);
  }

  Lowered run() {
    name_nodes(result_.model.graph);
    for (size_t i = 0; i < result_.model.graph.nodes.size(); ++i)
      mark(result_.model.graph.nodes[i], kSourceKey, result_.model.intern(std::to_string(i)));
    ir::UniqueNames names(result_.model);
    names_ = &names;
    expand(result_.model.graph, {}, 0);
    return std::move(result_);
  }

 private:
  void name_nodes(ir::Graph& graph) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      ir::Node& node = graph.nodes[i];
      if (node.name.empty()) node.name = result_.model.intern(fmt::format("#{}", i));
      for (const Str key : {kOriginKey, kSourceKey}) unmark(node, key);  // the file's metadata may hold anything
      for (auto& attribute : node.attributes)
        for (auto& body : attribute.graphs) name_nodes(*body);
    }
  }

  /// `origin` is the number that the nodes of one call carry; empty in the file's own graphs.
  void expand(ir::Graph& graph, Str origin, int nesting) {
    auto originals = std::exchange(graph.nodes, {});
    for (auto& node : originals) expand(std::move(node), origin, nesting, graph.nodes);
  }

  void expand(ir::Node node, Str origin, int nesting, std::vector<ir::Node>& nodes) {
    if (nesting > kMaxNesting) malformed(node, fmt::format("calls and graphs nest deeper than {}", kMaxNesting));
    if (!origin.empty()) mark(node, kOriginKey, origin);
    if (const ir::Function* function = body_of(node)) {
      const Str inner = add_origin(node, *function);
      for (auto& part : ir::instantiate(*function, node, *names_)) {
        if (++num_nodes_ > kMaxNodes) malformed(node, fmt::format("functions hold more than {} nodes", kMaxNodes));
        mark(part, kSourceKey, mark_of(node, kSourceKey));
        expand(std::move(part), inner, nesting + 1, nodes);
      }
      return;
    }
    for (auto& attribute : node.attributes)
      for (auto& body : attribute.graphs) expand(*body, origin, nesting + 1);
    nodes.push_back(std::move(node));
  }

  Str add_origin(const ir::Node& call, const ir::Function& function) {
    const auto* outer = result_.origin(call);
    std::string caller = outer ? outer->call : std::string(call.name);
    result_.origins.push_back({std::move(caller), operator_name(call), function.opset_imports});
    return result_.model.intern(std::to_string(result_.origins.size() - 1));
  }

  /// What to put in the node's place, or nullptr.
  const ir::Function* body_of(const ir::Node& node) {
    if (const auto it = local_.find({node.domain, node.op_type, node.overload}); it != local_.end()) return it->second;
    const bool wanted = std::find(expanded_.begin(), expanded_.end(), operator_name(node)) != expanded_.end();
    if (!wanted && (node.is("Constant") || find_operator(node.domain, node.op_type))) return nullptr;
    auto body = onnxio::function_body(result_.model, node, result_.opset(node), input_types(node));
    return body ? &standard_.emplace_back(std::move(*body)) : nullptr;
  }

  /// As far as the file declares them; values within functions are not.
  std::vector<ir::Type> input_types(const ir::Node& node) {
    if (types_.empty()) know_types(original_.graph);
    std::vector<ir::Type> types;
    for (const Str input : node.inputs) {
      const auto it = types_.find(input);
      types.push_back(it == types_.end() ? ir::Type{} : it->second);
    }
    return types;
  }

  void know_types(const ir::Graph& graph) {
    for (const auto* list : {&graph.inputs, &graph.outputs, &graph.value_infos})
      for (const auto& info : *list) types_.try_emplace(info.name, info.type);
    for (const auto& tensor : graph.initializers)
      types_.try_emplace(tensor.name, ir::tensor_type(tensor.dtype, tensor.dims));
    for (const auto& node : graph.nodes)
      for (const auto& attribute : node.attributes)
        for (const auto& body : attribute.graphs) know_types(*body);
  }

  const ir::Model& original_;
  const std::vector<std::string>& expanded_;
  std::map<std::tuple<Str, Str, Str>, const ir::Function*> local_;
  std::unordered_map<Str, ir::Type> types_;
  std::deque<ir::Function> standard_;
  ir::UniqueNames* names_ = nullptr;
  size_t num_nodes_ = 0;
  Lowered result_;
};

}  // namespace

const Lowered::Origin* Lowered::origin(const ir::Node& node) const {
  const Str number = mark_of(node, kOriginKey);
  return number.empty() ? nullptr : &origins.at(std::stoul(std::string(number)));
}

uint32_t Lowered::source(const ir::Node& node) const {
  const Str number = mark_of(node, kSourceKey);
  return number.empty() ? ir::kNone : static_cast<uint32_t>(std::stoul(std::string(number)));
}

int64_t Lowered::opset(const ir::Node& node) const {
  if (const Origin* from = origin(node))
    for (const auto& import : from->imports)
      if (ir::plain_domain(import.domain) == node.domain) return import.version;
  return model.opset(node.domain);
}

Lowered lower(const ir::Model& model, const std::vector<std::string>& expanded) {
  return Lowering(model, expanded).run();
}

}  // namespace allot::exec
