// SPDX-License-Identifier: Apache-2.0
#include "place/placer.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "base/error.h"
#include "base/parallel.h"
#include "place/methods.h"

namespace allot::place {
namespace {

std::vector<Placer>& registry() {
  static std::vector<Placer> all = {
      {"single", "everything on one device", false, place_single},
      {"contiguous", "one block of the topological order a device, balanced", false, place_contiguous},
      {"expert", "layers, as names tell them, one block a device", false, place_expert},
      {"pipeline", "stages of balanced load, optimal among contiguous ones", false, place_pipeline},
      {"round-robin", "units dealt out in topological order", false, place_round_robin},
      {"m-topo", "topological order, memory balanced", false, place_m_topo},
      {"metis", "min-cut in parts of balanced work", false, place_metis, metis_missing()},
      {"heft", "heterogeneous earliest finish time, with insertion", false, place_heft},
      {"critical-path", "longest remaining path first, where it is done first", false, place_critical_path},
      {"m-etf", "earliest task first, within memory", false, place_m_etf},
      {"anneal", "simulated annealing from the best of the others", true, place_anneal},
  };
  return all;
}

MethodResult run_method(const Placer& placer, const Problem& problem, const Budget& shared, std::mutex& reporting) {
  MethodResult result;
  result.method = placer.name;
  Budget budget = shared;
  budget.progress = [&](uint64_t evaluations, const Score& best) {
    result.evaluations = evaluations;
    if (!shared.progress) return;
    const std::lock_guard lock(reporting);
    shared.progress(evaluations, best);
  };
  const auto start = std::chrono::steady_clock::now();
  result.placement = placer.place(problem, budget);
  Evaluator evaluator(problem);
  result.score = evaluator.score(result.placement);
  result.outcome = evaluator.outcome(result.placement);
  result.evaluations = std::max<uint64_t>(1, result.evaluations);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

uint64_t default_evaluations(const Problem& problem) {
  constexpr uint64_t kOpVisits = 20'000'000;
  return std::clamp<uint64_t>(kOpVisits / std::max(1u, problem.graph().num_ops()), 100, 20'000);
}

const std::vector<Placer>& placers() { return registry(); }

void register_placer(Placer placer) {
  for (const Placer& known : registry()) ALLOT_ASSERT(known.name != placer.name);
  ALLOT_ASSERT(placer.name != "auto");
  registry().push_back(std::move(placer));
}

const Placer& find_placer(const std::string& name) {
  std::vector<std::string> names;
  for (const Placer& placer : registry()) {
    if (placer.name == name && placer.missing)
      throw base::Error(base::ErrorKind::unavailable, fmt::format("placement method '{}'", name),
                        fmt::format("this build lacks {}", placer.missing));
    if (placer.name == name) return placer;
    names.push_back(placer.name);
  }
  names.push_back("auto");
  throw base::Error(base::ErrorKind::usage, "placement method", fmt::format("unknown: '{}'", base::printable(name)),
                    base::suggestion(name, names));
}

Comparison compare(const Problem& problem, const std::string& method, const Budget& budget) {
  const bool all = method == "auto";
  const Placer* const named = all ? nullptr : &find_placer(method);
  std::vector<const Placer*> chosen;
  for (const Placer& placer : registry())
    if (!placer.missing && (all || !placer.searches || &placer == named)) chosen.push_back(&placer);

  Comparison result;
  result.methods.resize(chosen.size());
  std::mutex reporting;
  base::parallel_for(chosen.size(), budget.threads,
                     [&](size_t i) { result.methods[i] = run_method(*chosen[i], problem, budget, reporting); });
  for (size_t i = 0; i < chosen.size(); ++i) {
    const bool better = all ? result.methods[i].score < result.methods[result.best].score : chosen[i] == named;
    if (better) result.best = i;
  }
  return result;
}

}  // namespace allot::place
