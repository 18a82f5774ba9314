// SPDX-License-Identifier: Apache-2.0
// A model from bytes to a plan: scan, names, functions, shapes, op graph, costs, a placement, and the bytes again.
#include "fuzz/target.h"
#include "graph/build.h"
#include "onnxio/reader.h"
#include "place/placer.h"

void allot::fuzz::parse(std::string_view bytes) {
  const auto model = onnxio::read(base::Bytes::from(std::string(bytes), "model.onnx"));
  const auto planning = graph::prepare(model, {});
  auto built = graph::build(planning, {});
  if (built.graph.num_ops() > 10'000) return;
  const auto cluster = cluster::default_cluster();
  auto costs = cost::make_table(built.graph, cost::op_costs(planning, built.graph), cluster);
  cost::require_runnable(costs, built.graph, cluster);
  const place::Problem problem(std::move(built.graph), cluster, std::move(costs));
  place::Evaluator(problem).score(place::find_placer("heft").place(problem, {}));
}
