// SPDX-License-Identifier: Apache-2.0
// Cells of nodes that each take one earlier node: the recurrent cell, and the same fed forward.
#include "base/error.h"
#include "enas/space_builder.h"

namespace allot::enas {
namespace {

using ir::Str;

std::string node_name(int64_t node) { return fmt::format("n{}", node); }

std::vector<std::string> node_names(int64_t first, int64_t last) {
  std::vector<std::string> names;
  for (int64_t node = first; node <= last; ++node) names.push_back(node_name(node));
  return names;
}

/// Which earlier node a node takes.
Variable index_variable(int64_t node) {
  Variable variable = SpaceBuilder::one_of(fmt::format("prev{}", node), node_names(1, node - 1), "");
  variable.anchors = variable.labels;
  return variable;
}

Variable function_variable(int64_t node, const std::vector<std::string>& labels) {
  Variable variable = SpaceBuilder::one_of(fmt::format("f{}", node), labels, "function");
  variable.anchor = node_name(node);
  return variable;
}

std::vector<std::string> index_names(int64_t nodes) {
  std::vector<std::string> names;
  for (int64_t node = 2; node <= nodes; ++node) names.push_back(fmt::format("prev{}", node));
  return names;
}

int64_t nodes_of(const GenerateOptions& options, int64_t otherwise) {
  const int64_t nodes = options.nodes > 0 ? options.nodes : otherwise;
  if (nodes < 2)
    throw base::Error(base::ErrorKind::usage, "--generate.nodes", "is 1, and nothing is left to choose",
                      "give 2 or more");
  return nodes;
}

const std::vector<std::string> kDagFunctions = {"sin", "relu", "identity", "gauss"};

Str dag_function(ir::Builder& graph, const std::string& name, Str z) {
  if (name == "sin") return graph.add("Sin", {z});
  if (name == "relu") return graph.add("Relu", {z});
  if (name == "identity") return graph.add("Identity", {z});
  return graph.add("Exp", {graph.add("Neg", {graph.add("Mul", {z, z})})});
}

/// The recurrent cell's body, one step: the mean of loose ends from an input and the last state.
class CellBody {
 public:
  CellBody(SpaceBuilder& outer, const GenerateOptions& options, int64_t nodes)
      : outer_(outer),
        graph_(outer.graph()),
        width_(options.channels),
        own_(options.weights == "edge-act"),
        nodes_(nodes) {}

  Str run(Str x, Str h) {
    std::vector<Str> values;
    for (int64_t node = 1; node <= nodes_; ++node) {
      outer_.scope(node_name(node));
      values.push_back(node == 1 ? first(x, h) : later(node, values));
    }
    outer_.scope("");
    return outer_.loose_ends("cell/out", "Mean", index_names(nodes_), node_names(1, nodes_), values);
  }

 private:
  static constexpr const char* kFunctions[] = {"tanh", "relu", "identity", "sigmoid"};

 public:
  static std::vector<std::string> functions() { return {std::begin(kFunctions), std::end(kFunctions)}; }

 private:
  Str matrix(const std::string& name) { return outer_.weight(name, {width_, width_}); }

  Str activation(const std::string& name, Str z) {
    if (name == "tanh") return graph_.add("Tanh", {z});
    if (name == "relu") return graph_.add("Relu", {z});
    if (name == "sigmoid") return graph_.add("Sigmoid", {z});
    return graph_.add("Identity", {z});
  }

  /// c f(z) + (1 - c) h, where z and c come from one product.
  Str gated(Str c, Str z, Str h, int64_t node) {
    std::vector<Str> alternatives;
    for (const char* name : kFunctions) alternatives.push_back(activation(name, z));
    return mixed(c, outer_.join("function", "Sum", fmt::format("f{}", node), std::move(alternatives)), h);
  }
  Str mixed(Str c, Str f, Str h) {
    return graph_.add("Add", {h, graph_.add("Mul", {graph_.add("Sigmoid", {c}), graph_.add("Sub", {f, h})})});
  }

  Str first(Str x, Str h) {
    outer_.variable(function_variable(1, functions()));
    const auto from_both = [&](const char* name) {
      return graph_.add("Add", {graph_.add("MatMul", {x, matrix(fmt::format("x{}", name))}),
                                graph_.add("MatMul", {h, matrix(fmt::format("h{}", name))})});
    };
    const Str c = from_both("c"), z = from_both("z");
    return gated(c, z, h, 1);
  }

  Str later(int64_t node, const std::vector<Str>& values) {
    outer_.variable(index_variable(node));
    outer_.variable(function_variable(node, functions()));
    std::vector<Str> alternatives;
    if (own_) {  // what follows an edge has matrices of its own
      for (int64_t j = 1; j < node; ++j) {
        const Str h = values[static_cast<size_t>(j - 1)];
        std::vector<Str> functions;
        for (const char* name : kFunctions) {
          const Str c = graph_.add("MatMul", {h, matrix(fmt::format("c{}{}", j, name))});
          const Str z = graph_.add("MatMul", {h, matrix(fmt::format("z{}{}", j, name))});
          functions.push_back(mixed(c, activation(name, z), h));
        }
        alternatives.push_back(
            outer_.join(fmt::format("function{}", j), "Sum", fmt::format("f{}", node), std::move(functions)));
      }
      return outer_.join("index", "Sum", fmt::format("prev{}", node), std::move(alternatives));
    }
    std::vector<Str> gates, sums, sources;
    for (int64_t j = 1; j < node; ++j) {
      const Str h = values[static_cast<size_t>(j - 1)];
      gates.push_back(graph_.add("MatMul", {h, matrix(fmt::format("c{}", j))}));
      sums.push_back(graph_.add("MatMul", {h, matrix(fmt::format("z{}", j))}));
      sources.push_back(h);
    }
    const std::string variable = fmt::format("prev{}", node);
    const Str c = outer_.join("gate_index", "Sum", variable, std::move(gates));
    const Str z = outer_.join("sum_index", "Sum", variable, std::move(sums));
    const Str h = outer_.join("source_index", "Sum", variable, std::move(sources));
    return gated(c, z, h, node);
  }

  SpaceBuilder& outer_;
  ir::Builder& graph_;
  int64_t width_;
  bool own_;
  int64_t nodes_;
};

}  // namespace

Generated make_dag(const GenerateOptions& options, uint64_t seed) {
  const int64_t features = parse_dims(options.input, 1)[0], width = options.channels, nodes = nodes_of(options, 4);
  SpaceBuilder space("dag");
  ir::Builder& graph = space.graph();
  const Str x = graph.input("x", ir::DataType::float32, {-1, features});
  std::vector<Str> values;
  for (int64_t node = 1; node <= nodes; ++node) {
    space.scope(node_name(node));
    Str z;
    if (node == 1) {
      z = graph.add("Gemm", {x, space.weight("w", {features, width}), space.constant("b", {width}, 0)});
    } else {
      space.variable(index_variable(node));
      std::vector<Str> edges;
      for (int64_t j = 1; j < node; ++j)
        edges.push_back(graph.add(
            "MatMul", {values[static_cast<size_t>(j - 1)], space.weight(fmt::format("w{}", j), {width, width})}));
      z = space.join("index", "Sum", fmt::format("prev{}", node), std::move(edges));
    }
    space.variable(function_variable(node, kDagFunctions));
    std::vector<Str> functions;
    for (const std::string& name : kDagFunctions) functions.push_back(dag_function(graph, name, z));
    values.push_back(space.join("function", "Sum", fmt::format("f{}", node), std::move(functions)));
  }
  space.scope("out");
  const Str mean = space.loose_ends("ends", "Mean", index_names(nodes), node_names(1, nodes), values);
  const Str w = space.weight("w", {width, options.classes}), b = space.constant("b", {options.classes}, 0);
  graph.add("Gemm", {mean, w, b});
  graph.nodes().back().outputs[0] = "logits";
  graph.output("logits", ir::DataType::float32, {-1, options.classes});
  return space.finish("fan-in", seed);
}

// Words [batch, time] -> logits [batch, time, words]. Embedding and output share their matrix, and the state is 0 at
// the beginning of a line.
Generated make_rnn(const GenerateOptions& options, uint64_t seed) {
  const int64_t nodes = nodes_of(options, 8), width = options.channels, words = options.classes;
  SpaceBuilder space("rnn");
  ir::Builder& graph = space.graph();
  const Str x = graph.input("x", ir::DataType::int64, {-1, -1});
  const Str embedding = space.weight("embedding", {words, width});
  const auto swapped = [&](std::vector<int64_t> order) {
    return ir::attributes(ir::ints_attribute("perm", std::move(order)));
  };
  const Str embedded = graph.add("Transpose",
                                 {
                                     graph.add("Gather", {embedding, x}),
                                 },
                                 swapped({1, 0, 2}));
  const Str lines = graph.add("Slice", {graph.add("Shape", {x}), graph.ints({0}), graph.ints({1}), graph.ints({0})});
  const Str dims = graph.add("Concat", {lines, graph.ints({width})}, ir::attributes(ir::int_attribute("axis", 0)));
  const Str start = graph.add("Expand", {graph.number(0), dims});

  // The body is built in the same builder, whose nodes are moved into a graph of their own: weights stay outside.
  std::vector<ir::Node> outer = std::move(graph.nodes());
  graph.nodes().clear();
  const Str last = CellBody(space, options, nodes).run("cell/x", "cell/h");
  graph.add("Identity", {last});
  graph.nodes().back().outputs[0] = "cell/state";
  auto body = std::make_unique<ir::Graph>();
  body->name = "cell";
  const ir::Type type = ir::tensor_type(ir::DataType::float32, {-1, width});
  for (const Str name : {Str("cell/h"), Str("cell/x")}) body->inputs.push_back({name, type, {}, false});
  for (const Str name : {Str("cell/state"), last}) body->outputs.push_back({name, type, {}, false});
  body->nodes = std::move(graph.nodes());
  graph.nodes() = std::move(outer);

  ir::Attribute scanned;
  scanned.name = "body";
  scanned.kind = ir::Attribute::Kind::graph;
  scanned.graphs.push_back(std::move(body));
  space.scope("scan");
  const auto states = graph.add_many("Scan", {start, embedded}, 2,
                                     ir::attributes(std::move(scanned), ir::int_attribute("num_scan_inputs", 1)));
  const Str by_line = graph.add("Transpose", {states[1]}, swapped({1, 0, 2}));
  const Str output = graph.add("Transpose", {embedding}, swapped({1, 0}));
  graph.add("MatMul", {by_line, output});
  graph.nodes().back().outputs[0] = "logits";
  graph.output("logits", ir::DataType::float32, {-1, -1, words});
  return space.finish("uniform:0.1", seed);
}

}  // namespace allot::enas
