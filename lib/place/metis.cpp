// SPDX-License-Identifier: Apache-2.0
// Min-cut by METIS, where the build found it (ALLOT_METIS).
#include "place/methods.h"

#ifdef ALLOT_METIS
#include <algorithm>
#include <cstdio>
#include <mutex>
#include <numeric>

#include <metis.h>

#include "base/error.h"
#include "place/memory_estimate.h"
#include "place/repair.h"
#include "place/shares.h"
#include "place/unit_graph.h"

namespace allot::place {
namespace {

constexpr double kMostWeight = 1 << 30;  // of all vertices or edges together: METIS counts with 32 bits
constexpr idx_t kFewUnits = 20'000;
constexpr uint32_t kMostRecursive = 8;  // parts for which METIS' manual prefers recursive bisection

/// Scaled so that they add up to what METIS can count; what is not zero stays so.
std::vector<idx_t> weights(const std::vector<double>& values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  const double scale = sum > 0 ? std::min(1.0, kMostWeight / sum) : 1.0;
  std::vector<idx_t> scaled;
  for (const double value : values) scaled.push_back(value > 0 ? std::max(1, static_cast<idx_t>(value * scale)) : 0);
  return scaled;
}

/// A graph as METIS takes it: compressed rows, one or two weights a vertex (time, bytes), one an edge.
struct MetisGraph {
  std::vector<idx_t> begin, neighbours, vertex_weights, edge_weights;
  std::vector<real_t> shares;  // [device * constraints + constraint]
  idx_t constraints = 1;

  explicit MetisGraph(const Problem& problem) {
    const UnitGraph graph = unit_graph(problem);
    begin.assign(graph.neighbours.begin.begin(), graph.neighbours.begin.end());
    neighbours.assign(graph.neighbours.items.begin(), graph.neighbours.items.end());
    edge_weights = weights({graph.bytes.begin(), graph.bytes.end()});
    for (idx_t& weight : edge_weights) weight = std::max(1, weight);

    const auto units = problem.graph().num_units();
    std::vector<double> times, bytes;
    for (UnitId unit = 0; unit < units; ++unit) {
      times.push_back(mean_unit_time_ps(problem, unit));
      bytes.push_back(static_cast<double>(unit_bytes(problem, unit)));
    }
    const std::vector<double> by_time = time_shares(problem);
    const std::vector<idx_t> time_weights = weights(times), byte_weights = weights(bytes);
    if (memory_may_run_out(problem)) constraints = 2;
    for (UnitId unit = 0; unit < units; ++unit) {
      vertex_weights.push_back(time_weights[unit]);
      if (constraints == 2) vertex_weights.push_back(byte_weights[unit]);
    }
    const std::vector<double> by_memory = memory_shares(problem);
    for (DeviceId device = 0; device < problem.devices(); ++device) {
      shares.push_back(static_cast<real_t>(by_time[device]));
      if (constraints == 2) shares.push_back(static_cast<real_t>(by_memory[device]));
    }
  }
};

/// METIS remarks on parts that stay empty on standard output, which belongs to the command's own data.
class MutedOutput {
 public:
  MutedOutput() {
    if (nowhere_) stdout = nowhere_;
  }
  ~MutedOutput() {
    stdout = output_;
    if (nowhere_) std::fclose(nowhere_);
  }
  MutedOutput(const MutedOutput&) = delete;
  MutedOutput& operator=(const MutedOutput&) = delete;

 private:
  std::FILE* const output_ = stdout;
  std::FILE* const nowhere_ = std::fopen("/dev/null", "w");
};

std::vector<idx_t> partition(const Problem& problem) {
  MetisGraph graph(problem);
  idx_t units = static_cast<idx_t>(problem.graph().num_units()), parts = static_cast<idx_t>(problem.devices()), cut = 0;
  std::vector<idx_t> part(static_cast<size_t>(units), 0);
  if (parts == 1 || units < 2) return part;
  idx_t options[METIS_NOPTIONS];
  METIS_SetDefaultOptions(options);
  options[METIS_OPTION_SEED] = 1;
  options[METIS_OPTION_NCUTS] = units < kFewUnits ? 4 : 1;  // the best of several
  const auto method = problem.devices() <= kMostRecursive ? METIS_PartGraphRecursive : METIS_PartGraphKway;
  static std::mutex alone;  // METIS draws from the C library's one generator
  const std::lock_guard lock(alone);
  const MutedOutput muted;
  const int status =
      method(&units, &graph.constraints, graph.begin.data(), graph.neighbours.data(), graph.vertex_weights.data(),
             nullptr, graph.edge_weights.data(), &parts, graph.shares.data(), nullptr, options, &cut, part.data());
  if (status != METIS_OK)
    throw base::Error(base::ErrorKind::internal, "METIS", fmt::format("stopped with status {}", status));
  return part;
}

}  // namespace

UnitPlacement place_metis(const Problem& problem, const Budget& budget) {
  const std::vector<idx_t> part = partition(problem);
  UnitPlacement placement(part.size());
  for (UnitId unit = 0; unit < placement.size(); ++unit) {
    const auto device = static_cast<DeviceId>(part[unit]);
    placement[unit] = problem.allowed(unit, device) ? device : problem.fastest(unit);
  }
  return repaired(problem, std::move(placement), budget);
}

const char* metis_missing() { return nullptr; }

}  // namespace allot::place

#else

namespace allot::place {

const char* metis_missing() { return "METIS; install libmetis-dev and build again with -DALLOT_METIS=ON"; }
UnitPlacement place_metis(const Problem& problem, const Budget& budget) { return place_contiguous(problem, budget); }

}  // namespace allot::place

#endif
