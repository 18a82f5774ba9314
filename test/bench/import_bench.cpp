// SPDX-License-Identifier: Apache-2.0
// How long a model takes from mapped file to costs, stage by stage, and what its graph occupies; beside it ONNX's own
// parser and shape inference on the same bytes: import_bench MODEL.onnx [RUNS] -> JSON.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>

#include <onnx/defs/schema.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include "base/file.h"
#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "graph/build.h"
#include "onnxio/reader.h"

namespace {

using namespace allot;

double cpu_ms() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

/// Milliseconds of processor time of the quickest of `runs` calls: others on the machine can only add to it.
double fastest_ms(int runs, const std::function<void()>& body) {
  double best = 1e300;
  for (int run = 0; run < runs; ++run) {
    const double start = cpu_ms();
    body();
    best = std::min(best, cpu_ms() - start);
  }
  return best;
}

template <typename T>
size_t bytes(const std::vector<T>& list) {
  return list.capacity() * sizeof(T);
}
template <typename T>
size_t bytes(const base::Csr<T>& csr) {
  return bytes(csr.begin) + bytes(csr.items);
}
size_t bytes(const base::Names& names) {
  size_t sum = (names.size() + 1) * sizeof(uint32_t);
  for (const std::string_view name : names) sum += name.size();
  return sum;
}

size_t structure_bytes(const graph::OpGraph& g) {
  return bytes(g.inputs) + bytes(g.outputs) + bytes(g.consumers) + bytes(g.producer) + bytes(g.is_output) +
         bytes(g.tensor_bytes) + bytes(g.params) + bytes(g.param_bytes) + bytes(g.predecessors) + bytes(g.successors) +
         bytes(g.unit_of) + bytes(g.members) + bytes(g.type) + bytes(g.node);
}

/// Protobuf messages from the bytes, then ONNX's inference with data propagation: what the reader, name resolution and
/// inference of ours replace. Negative when ONNX refuses the model.
double onnx_ms(const std::string& path, int runs) {
  const auto file = base::Bytes::open(path);
  try {
    return fastest_ms(runs, [&] {
      allot_onnx::ModelProto model;
      if (!model.ParseFromArray(file->data(), static_cast<int>(file->size()))) throw std::runtime_error("parse");
      allot_onnx::shape_inference::InferShapes(model, allot_onnx::OpSchemaRegistry::Instance(),
                                               allot_onnx::ShapeInferenceOptions{false, 0, true});
    });
  } catch (const std::exception&) {
    return -1;
  }
}

int measure(const std::string& path, int runs) {
  const auto cluster = cluster::default_cluster();
  const auto file = base::Bytes::open(path);
  ir::Model model;
  graph::PlanningModel planning;
  graph::Built built;
  cost::CostTable costs;
  const double read_ms = fastest_ms(runs, [&] { model = onnxio::read(path); });
  const double infer_ms = fastest_ms(runs, [&] { planning = graph::prepare(model, {}); });
  const double graph_ms = fastest_ms(runs, [&] { built = graph::build(planning, {}); });
  const double cost_ms =
      fastest_ms(runs, [&] { costs = cost::make_table(built.graph, cost::op_costs(planning, built.graph), cluster); });
  const double total_ms = read_ms + infer_ms + graph_ms + cost_ms;
  const double peer_ms = onnx_ms(path, runs);
  const auto& g = built.graph;
  const size_t names = bytes(g.op_names) + bytes(g.tensor_names) + bytes(g.param_names);
  const size_t table = bytes(costs.time_ps) + bytes(costs.workspace_bytes) + bytes(costs.resident_bytes) +
                       bytes(costs.tensor_bytes) + bytes(costs.ops) + bytes(costs.measured);
  const double ops = std::max(1u, g.num_ops());
  std::printf(
      "{\"schema\": \"allot.bench/1\", \"ops\": %u, \"edges\": %zu, \"nodes\": %zu, \"read_ms\": %.3f, "
      "\"infer_ms\": %.3f, \"graph_ms\": %.3f, \"cost_ms\": %.3f, \"total_ms\": %.3f, \"onnx_ms\": %.3f, "
      "\"graph_bytes_per_op\": %.1f, \"name_bytes_per_op\": %.1f, \"cost_bytes_per_op\": %.1f}\n",
      g.num_ops(), g.inputs.items.size(), model.graph.nodes.size(), read_ms, infer_ms, graph_ms, cost_ms, total_ms,
      peer_ms, static_cast<double>(structure_bytes(g)) / ops, static_cast<double>(names) / ops,
      static_cast<double>(table) / ops);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) return std::fprintf(stderr, "usage: import_bench MODEL.onnx [RUNS]\n"), 64;
  try {
    return measure(argv[1], argc > 2 ? std::max(1, std::atoi(argv[2])) : 5);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "import_bench: %s\n", error.what());
    return 1;
  }
}
