// SPDX-License-Identifier: Apache-2.0
// Op graphs and costs of the models in the folders of ALLOT_TEST_MODELS and in models/.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/log.h"
#include "cluster/cluster.h"
#include "cost/cost_table.h"
#include "cost/training.h"
#include "onnxio/corpus.h"
#include "onnxio/reader.h"

using namespace allot;

namespace {

struct Planned {
  explicit Planned(const std::string& path, const shape::Bindings& bindings = {})
      : model(onnxio::read(path)),
        planning(graph::prepare(model, bindings)),
        built(graph::build(planning, {})),
        costs(cost::op_costs(planning, built.graph)) {}

  // Multiply-accumulates of convolutions and matrix products.
  int64_t macs() const {
    double flops = 0;
    for (const auto& cost : costs) flops += cost.mac_flops;
    return std::llround(flops / 2);
  }

  int64_t training_flops() const {
    double flops = 0;
    const auto training = graph::expand_training(built, planning, {});
    for (const auto& cost : cost::training_costs(training, costs)) flops += cost.mac_flops;
    return std::llround(flops);
  }

  ir::Model model;
  graph::PlanningModel planning;
  graph::Built built;
  std::vector<cost::OpCost> costs;
};

std::string file_named(const std::string& name) {
  for (const auto& path : test::corpus())
    if (std::filesystem::path(path).filename() == name) return path;
  return "";
}

void check_nodes(const Planned& p) {
  const uint32_t nodes = static_cast<uint32_t>(p.planning.model().graph.nodes.size());
  CHECK(p.built.graph.num_ops() + p.built.folded.size() + p.built.dead.size() == nodes);
  for (graph::OpId op = 0; op < p.built.graph.num_ops(); ++op) CHECK(p.built.op_of_node[p.built.graph.node[op]] == op);
  for (const uint32_t node : p.built.folded) CHECK(p.built.op_of_node[node] != graph::kNone);
}

void check_costs(const Planned& p) {
  const auto cluster = cluster::default_cluster();
  for (const auto& cost : p.costs) {
    CHECK((std::isfinite(cost.mac_flops) && cost.mac_flops >= 0));
    CHECK((std::isfinite(cost.vector_ops) && cost.vector_ops >= 0));
    CHECK((cost.bytes_read >= 0 && cost.bytes_written >= 0 && cost.workspace_bytes >= 0));
    CHECK((cost.op_class == cluster::OpClass::alias) == (cost.launches == 0));
  }
  const auto table = cost::make_table(p.built.graph, p.costs, cluster);
  CHECK_NOTHROW(cost::require_runnable(table, p.built.graph, cluster));
}

}  // namespace

TEST_CASE("every model of the corpus has a sound op graph and finite costs") {
  base::configure_log({"", base::LogLevel::quiet, false, ""});
  size_t planned = 0;
  for (const auto& path : test::corpus()) {
    CAPTURE(path);
    try {
      const Planned p(path);
      CHECK_NOTHROW(graph::check_invariants(p.built.graph));
      check_nodes(p);
      check_costs(p);
      CHECK(graph::structure_hash(p.planning, p.built.graph).size() == 64);
      CHECK(graph::fingerprints(p.planning, p.built.graph).size() == p.built.graph.num_ops());
      ++planned;
    } catch (const base::Error& error) {
      // Some backend cases test what is no valid model; none may be our defect.
      INFO(error.what());
      CHECK(error.kind() != base::ErrorKind::internal);
    }
  }
  if (!test::corpus().empty()) CHECK(planned >= test::corpus().size() * 99 / 100);
}

TEST_CASE("multiply-accumulates of published networks, exactly") {
  const std::vector<std::pair<std::string, int64_t>> cases{{"light_resnet50.onnx", 4'089'184'256},
                                                           {"light_densenet121.onnx", 2'834'161'664},
                                                           {"light_vgg19.onnx", 19'632'062'464}};
  for (const auto& [name, macs] : cases) {
    const auto path = file_named(name);
    if (path.empty()) continue;
    CAPTURE(path);
    CHECK(Planned(path).macs() == macs);
  }
}

// The reference counts 2 flops for each; its fused encoder layers, which it does not see, are off. Its training step is
// an inference and the gradients of the sum of all outputs by all parameters.
TEST_CASE("multiply-accumulates of exported networks, also of training steps, equal PyTorch's FlopCounterMode") {
  struct Case {
    const char* name;
    std::map<std::string, int64_t> dims;
    int64_t flops, training_flops;
  };
  for (const auto& [name, dims, flops, training_flops] :
       {Case{"bert-base.onnx", {{"batch", 1}, {"seq", 128}}, 22'348'431'360, 67'045'294'080},
        Case{"gpt2.onnx", {{"batch", 1}, {"seq", 128}}, 32'228'179'968, 96'684'539'904},
        Case{"transformer-base.onnx", {{"batch", 1}, {"source_seq", 64}, {"target_seq", 48}}, 6'867'517'440, 20'602'552'320},
        Case{"resnet50.onnx", {{"batch", 1}}, 2 * 4'089'184'256, 24'299'077'632}}) {
    CAPTURE(name);
    shape::Bindings bindings;
    bindings.dims = dims;
    const Planned planned(std::string(ALLOT_SOURCE_DIR) + "/models/" + name, bindings);
    CHECK(2 * planned.macs() == flops);
    CHECK(planned.training_flops() == training_flops);
  }
}
