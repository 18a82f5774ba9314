// SPDX-License-Identifier: Apache-2.0
#include "place/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace allot::place {
namespace {

void compare_metrics(const Metrics& before, const Metrics& after, bool fresh, const Tolerances& tolerances,
                     std::vector<Regression>& regressions) {
  const auto compare = [&](const char* metric, const std::string& device, double was, double is, double tolerance) {
    if (is > was * (1 + tolerance)) regressions.push_back({fresh, metric, device, was, is});
  };
  compare("makespan_us", "", before.makespan_us, after.makespan_us, tolerances.makespan);
  for (const auto& [device, bytes] : after.peak_bytes) {
    const auto was = before.peak_bytes.find(device);
    const int64_t stored = was == before.peak_bytes.end() ? 0 : was->second;
    compare("peak_bytes", device, static_cast<double>(stored), static_cast<double>(bytes), tolerances.peak_memory);
  }
  compare("overflow_bytes", "", static_cast<double>(before.overflow_bytes), static_cast<double>(after.overflow_bytes),
          tolerances.peak_memory);
  compare("crossings", "", before.crossings, after.crossings, tolerances.crossings);
}

// Why the stored placement cannot run today; "" if it can, and then `metrics` are set.
std::string rescore(const Problem& problem, const std::vector<std::string>& fingerprints, const Sidecar& baseline,
                    Metrics& metrics) {
  const Restored restored = restore(problem, fingerprints, baseline);
  const auto homeless = std::find(restored.placement.begin(), restored.placement.end(), graph::kNone);
  if (homeless != restored.placement.end()) {
    const auto units = std::count(homeless, restored.placement.end(), graph::kNone);
    const auto unit = static_cast<UnitId>(homeless - restored.placement.begin());
    const OpId op = problem.graph().members[unit].front();
    return fmt::format("{} of {} units have no stored device that may run them, the first with {}", units,
                       restored.placement.size(), base::printable(problem.graph().op_names[op]));
  }
  try {
    metrics = metrics_of(problem, Evaluator(problem).outcome_as_written(restored.placement));
    return "";
  } catch (const base::Error& error) {  // devices that must talk have lost their route
    if (error.kind() != base::ErrorKind::unavailable) throw;
    return error.what();
  }
}

}  // namespace

CheckReport check(const Problem& problem, const std::vector<std::string>& fingerprints, const Sidecar& baseline,
                  const Sidecar& fresh, const Tolerances& tolerances) {
  CheckReport report;
  report.tolerances = tolerances;
  report.file_changed = baseline.model_hash != fresh.model_hash;
  report.model_changed = baseline.graph_hash != fresh.graph_hash;
  report.cluster_changed = baseline.cluster_hash != fresh.cluster_hash;
  report.costs_changed = baseline.cost_model_version != fresh.cost_model_version ||
                         (!report.model_changed && baseline.costs_hash != fresh.costs_hash);
  report.changes = compare_placements(baseline, fresh);
  report.placement_changed = report.changes.moved_ops > 0;

  report.stored = baseline.metrics;
  report.fresh = fresh.metrics;
  report.obstacle = rescore(problem, fingerprints, baseline, report.rescored);
  report.rescorable = report.obstacle.empty();
  if (report.rescorable) compare_metrics(report.stored, report.rescored, false, tolerances, report.regressions);
  compare_metrics(report.stored, report.fresh, true, tolerances, report.regressions);
  return report;
}

}  // namespace allot::place
