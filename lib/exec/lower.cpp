// SPDX-License-Identifier: Apache-2.0
#include "exec/lower.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.h"
#include "exec/registry.h"
#include "ir/builder.h"
#include "ir/instance.h"
#include "onnxio/function_body.h"

namespace allot::exec {
namespace {

using ir::Str;

constexpr int kMaxNesting = 128;  // of calls and graphs together; each is a frame of the compiler's and of a run's
constexpr size_t kMaxNodes = 1'000'000;

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
    ir::UniqueNames names(result_.model);
    names_ = &names;
    expand(result_.model.graph, nullptr, 0);
    return std::move(result_);
  }

 private:
  using Origin = Lowered::Origin;

  void name_nodes(ir::Graph& graph) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      ir::Node& node = graph.nodes[i];
      if (node.name.empty()) node.name = result_.model.intern(fmt::format("#{}", i));
      for (auto& attribute : node.attributes)
        for (auto& body : attribute.graphs) name_nodes(*body);
    }
  }

  void expand(ir::Graph& graph, const Origin* origin, int nesting) {
    auto originals = std::exchange(graph.nodes, {});
    std::vector<const Origin*> origins;
    for (auto& node : originals) expand(std::move(node), origin, nesting, graph.nodes, origins);
    for (size_t i = 0; i < origins.size(); ++i)
      if (origins[i]) result_.origin_of.emplace(&graph.nodes[i], origins[i]);
  }

  void expand(ir::Node node, const Origin* origin, int nesting, std::vector<ir::Node>& nodes,
              std::vector<const Origin*>& origins) {
    if (nesting > kMaxNesting) malformed(node, fmt::format("calls and graphs nest deeper than {}", kMaxNesting));
    if (const ir::Function* function = body_of(node, origin)) {
      const Origin* inner = &result_.origins.emplace_back(
          Origin{origin ? origin->call : std::string(node.name), operator_name(node), function->opset_imports});
      for (auto& part : ir::instantiate(*function, node, *names_)) {
        if (++num_nodes_ > kMaxNodes) malformed(node, fmt::format("functions hold more than {} nodes", kMaxNodes));
        expand(std::move(part), inner, nesting + 1, nodes, origins);
      }
      return;
    }
    for (auto& attribute : node.attributes)
      for (auto& body : attribute.graphs) expand(*body, origin, nesting + 1);
    nodes.push_back(std::move(node));
    origins.push_back(origin);
  }

  /// What to put in the node's place, or nullptr.
  const ir::Function* body_of(const ir::Node& node, const Origin* origin) {
    if (const auto it = local_.find({node.domain, node.op_type, node.overload}); it != local_.end()) return it->second;
    const bool wanted = std::find(expanded_.begin(), expanded_.end(), operator_name(node)) != expanded_.end();
    if (!wanted && (node.is("Constant") || find_operator(node.domain, node.op_type))) return nullptr;
    auto body = onnxio::function_body(result_.model, node, result_.opset(node, origin), input_types(node));
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
  const auto it = origin_of.find(&node);
  return it == origin_of.end() ? nullptr : it->second;
}

int64_t Lowered::opset(const ir::Node& node) const { return opset(node, origin(node)); }

int64_t Lowered::opset(const ir::Node& node, const Origin* origin) const {
  if (origin)
    for (const auto& import : origin->imports)
      if (ir::plain_domain(import.domain) == node.domain) return import.version;
  return model.opset(node.domain);
}

Lowered lower(const ir::Model& model, const std::vector<std::string>& expanded) {
  return Lowering(model, expanded).run();
}

}  // namespace allot::exec
