// SPDX-License-Identifier: Apache-2.0
#include "ir/values.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace allot::ir {
namespace {

using base::printable;

[[noreturn]] void malformed(std::string_view where, std::string_view what, std::string_view fix) {
  throw base::Error(base::ErrorKind::malformed, where, what, fix);
}

class Resolver {
 public:
  explicit Resolver(const Model& model) { add_graph(&model.graph, kNone); }

  Values run() {
    // Bodies join the end of the list while their outer graph is defined.
    for (GraphId g = 0; g < values_.graphs.size(); ++g) define(g);
    for (GraphId g = 0; g < values_.graphs.size(); ++g) use(g);
    warn_of_shadows();
    for (auto& graph : values_.graphs) sort_unique(graph.captured);
    index_bodies();
    for (GraphId g = 0; g < values_.graphs.size(); ++g) order(g);
    values_.main_scope = std::move(scopes_[0]);
    return std::move(values_);
  }

 private:
  void add_graph(const Graph* graph, NodeId owner) {
    Values::GraphRef ref;
    ref.graph = graph;
    ref.owner = owner;
    values_.graphs.push_back(std::move(ref));
    scopes_.emplace_back();
  }

  GraphId outer(GraphId g) const {
    const NodeId owner = values_.graphs[g].owner;
    return owner == kNone ? kNone : values_.nodes[owner].graph;
  }

  std::string describe_node(NodeId n) const { return describe(*values_.nodes[n].node, values_.nodes[n].index); }

  // ---- definitions ----

  ValueId add_value(GraphId g, Str name, NodeId producer) {
    Values::Value value;
    value.name = name;
    value.graph = g;
    value.producer = producer;
    values_.values.push_back(value);
    return static_cast<ValueId>(values_.values.size() - 1);
  }

  [[noreturn]] void duplicate(Str name, ValueId first, std::string_view second) const {
    const NodeId producer = values_.values[first].producer;
    const auto what = producer == kNone ? std::string("a graph input or initializer") : describe_node(producer);
    malformed(second, fmt::format("value '{}' is already defined by {}", printable(name), what),
              "give each value one name of its own");
  }

  void define_inputs(GraphId g) {
    auto& scope = scopes_[g];
    for (const auto& input : values_.graphs[g].graph->inputs) {
      const ValueId v = add_value(g, input.name, kNone);
      values_.values[v].is_input = true;
      values_.values[v].info = &input;
      values_.graphs[g].inputs.push_back(v);
      if (const auto [first, is_new] = scope.insert(input.name, v); !is_new)
        duplicate(input.name, first, fmt::format("graph input '{}'", printable(input.name)));
    }
  }

  ValueId define_initializer(GraphId g, Str name) {
    const auto [v, is_new] = scopes_[g].insert(name, static_cast<ValueId>(values_.values.size()));
    if (is_new) return add_value(g, name, kNone);
    if (values_.values[v].initializer || values_.values[v].sparse)
      duplicate(name, v, fmt::format("initializer '{}'", printable(name)));
    return v;  // an input with a default
  }

  void define_outputs(GraphId g, NodeId n) {
    const auto& node = *values_.nodes[n].node;
    for (const Str name : node.outputs) {
      ValueId v = kNone;
      if (!name.empty()) {
        const auto [first, is_new] = scopes_[g].insert(name, static_cast<ValueId>(values_.values.size()));
        if (!is_new) duplicate(name, first, describe_node(n));
        v = add_value(g, name, n);
      }
      values_.outputs.push(v);
    }
    values_.outputs.end_row();
  }

  void define(GraphId g) {
    const Graph& graph = *values_.graphs[g].graph;
    values_.graphs[g].first_node = static_cast<NodeId>(values_.nodes.size());
    scopes_[g].reserve(graph.inputs.size() + graph.initializers.size() + graph.nodes.size());
    define_inputs(g);
    for (const auto& tensor : graph.initializers)
      values_.values[define_initializer(g, tensor.name)].initializer = &tensor;
    for (const auto& tensor : graph.sparse_initializers)
      values_.values[define_initializer(g, tensor.values.name)].sparse = &tensor;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto n = static_cast<NodeId>(values_.nodes.size());
      values_.nodes.push_back({&graph.nodes[i], g, static_cast<uint32_t>(i)});
      define_outputs(g, n);
      for (const auto& attribute : graph.nodes[i].attributes)
        for (const auto& body : attribute.graphs) add_graph(body.get(), n);
    }
    declare(g, graph.value_infos);
    declare(g, graph.outputs);
  }

  void declare(GraphId g, const std::vector<ValueInfo>& infos) {
    for (const auto& info : infos)
      if (const ValueId v = scopes_[g].find(info.name); v != kNone && !values_.values[v].is_input)
        if (info.type.kind != Type::Kind::none || !values_.values[v].info) values_.values[v].info = &info;
  }

  // ---- uses ----

  /// The innermost value of that name as seen from g; marks it captured by the bodies between.
  ValueId look_up(GraphId g, Str name) {
    GraphId at = g;
    for (; at != kNone; at = outer(at)) {
      const ValueId v = scopes_[at].find(name);
      if (v == kNone) continue;
      for (GraphId body = g; body != at; body = outer(body)) values_.graphs[body].captured.push_back(v);
      return v;
    }
    return kNone;
  }

  void use(GraphId g) {
    const Graph& graph = *values_.graphs[g].graph;
    const NodeId first = values_.graphs[g].first_node;
    for (NodeId n = first; n < first + graph.nodes.size(); ++n) {
      for (const Str name : values_.nodes[n].node->inputs) {
        const ValueId v = name.empty() ? kNone : look_up(g, name);
        if (v == kNone && !name.empty())
          malformed(describe_node(n), fmt::format("reads '{}', which nothing defines", printable(name)),
                    "export the model again");
        values_.inputs.push(v);
      }
      values_.inputs.end_row();
    }
    for (const auto& output : graph.outputs) {
      const ValueId v = look_up(g, output.name);
      if (v == kNone)
        malformed(g == 0 ? std::string("graph") : describe_node(values_.graphs[g].owner) + ": body",
                  fmt::format("output '{}' is defined by nothing", printable(output.name)), "export the model again");
      values_.graphs[g].outputs.push_back(v);
    }
  }

  void warn_of_shadows() const {
    size_t shadows = 0;
    ValueId first = kNone;
    for (GraphId g = 1; g < scopes_.size(); ++g)
      scopes_[g].each([&](Str name, ValueId v) {
        GraphId at = outer(g);
        while (at != kNone && !scopes_[at].contains(name)) at = outer(at);
        if (at == kNone) return;
        ++shadows;
        first = std::min(first, v);
      });
    if (shadows > 0)
      base::warn("{} values of bodies hide outer ones of the same name, first '{}' in {}", shadows,
                 printable(values_.values[first].name),
                 describe_node(values_.graphs[values_.values[first].graph].owner));
  }

  static void sort_unique(std::vector<ValueId>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }

  void index_bodies() {
    GraphId g = 1;  // bodies are numbered in order of their owners
    for (NodeId n = 0; n < values_.nodes.size(); ++n) {
      for (; g < values_.graphs.size() && values_.graphs[g].owner == n; ++g) values_.bodies.push(g);
      values_.bodies.end_row();
    }
  }

  // ---- order ----

  /// Calls visit(producer) for each node of graph g that node n of g waits for, with repetitions.
  template <typename Visit>
  void each_dependency(GraphId g, NodeId n, Visit visit) const {
    const auto value = [&](ValueId v) {
      if (v == kNone || values_.values[v].graph != g || values_.values[v].producer == kNone) return;
      visit(values_.values[v].producer);
    };
    for (const ValueId v : values_.inputs[n]) value(v);
    for (const GraphId body : values_.bodies[n])
      for (const ValueId v : values_.graphs[body].captured) value(v);
  }

  void order(GraphId g) {
    auto& ref = values_.graphs[g];
    const NodeId first = ref.first_node;
    const auto count = static_cast<uint32_t>(ref.graph->nodes.size());
    ref.order.resize(count);
    std::iota(ref.order.begin(), ref.order.end(), first);
    bool sorted = true;
    for (NodeId n = first; n < first + count && sorted; ++n)
      each_dependency(g, n, [&](NodeId producer) { sorted &= producer < n; });
    if (sorted) return;
    ++values_.reordered_graphs;
    ref.order = kahn(g, first, count);
  }

  /// Of the nodes that are ready, the first in the file comes next.
  std::vector<NodeId> kahn(GraphId g, NodeId first, uint32_t count) const {
    base::Csr<uint32_t> producers;  // by node, both less `first`
    for (uint32_t i = 0; i < count; ++i) {
      each_dependency(g, first + i, [&](NodeId producer) { producers.push(producer - first); });
      producers.end_row();
    }
    const auto consumers = base::transpose(producers, count);
    std::vector<uint32_t> waiting(count);
    std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> ready;
    for (uint32_t i = 0; i < count; ++i)
      if ((waiting[i] = static_cast<uint32_t>(producers[i].size())) == 0) ready.push(i);
    std::vector<NodeId> result;
    result.reserve(count);
    while (!ready.empty()) {
      const uint32_t i = ready.top();
      ready.pop();
      result.push_back(first + i);
      for (const uint32_t consumer : consumers[i])
        if (--waiting[consumer] == 0) ready.push(consumer);
    }
    if (result.size() != count) report_cycle(first, producers, waiting);
    return result;
  }

  /// Every node left waits for another one left; walking back must come round.
  [[noreturn]] void report_cycle(NodeId first, const base::Csr<uint32_t>& producers,
                                 const std::vector<uint32_t>& waiting) const {
    auto at = static_cast<uint32_t>(std::find_if(waiting.begin(), waiting.end(), [](uint32_t w) { return w > 0; }) -
                                    waiting.begin());
    std::vector<bool> visited(waiting.size());
    const auto back = [&](uint32_t i) {
      const auto row = producers[i];
      return *std::find_if(row.begin(), row.end(), [&](uint32_t p) { return waiting[p] > 0; });
    };
    for (; !visited[at]; at = back(at)) visited[at] = true;
    std::vector<uint32_t> cycle{at};
    for (uint32_t i = back(at); i != at; i = back(i)) cycle.push_back(i);
    constexpr size_t kShown = 8;
    std::string text;
    for (size_t k = std::min(cycle.size(), kShown); k-- > 0;) text += describe_node(first + cycle[k]) + " -> ";
    if (cycle.size() > kShown) text = fmt::format("... {} more -> ", cycle.size() - kShown) + text;
    const auto closing = describe_node(first + cycle[std::min(cycle.size(), kShown) - 1]);
    malformed(describe_node(first + at), fmt::format("is part of a cycle: {}{}", text, closing),
              "export the model again; ONNX graphs have no cycles");
  }

  Values values_;
  std::vector<NameTable> scopes_;  // by graph
};

}  // namespace

ValueId Values::find(Str name) const { return main_scope.find(name); }

Values resolve(const Model& model) { return Resolver(model).run(); }

}  // namespace allot::ir
