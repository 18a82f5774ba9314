// SPDX-License-Identifier: Apache-2.0
// From files to a placement problem: the options and the path that every placement tool shares.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/binder.h"
#include "graph/build.h"
#include "place/problem.h"
#include "place/sidecar.h"
#include "plan/workload.h"

namespace allot::plan {

/// What describes the model's sizes and the machine it runs on.
struct InputOptions {
  std::vector<std::string> dim, input_shape, trip_count, then_share;
  int64_t default_dim = 1;
  std::string cluster, costs, constraints, colocation = "chain";
  bool inline_functions = false;
  std::string target = "any";
  bool target_given = false;  // `target` was set, be it to its default
  std::string objective = "latency";
  bool objective_given = false;  // `objective` was set, be it to its default
  std::vector<std::string> scenario;
  WorkloadOptions workload;

  void bind(config::Binder& binder);
  /// What placements are chosen for: of no use to commands that place nothing.
  void bind_goal(config::Binder& binder);
  /// What a stored placement says of the things that the user leaves open.
  void adopt(const place::Sidecar& sidecar);

  std::map<std::string, int64_t> stored_dims;  // bound where the model has such a dimension and `dim` does not
  std::string stored_cluster;                  // text, used when `cluster` is empty
};

/// One model on one cluster, ready to place. Parts refer to one another, so it lives on the heap.
struct Input {
  std::string path;
  ir::Model model;  // as read; inlined when asked to
  graph::PlanningModel planning;
  graph::Built built;
  std::unique_ptr<place::Problem> problem;
  std::vector<std::string> fingerprints;
  std::string model_hash, graph_hash, costs_hash, cluster_hash;
  std::string target;                   // as given
  std::vector<std::string> scenarios;   // as given
  place::StoredWorkload workload;       // as given
  std::map<std::string, int64_t> dims;  // every symbol and the value it was given
  std::vector<std::string> notes;       // assumed dimensions, inference warnings: for stderr and the report
  std::vector<std::string> files;       // everything read: for a depfile

  /// What is placed: the model's ops, whose numbers and tensors are those of built.graph, and for training the others.
  const graph::OpGraph& graph() const { return problem->graph(); }
  /// Device by node of `model`'s main graph, from devices by op: folded and dead nodes follow their op, a node that
  /// follows none goes to device 0.
  std::vector<cluster::DeviceId> device_of_node(const std::vector<cluster::DeviceId>& device_of_op) const;
};

/// Reads, infers, costs. Errors carry the model's path in front. A model path of "-" reads standard input.
std::unique_ptr<Input> load(const std::string& model_path, const InputOptions& options);

/// Several models, each with the stem of its file as a name; of equal ones the later get a number: net, net-2.
struct NamedInput {
  std::string name;
  std::unique_ptr<Input> input;
};
std::vector<NamedInput> load_all(const std::vector<std::string>& model_paths, const InputOptions& options);

/// Input::dims, and the sizes of inputs as planned, under the names by which models and --dim know them.
std::map<std::string, int64_t> bound_dims(const Input& input);

/// Shapes of the tensors of Input::graph() [num_tensors]; those that training adds have none.
std::vector<std::vector<int64_t>> tensor_dims(const Input& input);

/// The cluster that the options name: a file, a stored placement's, or the default one.
cluster::Cluster load_cluster(const InputOptions& options);

/// Parses "batch=8", "x=1x3x224x224" and "pattern=0.5" forms and adds the stored dimensions that `model` has. Errors:
/// usage.
shape::Bindings parse_bindings(const InputOptions& options, const ir::Model& model);

/// Parses "batch=1,seq=128:0.8": dimensions that are bound beside those of --dim, and the weight, 1 if left out.
/// Errors: usage.
struct Scenario {
  std::map<std::string, int64_t> dims;
  double weight = 1;
};
Scenario parse_scenario(const std::string& text);

}  // namespace allot::plan
