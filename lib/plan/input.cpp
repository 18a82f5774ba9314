// SPDX-License-Identifier: Apache-2.0
#include "plan/input.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "cluster/constraints.h"
#include "cost/fused.h"
#include "onnxio/hash.h"
#include "onnxio/reader.h"
#include "plan/target.h"

namespace allot::plan {
namespace {

using base::Error;
using base::ErrorKind;

int64_t parse_dim(std::string_view text, std::string_view flag, std::string_view whole) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw Error(ErrorKind::usage, fmt::format("{} {}", flag, base::printable(whole)),
                fmt::format("'{}' is not a size", base::printable(text)), "write a whole number that is not negative");
  return value;
}

std::pair<std::string, std::string> split_assignment(const std::string& text, std::string_view flag,
                                                     std::string_view example) {
  const auto equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    throw Error(ErrorKind::usage, fmt::format("{} {}", flag, base::printable(text)), "is not of the form name=value",
                fmt::format("write it like {}", example));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

shape::Bindings::Hint parse_hint(const std::string& text, std::string_view flag, double most) {
  const auto [pattern, number] = split_assignment(text, flag, fmt::format("{} 'decoder=1'", flag));
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size() || !(value >= 0 && value <= most))
    throw Error(ErrorKind::usage, fmt::format("{} {}", flag, base::printable(text)),
                fmt::format("'{}' is not a number from 0 to {}", base::printable(number), most), "correct it");
  return {pattern, value};
}

graph::BuildOptions build_options(const InputOptions& options, const cluster::Constraints& constraints) {
  graph::BuildOptions build;
  using Colocation = graph::BuildOptions::Colocation;
  build.colocation = options.colocation == "none"     ? Colocation::none
                     : options.colocation == "paper"  ? Colocation::paper
                     : options.colocation == "blocks" ? Colocation::blocks
                                                      : Colocation::chain;
  build.groups = constraints.colocate;
  return build;
}

void collect_notes(Input& input) {
  for (const auto& assumption : input.planning.shapes.assumptions)
    input.notes.push_back(fmt::format("dimension '{}' is not bound; assuming {} (bind it with --dim {}=N)",
                                      base::printable(assumption.symbol), assumption.value,
                                      base::printable(assumption.symbol)));
  for (const auto& warning : input.planning.shapes.warnings) input.notes.push_back(warning);
  for (const auto& note : input.notes) base::warn("{}", note);
  base::verbose("{} nodes: {} ops in {} units, {} constant, {} dead", input.planning.model().graph.nodes.size(),
                input.built.graph.num_ops(), input.built.graph.num_units(), input.built.folded.size(),
                input.built.dead.size());
}

/// Puts the model's path in front of what `body` throws, which speaks of nodes and tensors.
template <typename Body>
auto within_model(const Input& input, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw error.within(base::printable(input.path));
  }
}

/// What one set of bound dimensions makes of a model.
struct Bound {
  shape::Bindings bindings;
  graph::PlanningModel planning;
  graph::Built built;
  std::unique_ptr<place::Problem> problem;
};

/// Binds dimensions and gives what they make of the model.
class Binding {
 public:
  Binding(const Input& input, const InputOptions& options)
      : input_(input), options_(options), cluster_(load_cluster(options)) {
    if (options.target == "ort" && options.workload.workload != "inference")
      throw Error(ErrorKind::usage, "--target ort", "ONNX Runtime runs inference; this is a training workload",
                  "leave --target or --workload out");
    if (options.target == "ort") cluster_ = as_ort_session(std::move(cluster_));
    if (!options.constraints.empty()) constraints_ = cluster::load_constraints(options.constraints);
    if (!options.costs.empty() && options.scenario.size() > 1)
      throw Error(ErrorKind::usage, "--scenario", "--costs were measured with one input shape only",
                  "plan each scenario by itself, or leave --costs out");
  }

  Bound operator()(const Scenario& scenario) const {
    Bound bound{.bindings = parse_bindings(options_, input_.model), .planning = {}, .built = {}, .problem = nullptr};
    for (const auto& [symbol, size] : scenario.dims) bound.bindings.dims[symbol] = size;
    auto [graph, costs] = within_model(input_, [&] {
      build(bound);
      auto workload = make_workload(options_.workload, bound.planning, bound.built, cluster_);
      if (fuses())
        workload.second = cost::fuse_table(std::move(workload.second), workload.first, bound.built.fusion, cluster_);
      return workload;
    });
    if (!options_.costs.empty()) {
      const size_t matched = cost::apply_overrides(costs, graph, cluster_, options_.costs);
      base::info("{}: costs of {} of {} ops", base::printable(options_.costs), matched, graph.num_ops());
    }
    within_model(input_, [&] {
      cost::require_runnable(costs, graph, cluster_);
      bound.problem = std::make_unique<place::Problem>(std::move(graph), cluster_, std::move(costs), constraints_,
                                                       place::parse_objective(options_.objective));
    });
    return bound;
  }

 private:
  void build(Bound& bound) const {
    bound.planning = graph::prepare(input_.model, bound.bindings);
    graph::BuildOptions build = build_options(options_, constraints_);
    build.fuse = fuses();
    build.runs_on = [&](ir::NodeId node) { return cost::runs_on(bound.planning, node, cluster_); };
    bound.built = graph::build(bound.planning, build);
    if (bound.built.graph.num_ops() == 0)
      throw Error(ErrorKind::malformed, "", "has no operation to place: every node is constant or dead");
  }

  /// Whoever executes as ONNX Runtime does runs its kernels.
  bool fuses() const {
    return cluster_.simulation.semantics == cluster::Semantics::ort && options_.workload.workload == "inference";
  }

  const Input& input_;
  const InputOptions& options_;
  cluster::Cluster cluster_;
  cluster::Constraints constraints_;
};

void expand_functions(Input& input) {
  input.model = within_model(input, [&] { return std::move(ir::inline_functions(input.model).model); });
  base::info("{}: functions are expanded; the written model differs from the file", base::printable(input.path));
}

/// The first scenario is the one that reports and files describe.
void build_problem(Input& input, const InputOptions& options) {
  if (options.inline_functions && ir::calls_functions(input.model)) expand_functions(input);
  const Binding binding(input, options);
  std::vector<Scenario> scenarios;
  for (const std::string& text : options.scenario) scenarios.push_back(parse_scenario(text));
  if (scenarios.empty()) scenarios.emplace_back();

  Bound main = binding(scenarios.front());
  main.problem->set_weight(scenarios.front().weight);
  for (size_t i = 1; i < scenarios.size(); ++i)
    main.problem->also_serve(std::move(binding(scenarios[i]).problem), scenarios[i].weight);
  input.graph_hash = graph::structure_hash(main.planning, main.built.graph);
  input.fingerprints = graph::fingerprints(main.planning, main.built.graph);
  input.costs_hash = cost::hash(main.problem->costs());
  input.cluster_hash = cluster::hash(main.problem->cluster());
  input.target = options.target;
  input.scenarios = options.scenario;
  input.workload = {options.workload.workload, options.workload.frozen, options.workload.checkpoint_every};
  input.dims = main.bindings.dims;
  for (const auto& assumption : main.planning.shapes.assumptions) input.dims[assumption.symbol] = assumption.value;
  input.planning = std::move(main.planning);
  input.built = std::move(main.built);
  input.problem = std::move(main.problem);
}

}  // namespace

std::vector<NamedInput> load_all(const std::vector<std::string>& model_paths, const InputOptions& options) {
  std::vector<NamedInput> inputs;
  std::set<std::string> names;
  for (const std::string& path : model_paths) {
    const std::string stem = path == "-" ? "model" : std::filesystem::path(path).stem().string();
    std::string name = stem;
    for (int number = 2; !names.insert(name).second; ++number) name = fmt::format("{}-{}", stem, number);
    inputs.push_back({std::move(name), load(path, options)});
  }
  return inputs;
}

std::vector<std::vector<int64_t>> tensor_dims(const Input& input) {
  std::vector<std::vector<int64_t>> dims(input.graph().num_tensors());
  const auto& tensor_of_value = input.built.tensor_of_value;
  for (ir::ValueId value = 0; value < tensor_of_value.size(); ++value)
    if (tensor_of_value[value] != graph::kNone) dims[tensor_of_value[value]] = input.planning.shapes.types[value].dims;
  return dims;
}

cluster::Cluster load_cluster(const InputOptions& options) {
  if (!options.cluster.empty()) return cluster::load(options.cluster);
  if (!options.stored_cluster.empty()) return cluster::parse(options.stored_cluster, "stored placement (cluster)");
  return cluster::default_cluster();
}

void InputOptions::bind(config::Binder& binder) {
  binder.list("dim", dim, "bind a symbolic dimension, e.g. batch=8; x:0 names dimension 0 of input x");
  binder.list("input_shape", input_shape, "bind a whole input, e.g. x=8x3x224x224");
  binder.integer("default_dim", default_dim, "value of dimensions that nothing binds", 0, int64_t{1} << 40);
  binder.list("trip_count", trip_count, "how often loops run, by name pattern, e.g. decoder=20");
  binder.list("then_share", then_share, "how likely an If takes its then branch, by name pattern, e.g. cached=0.9");
  binder.text("cluster", cluster, "cluster file (allot.cluster/1); default: one CPU host and one A100");
  binder.text("costs", costs, "measured costs (allot.costs/1) that override the model");
  binder.text("constraints", constraints, "pin, deny and colocate rules (allot.constraints/1)");
  binder.choice("colocation", colocation, "which ops are bound to one device", {"none", "chain", "paper", "blocks"});
  binder
      .choice("target", target, "the runtime to place for; ort: one host thread, fused kernels, a device a provider",
              {"any", "ort"})
      .tell_when_set(target_given);
  binder.flag("inline_functions", inline_functions, "expand model-local functions in the written file, too");
  workload.bind(binder);
}

void InputOptions::bind_goal(config::Binder& binder) {
  binder.choice("objective", objective, "what placements are chosen for", place::objective_names())
      .tell_when_set(objective_given);
  binder.list("scenario", scenario,
              "place for several input shapes at once, e.g. batch=1,seq=128:0.8 and a weight; the first is reported");
}

void InputOptions::adopt(const place::Sidecar& sidecar) {
  stored_dims = sidecar.dims;
  stored_cluster = sidecar.cluster_text;
  if (!objective_given) objective = sidecar.objective;
  if (sidecar.target != "any" && sidecar.target != "ort")
    throw Error(ErrorKind::malformed, "\"target\"", fmt::format("'{}' is no target", base::printable(sidecar.target)),
                "give a placement file that placer-apply wrote");
  if (!target_given) target = sidecar.target;
  if (scenario.empty()) scenario = sidecar.scenarios;
  if (workload.given) return;
  const auto& [kind, frozen, checkpoint_every] = sidecar.workload;
  workload.workload = kind;
  if (workload.frozen.empty()) workload.frozen = frozen;
  if (workload.checkpoint_every == 0) workload.checkpoint_every = checkpoint_every;
}

shape::Bindings parse_bindings(const InputOptions& options, const ir::Model& model) {
  shape::Bindings bindings;
  bindings.default_dim = options.default_dim;
  for (const auto& text : options.dim) {
    const auto [name, value] = split_assignment(text, "--dim", "--dim batch=8");
    bindings.dims[name] = parse_dim(value, "--dim", text);
  }
  for (const auto& text : options.input_shape) {
    const auto [name, value] = split_assignment(text, "--input-shape", "--input-shape x=8x3x224x224");
    auto& dims = bindings.inputs[name];
    for (size_t begin = 0; begin <= value.size();) {
      const size_t end = std::min(value.find('x', begin), value.size());
      dims.push_back(parse_dim(std::string_view(value).substr(begin, end - begin), "--input-shape", text));
      begin = end + 1;
    }
  }
  for (const auto& text : options.trip_count) bindings.trip_counts.push_back(parse_hint(text, "--trip-count", 1e15));
  for (const auto& text : options.then_share) bindings.then_shares.push_back(parse_hint(text, "--then-share", 1));
  // insert() keeps what the user bound.
  for (const auto& input : model.graph.inputs)
    for (size_t i = 0; i < input.type.dims.size(); ++i) {
      const auto& dim = input.type.dims[i];
      if (dim.value >= 0) continue;
      const auto symbol = dim.symbol.empty() ? fmt::format("{}:{}", input.name, i) : std::string(dim.symbol);
      if (const auto stored = options.stored_dims.find(symbol); stored != options.stored_dims.end())
        bindings.dims.insert(*stored);
    }
  return bindings;
}

Scenario parse_scenario(const std::string& text) {
  Scenario scenario;
  std::string_view left = text;
  // A last ':' in front of a dimension's '=' belongs to its name, as in x:0=8.
  if (const size_t colon = left.rfind(':'); colon != left.npos && left.find('=', colon) == left.npos) {
    const std::string_view weight = left.substr(colon + 1);
    const auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), scenario.weight);
    if (error != std::errc() || end != weight.data() + weight.size())
      throw Error(ErrorKind::usage, "--scenario " + base::printable(text),
                  fmt::format("'{}' is not a weight", base::printable(weight)), "write it like batch=1,seq=128:0.8");
    left = left.substr(0, colon);
  }
  for (size_t begin = 0; begin <= left.size();) {
    const size_t end = std::min(left.find(',', begin), left.size());
    const auto [name, value] =
        split_assignment(std::string(left.substr(begin, end - begin)), "--scenario", "--scenario batch=1,seq=128:0.8");
    scenario.dims[name] = parse_dim(value, "--scenario", text);
    begin = end + 1;
  }
  return scenario;
}

std::vector<cluster::DeviceId> Input::device_of_node(const std::vector<cluster::DeviceId>& device_of_op) const {
  std::vector<cluster::DeviceId> devices(model.graph.nodes.size(), graph::kNone);
  // A function call is one unit: all of its planning nodes agree, so the first that follows an op decides.
  for (uint32_t node = 0; node < built.op_of_node.size(); ++node) {
    auto& device = devices[planning.original_node(node)];
    const graph::OpId op = built.op_of_node[node];
    if (device == graph::kNone && op != graph::kNone) device = device_of_op[op];
  }
  for (auto& device : devices)
    if (device == graph::kNone) device = 0;
  return devices;
}

std::map<std::string, int64_t> bound_dims(const Input& input) {
  std::map<std::string, int64_t> dims = input.dims;
  for (const auto& value : input.model.graph.inputs) {
    const ir::ValueId id = input.planning.values.find(value.name);
    if (id == ir::kNone || !input.planning.shapes.types[id].has_rank) continue;
    const auto& planned = input.planning.shapes.types[id].dims;
    for (size_t i = 0; i < std::min(planned.size(), value.type.dims.size()); ++i)
      if (const auto& dim = value.type.dims[i]; dim.value < 0)
        dims[dim.symbol.empty() ? fmt::format("{}:{}", value.name, i) : std::string(dim.symbol)] = planned[i];
  }
  return dims;
}

std::unique_ptr<Input> load(const std::string& model_path, const InputOptions& options) {
  auto input = std::make_unique<Input>();
  input->path = model_path;
  input->model = onnxio::read(model_path);
  input->model_hash = onnxio::hash_without_weights(input->model);
  input->files.push_back(model_path);
  for (const auto& file : input->model.external) input->files.push_back(file->path());
  for (const auto& file : {options.cluster, options.costs, options.constraints})
    if (!file.empty()) input->files.push_back(file);
  build_problem(*input, options);
  collect_notes(*input);
  return input;
}

}  // namespace allot::plan
