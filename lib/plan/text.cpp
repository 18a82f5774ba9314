// SPDX-License-Identifier: Apache-2.0
#include "plan/text.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "cli/table.h"
#include "config/units.h"
#include "graph/statistics.h"

namespace allot::plan {
namespace {

std::string time_text(int64_t ps) { return config::human_time(static_cast<double>(ps) * 1e-12); }
std::string bytes_text(int64_t bytes) { return config::human_bytes(static_cast<double>(bytes)); }

int64_t fastest_ps(const Input& input, graph::OpId op) {
  int64_t best = cost::kCannotRun;
  for (cluster::DeviceId device = 0; device < input.problem->devices(); ++device)
    best = std::min(best, input.problem->costs().time(op, device));
  return best;
}

double total_mac_flops(const Input& input) {
  double sum = 0;
  for (const auto& op : input.problem->costs().ops) sum += op.mac_flops;
  return sum;
}

// Kernels are fused there and one host thread launches them: what was optimised may come out otherwise.
std::string ort_text(const Placed& placed) {
  if (!placed.ort_makespan_ps) return "";
  return fmt::format("as ONNX Runtime runs it {} (place for that with --target ort)\n",
                     time_text(*placed.ort_makespan_ps));
}

// What the objective says of the chosen placement, where it is not the makespan in the table.
std::string objective_text(const Input& input, const Placed& placed) {
  const int64_t value = placed.comparison.methods[placed.comparison.best].score.value;
  const std::string shown = place::value_text(input.problem->objective(), value);
  std::string text;
  switch (input.problem->objective()) {
    case place::Objective::throughput:
      text = fmt::format("interval between results {}: the largest load of a device or wire\n", shown);
      break;
    case place::Objective::devices:
      text = fmt::format("devices used: {}\n", shown);
      break;
    case place::Objective::memory:
      text = fmt::format("fullest device: {} of its memory\n", shown);
      break;
    case place::Objective::latency:
      break;
  }
  if (const size_t others = input.problem->others().size())
    text += fmt::format("makespans are weighted means over {} input shapes; the other columns are those of the first\n",
                        others + 1);
  return text;
}

// A remark that keeps users from searching for gains that cannot exist.
std::string headroom_text(const Input& input, const Placed& placed) {
  const auto& bounds = input.problem->bounds();
  const auto best = placed.comparison.methods[placed.comparison.best].score.makespan_ps;
  if (!input.problem->plain_latency()) return "";
  if (placed.comparison.ending == place::Ending::optimal)
    return "This placement is optimal: it meets the lower bound.\n";
  if (static_cast<double>(best) <= 1.005 * static_cast<double>(bounds.best()))
    return "This placement is optimal to within 0.5 %: it meets the lower bound.\n";
  for (const auto& method : placed.comparison.methods)
    if (method.proved) return fmt::format("No placement is better than that of {}, which proved it.\n", method.method);
  const std::string gap =
      fmt::format("At most {:.1f} % below this could be possible.\n",
                  100.0 * (1 - static_cast<double>(bounds.best()) / static_cast<double>(std::max<int64_t>(1, best))));
  if (input.problem->devices() > 1 && bounds.parallelism < 1.05)
    return gap + "The graph has next to no parallelism: several equal devices cannot make one run of it faster.\n";
  return gap;
}

std::string robustness_text(const Placed& placed) {
  if (!placed.robustness) return "";
  const auto& [runner_up, draws, better] = *placed.robustness;
  return fmt::format("With costs wrong by up to 20 % it stays no slower than {} in {} of {} draws.\n", runner_up,
                     better, draws);
}

// What a training step adds to the inference it is made of; "" for an inference.
std::string training_text(const Input& input) {
  const uint32_t forward = input.built.graph.num_ops(), all = input.graph().num_ops();
  if (all == forward) return "";
  double once = 0;
  for (graph::OpId op = 0; op < forward; ++op) once += input.problem->costs().ops[op].mac_flops;
  return fmt::format("{} operations for {} of the model; {:.3f} x its multiply-adds", all, forward,
                     once > 0 ? total_mac_flops(input) / once : 0);
}

}  // namespace

std::string score_text(const place::Problem& problem, const place::Score& score) {
  std::string text = place::value_text(problem.objective(), score.value);
  if (score.overflow_bytes > 0) return text + ", if memory sufficed";
  const auto bound = static_cast<double>(problem.bounds().best());
  if (problem.plain_latency() && bound > 0)
    text += fmt::format(", {:.1f} % above the bound", 100 * (static_cast<double>(score.value) / bound - 1));
  return text;
}

std::string methods_text(const Input& input, const Placed& placed) {
  const auto& cluster = input.problem->cluster();
  const auto& bounds = input.problem->bounds();
  const auto objective = input.problem->objective();
  const bool latency = objective == place::Objective::latency;
  std::vector<std::string> header = {"", "method"};
  if (!latency)
    header.push_back(objective == place::Objective::throughput ? "interval" : std::string(place::name(objective)));
  header.insert(header.end(), {"makespan", "/ bound"});
  for (const auto& device : cluster.devices) header.push_back("peak " + device.name);
  header.insert(header.end(), {"crossings", "moved", "evaluations"});
  cli::Table table(header);
  for (size_t i = 0; i < placed.comparison.methods.size(); ++i) {
    const auto& method = placed.comparison.methods[i];
    std::vector<std::string> row = {i == placed.comparison.best ? "*" : "", method.method};
    if (!latency) row.push_back(place::value_text(objective, method.score.value));
    row.insert(row.end(), {time_text(method.score.makespan_ps),
                           fmt::format("{:.3f}", static_cast<double>(method.score.makespan_ps) /
                                                     static_cast<double>(std::max<int64_t>(1, bounds.best())))});
    for (cluster::DeviceId device = 0; device < cluster.size(); ++device) {
      const bool over = std::any_of(method.outcome.out_of_memory.begin(), method.outcome.out_of_memory.end(),
                                    [&](const auto& excess) { return excess.device == device; });
      row.push_back(bytes_text(method.outcome.peak_bytes[device]) + (over ? " OVER" : ""));
    }
    row.insert(row.end(), {fmt::format("{}", method.outcome.crossings), bytes_text(method.outcome.bytes_moved),
                           fmt::format("{}", method.evaluations)});
    table.row(row);
  }
  return table.str() +
         fmt::format("\nlower bound {} by {} (critical path {}, work {}), parallelism {:.2f}\n",
                     time_text(bounds.best()), bounds.binding(), time_text(bounds.critical_path_ps),
                     time_text(bounds.work_ps), bounds.parallelism) +
         objective_text(input, placed) + ort_text(placed) + headroom_text(input, placed) + robustness_text(placed);
}

std::string totals_text(const Input& input) {
  const auto& graph = input.graph();
  const auto statistics = graph::statistics(graph);
  const auto& bounds = input.problem->bounds();
  int64_t activations = 0;
  for (const int64_t bytes : input.problem->costs().tensor_bytes) activations += bytes;
  cli::Table table({"", base::printable(input.path, 60)});
  table.row({"operations", fmt::format("{} in {} units ({} constant, {} dead nodes left out)", statistics.ops,
                                       statistics.units, input.built.folded.size(), input.built.dead.size())});
  table.row(
      {"edges", fmt::format("{} (depth {}, width {})", statistics.edges, statistics.depth, statistics.max_width)});
  if (const auto text = training_text(input); !text.empty()) table.row({"training step", text});
  table.row({"multiply-adds", config::human_count(total_mac_flops(input) / 2) + "MAC"});
  table.row({"parameters", bytes_text(statistics.param_bytes)});
  table.row({"activations", bytes_text(activations)});
  table.row({"critical path", time_text(bounds.critical_path_ps)});
  table.row({"total work",
             time_text(static_cast<int64_t>(bounds.parallelism * static_cast<double>(bounds.critical_path_ps)))});
  table.row({"parallelism", fmt::format("{:.2f}", bounds.parallelism)});
  return table.str();
}

std::string top_operators_text(const Input& input, size_t count) {
  struct Sum {
    uint32_t ops = 0;
    double mac_flops = 0;
    int64_t time_ps = 0, bytes = 0;
  };
  std::vector<Sum> sums(input.graph().type_names.size());
  int64_t total = 0;
  for (graph::OpId op = 0; op < input.graph().num_ops(); ++op) {
    auto& sum = sums[input.graph().type[op]];
    const auto& cost = input.problem->costs().ops[op];
    ++sum.ops;
    sum.mac_flops += cost.mac_flops;
    sum.bytes += cost.bytes_read + cost.bytes_written;
    sum.time_ps += fastest_ps(input, op);
    total += fastest_ps(input, op);
  }
  std::vector<size_t> order(sums.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return sums[a].time_ps > sums[b].time_ps; });
  cli::Table table({"operator", "ops", "time", "share", "MAC", "traffic"});
  for (size_t i = 0; i < std::min(count, order.size()); ++i) {
    const Sum& sum = sums[order[i]];
    table.row({input.graph().type_names[order[i]], fmt::format("{}", sum.ops), time_text(sum.time_ps),
               fmt::format("{:.1f} %",
                           100.0 * static_cast<double>(sum.time_ps) / static_cast<double>(std::max<int64_t>(1, total))),
               config::human_count(sum.mac_flops / 2), bytes_text(sum.bytes)});
  }
  return table.str();
}

}  // namespace allot::plan
