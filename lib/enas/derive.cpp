// SPDX-License-Identifier: Apache-2.0
#include "enas/derive.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "enas/space_file.h"
#include "ir/payload.h"

namespace allot::enas {
namespace {

using ir::Str;

class Pruning {
 public:
  Pruning(const Supergraph& supergraph, const Child& child) : supergraph_(supergraph), child_(child) {
    const ir::Values& values = supergraph.values();
    for (ir::NodeId id = 0; id < values.nodes.size(); ++id) ids_.emplace(values.nodes[id].node, id);
    for (size_t b = 0; b < supergraph.space().bindings.size(); ++b) binding_of_.emplace(supergraph.join(b), b);
  }

  ir::Model run(const std::map<std::string, std::string>& provenance) {
    ir::Model model = ir::clone(supergraph_.model());
    strip_space(model);
    const bool same_shapes = std::none_of(ids_.begin(), ids_.end(), [&](const auto& entry) {
      return binding_of_.contains(entry.second) && entry.first->is("Concat");
    });
    prune(model.graph, supergraph_.model().graph, {});
    keep_used(model.graph, same_shapes);
    slice(model);
    drop_functions(model);
    for (const auto& [key, value] : provenance) model.metadata.push_back({model.intern(key), model.intern(value), {}});
    return model;
  }

 private:
  using Renaming = std::unordered_map<Str, Str>;

  /// Keeps active nodes, and passes over those that give their only input. Names of outer graphs are passed in.
  void prune(ir::Graph& graph, const ir::Graph& original, Renaming renamed) {
    for (const ir::ValueInfo& input : graph.inputs) renamed.erase(input.name);
    std::unordered_set<Str> outputs;
    for (const ir::ValueInfo& output : graph.outputs) outputs.insert(output.name);
    std::vector<ir::Node> kept;
    const auto now = [&](Str name) {
      const auto found = renamed.find(name);
      return found == renamed.end() ? name : found->second;
    };
    // In topological order, so that what a node takes has its last name.
    for (const ir::NodeId id : order_of(original)) {
      const auto index = supergraph_.values().nodes[id].index;
      ir::Node& node = graph.nodes[index];
      if (!child_.active_nodes[id]) continue;
      if (const auto b = binding_of_.find(id); b != binding_of_.end()) take(node, child_.kept[b->second]);
      for (Str& input : node.inputs)
        if (const Str name = now(input); name != input) {
          input = name;
          node.edited = true;
        }
      if (node.is("Identity") && !outputs.contains(node.outputs[0])) {
        renamed[node.outputs[0]] = node.inputs[0];
        continue;
      }
      for (size_t a = 0; a < node.attributes.size(); ++a)
        for (size_t g = 0; g < node.attributes[a].graphs.size(); ++g)
          prune(*node.attributes[a].graphs[g], *original.nodes[index].attributes[a].graphs[g], renamed);
      kept.push_back(std::move(node));
    }
    graph.nodes = std::move(kept);
  }

  std::vector<ir::NodeId> order_of(const ir::Graph& original) const {
    for (const auto& ref : supergraph_.values().graphs)
      if (ref.graph == &original) return ref.order;
    return {};
  }

  static void take(ir::Node& node, const std::vector<uint32_t>& kept) {
    if (kept.size() == node.inputs.size()) return;
    std::vector<Str> inputs;
    for (const uint32_t input : kept) inputs.push_back(node.inputs[input]);
    node.inputs = std::move(inputs);
    node.edited = true;
    if (node.inputs.size() > 1) return;
    node.op_type = "Identity";
    node.attributes.clear();
  }

  /// What nodes of a graph and of its bodies use.
  static void collect_uses(const ir::Graph& graph, std::unordered_set<Str>& used) {
    for (const ir::ValueInfo& output : graph.outputs) used.insert(output.name);
    for (const ir::Node& node : graph.nodes) {
      used.insert(node.inputs.begin(), node.inputs.end());
      for (const ir::Attribute& attribute : node.attributes)
        for (const auto& body : attribute.graphs) collect_uses(*body, used);
    }
  }

  /// Drops stored tensors that nobody uses, and types of values that are not there any more or may have others.
  void keep_used(ir::Graph& graph, bool same_shapes) const {
    std::unordered_set<Str> used;
    collect_uses(graph, used);
    std::unordered_set<Str> made;
    for (const ir::Node& node : graph.nodes) made.insert(node.outputs.begin(), node.outputs.end());
    std::erase_if(graph.initializers, [&](const ir::Tensor& tensor) { return !used.contains(tensor.name); });
    std::erase_if(graph.sparse_initializers,
                  [&](const ir::SparseTensor& tensor) { return !used.contains(tensor.values.name); });
    std::erase_if(graph.value_infos,
                  [&](const ir::ValueInfo& info) { return !same_shapes || !made.contains(info.name); });
    std::erase_if(graph.quantization_annotations,
                  [&](const ir::QuantizationAnnotation& each) { return !made.contains(each.tensor); });
    for (ir::Node& node : graph.nodes)
      for (ir::Attribute& attribute : node.attributes)
        for (auto& body : attribute.graphs) keep_used(*body, same_shapes);
  }

  void slice(ir::Model& model) const {
    const auto& bindings = supergraph_.space().bindings;
    for (size_t b = 0; b < bindings.size(); ++b) {
      const auto& stay = child_.alternatives[b];
      if (stay.size() == bindings[b].alternatives.size()) continue;
      for (const Slice& each : bindings[b].slices)
        for (ir::Tensor& tensor : model.graph.initializers)
          if (tensor.name == each.tensor) keep_blocks(model, tensor, each, stay);
    }
  }

  static void keep_blocks(const ir::Model& model, ir::Tensor& tensor, const Slice& slice,
                          const std::vector<uint32_t>& stay) {
    const auto whole = ir::raw_image(model, tensor);
    if (!whole)
      throw base::Error(base::ErrorKind::malformed, fmt::format("tensor '{}'", base::printable(tensor.name)),
                        "cannot be sliced: its elements are not there", "keep its data beside the model");
    const auto axis = static_cast<size_t>(slice.axis);
    size_t outer = 1;
    for (size_t i = 0; i < axis; ++i) outer *= static_cast<size_t>(tensor.dims[i]);
    const size_t row = outer == 0 ? 0 : whole->size() / outer;
    const size_t block = row / static_cast<size_t>(tensor.dims[axis] / slice.block);
    std::string bytes;
    for (size_t o = 0; o < outer; ++o)
      for (const uint32_t i : stay) bytes.append(*whole, o * row + i * block, block);
    tensor.dims[axis] = slice.block * static_cast<int64_t>(stay.size());
    tensor.payload = {};
    tensor.payload.where = ir::Payload::Where::owned;
    tensor.payload.owned = std::make_shared<const std::string>(std::move(bytes));
    tensor.external_data.clear();
    tensor.edited = true;
  }

  using FunctionKey = std::tuple<Str, Str, Str>;
  static void collect_calls(const std::vector<ir::Node>& nodes, std::set<FunctionKey>& calls) {
    for (const ir::Node& node : nodes) {
      calls.insert({node.domain, node.op_type, node.overload});
      for (const ir::Attribute& attribute : node.attributes)
        for (const auto& body : attribute.graphs) collect_calls(body->nodes, calls);
    }
  }

  static void drop_functions(ir::Model& model) {
    std::set<FunctionKey> calls;
    collect_calls(model.graph.nodes, calls);
    for (size_t before = 0; before != calls.size();) {
      before = calls.size();
      for (const ir::Function& function : model.functions)
        if (calls.contains({ir::plain_domain(function.domain), function.name, function.overload}))
          collect_calls(function.nodes, calls);
    }
    std::erase_if(model.functions, [&](const ir::Function& function) {
      return !calls.contains({ir::plain_domain(function.domain), function.name, function.overload});
    });
  }

  const Supergraph& supergraph_;
  const Child& child_;
  std::unordered_map<const ir::Node*, ir::NodeId> ids_;
  std::unordered_map<ir::NodeId, size_t> binding_of_;
};

}  // namespace

ir::Model derive(const Supergraph& supergraph, const Child& child,
                 const std::map<std::string, std::string>& provenance) {
  return Pruning(supergraph, child).run(provenance);
}

}  // namespace allot::enas
