// SPDX-License-Identifier: Apache-2.0
#include "plan/placed.h"

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "cli/app.h"
#include "cli/progress.h"
#include "cli/version.h"
#include "config/units.h"
#include "plan/target.h"

namespace allot::plan {
namespace {

using base::Error;
using base::ErrorKind;

std::vector<place::PlacedOp> placed_ops(const Input& input, const std::vector<cluster::DeviceId>& placement) {
  const auto& graph = input.graph();
  std::vector<place::PlacedOp> ops(input.built.graph.num_ops());  // of the model: those of training follow them
  for (graph::OpId op = 0; op < ops.size(); ++op) {
    auto& placed = ops[op];
    placed.name = graph.op_names[op];
    placed.op = graph.type_names[graph.type[op]];
    placed.device = input.problem->cluster().devices[placement[op]].name;
    placed.fingerprint = input.fingerprints[op];
    placed.index = input.planning.original_node(graph.node[op]);
    for (const graph::TensorId tensor : graph.outputs[op]) placed.outputs.emplace_back(graph.tensor_names[tensor]);
  }
  return ops;
}

place::Sidecar make_sidecar(const Input& input, const Placed& placed, const place::Budget& budget) {
  const auto& chosen = placed.comparison.methods[placed.comparison.best];
  place::Sidecar sidecar;
  sidecar.model_path = std::filesystem::path(input.path).filename().string();
  sidecar.model_hash = input.model_hash;
  sidecar.graph_hash = input.graph_hash;
  sidecar.costs_hash = input.costs_hash;
  sidecar.cluster_hash = input.cluster_hash;
  sidecar.cluster_text = cluster::dump(input.problem->cluster());
  sidecar.cost_model_version = cost::kModelVersion;
  sidecar.dims = input.dims;
  sidecar.placement = placed_ops(input, placed.placement);
  sidecar.metrics = place::metrics_of(*input.problem, placed.outcome);
  for (const auto& method : placed.comparison.methods)
    sidecar.baselines.push_back(
        {method.method, static_cast<double>(method.score.makespan_ps) * 1e-6, method.score.overflow_bytes == 0});
  sidecar.method = chosen.method;
  sidecar.version = std::string(cli::version());
  sidecar.seed = budget.seed;
  sidecar.evaluations = chosen.evaluations;
  sidecar.objective = place::name(input.problem->objective());
  sidecar.target = input.target;
  sidecar.scenarios = input.scenarios;
  sidecar.workload = input.workload;
  if (placed.robustness)
    sidecar.robustness = {placed.robustness->runner_up, placed.robustness->draws, placed.robustness->better};
  return sidecar;
}

void require_fit(const Input& input, const place::MethodResult& best) {
  if (best.score.overflow_bytes == 0) return;
  std::string over;
  for (const auto& excess : best.outcome.out_of_memory)
    over += fmt::format("{}{} lacks {}", over.empty() ? "" : ", ", input.problem->cluster().devices[excess.device].name,
                        config::human_bytes(static_cast<double>(excess.over_bytes)));
  throw Error(ErrorKind::out_of_memory, base::printable(input.path),
              fmt::format("no placement was found that fits: at best ({}) {}", best.method, over),
              "use larger or more devices, a smaller batch (--dim), or more evaluations");
}

/// Tells how many shapes a file puts on the host.
void tell_of_moved_shapes(const place::Problem& problem, const place::UnitPlacement& units) {
  const auto together = problem.expand(units), written = problem.as_written(units);
  size_t moved = 0;
  for (graph::OpId op = 0; op < written.size(); ++op) moved += written[op] != together[op];
  if (moved > 0)
    base::info(
        "{} Shape or Size ops moved to the CPU, where what they tell is used: ONNX Runtime could not load them "
        "elsewhere",
        moved);
}

}  // namespace

void SearchOptions::bind(config::Binder& binder) {
  std::vector<std::string> methods = {"auto"};
  for (const auto& placer : place::placers()) methods.push_back(placer.name);
  methods.push_back("policy");  // registered once there is one (plan/learned.h)
  binder.choice("method", method, "how to place; auto searches from the best of the quick ones", methods);
  binder.integer("evaluations", evaluations, "simulations that a search may spend; 0 = about 20 million op visits", 0,
                 int64_t{1} << 40);
  binder.number("seconds", seconds, "time that a search may spend; -1 = limited by evaluations alone", -1, 1e9);
}

place::Budget SearchOptions::budget(uint64_t seed, unsigned threads) const {
  place::Budget budget;
  budget.evaluations = static_cast<uint64_t>(evaluations);
  budget.seconds = seconds;
  budget.seed = seed;
  budget.threads = threads;
  budget.stop = &cli::stop_requested();
  return budget;
}

Placed place_model(const Input& input, const SearchOptions& search, const place::Budget& budget) {
  place::Budget with_progress = budget;
  std::mutex mutex;
  cli::Progress progress("placing",
                         budget.evaluations ? budget.evaluations : place::default_evaluations(*input.problem));
  with_progress.progress = [&](uint64_t done, const place::Score& best) {
    const std::scoped_lock lock(mutex);
    progress.update(done, config::human_time(static_cast<double>(best.makespan_ps) * 1e-12));
  };
  return describe(input, place::compare(*input.problem, search.method, with_progress), budget);
}

Placed describe(const Input& input, place::Comparison comparison, const place::Budget& budget) {
  Placed placed;
  placed.comparison = std::move(comparison);
  const auto& chosen = placed.comparison.methods[placed.comparison.best];
  require_fit(input, chosen);
  placed.placement = input.problem->as_written(chosen.placement);
  tell_of_moved_shapes(*input.problem, chosen.placement);
  sim::Simulator simulator(input.graph(), input.problem->costs(), input.problem->cluster());
  placed.outcome = simulator.run(placed.placement, {.memory = true, .timeline = true, .critical = true});
  placed.timed = budget.seconds > 0;
  if (budget.seconds != 0) placed.robustness = place::robustness(*input.problem, placed.comparison, budget);
  placed.ort_makespan_ps = ort_makespan_ps(input, placed.placement);
  placed.sidecar = make_sidecar(input, placed, budget);
  return placed;
}

void note_groups(const Input& input, const place::GroupOfUnit& groups, Placed& placed) {
  const auto names = place::group_names(*input.problem, groups, placed.placement);
  for (graph::OpId op = 0; op < placed.sidecar.placement.size(); ++op) placed.sidecar.placement[op].group = names[op];
}

Placed use_placement(const Input& input, const place::Sidecar& stored, const std::string& path) {
  const auto restored = place::restore(*input.problem, input.fingerprints, stored);
  if (!restored.unmatched.empty())
    throw Error(
        ErrorKind::malformed, base::printable(path),
        fmt::format("does not place {} of the model's {} ops, the first is '{}'", restored.unmatched.size(),
                    input.built.graph.num_ops(), base::printable(input.graph().op_names[restored.unmatched[0]])),
        "place the model anew: leave --placement out");
  const auto homeless = std::find(restored.placement.begin(), restored.placement.end(), graph::kNone);
  if (homeless != restored.placement.end()) {
    const auto unit = static_cast<graph::UnitId>(homeless - restored.placement.begin());
    throw Error(ErrorKind::malformed, base::printable(path),
                fmt::format("places '{}' on a device that this cluster lacks or that may not run it",
                            base::printable(input.graph().op_names[input.graph().members[unit].front()])),
                "use the cluster that the placement was made for, or leave --placement out");
  }
  const place::Budget none;
  auto comparison = place::compare(*input.problem, "single", none);
  place::MethodResult given;
  given.method = "given";
  given.placement = restored.placement;
  place::Evaluator evaluator(*input.problem);
  given.score = evaluator.score_as_written(given.placement);
  given.outcome = evaluator.outcome_as_written(given.placement);
  given.evaluations = 1;
  comparison.best = comparison.methods.size();
  comparison.methods.push_back(std::move(given));
  Placed placed = describe(input, std::move(comparison), none);
  for (graph::OpId op = 0; op < restored.groups.size(); ++op) placed.sidecar.placement[op].group = restored.groups[op];
  return placed;
}

}  // namespace allot::plan
