// SPDX-License-Identifier: Apache-2.0
#include "place/placer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>

#include "base/error.h"
#include "base/parallel.h"
#include "place/exact.h"
#include "place/methods.h"
#include "place/stop.h"

namespace allot::place {
namespace {

std::vector<Placer>& registry() {
  static std::vector<Placer> all = {
      {"single", "everything on one device", false, place_single},
      {"contiguous", "one block of the topological order a device, balanced", false, place_contiguous},
      {"cheapest-cuts", "blocks of that order, cut where least is sent", false, place_cheapest_cuts},
      {"expert", "layers, as names tell them, one block a device", false, place_expert},
      {"pipeline", "stages of balanced load, optimal among contiguous ones", false, place_pipeline, nullptr,
       Objective::throughput},
      {"round-robin", "units dealt out in topological order", false, place_round_robin},
      {"m-topo", "topological order, memory balanced", false, place_m_topo},
      {"metis", "min-cut in parts of balanced work", false, place_metis, metis_missing()},
      {"mapping", "partitions mapped onto the cluster by distance", false, place_mapping},
      {"heft", "heterogeneous earliest finish time, with insertion", false, place_heft},
      {"critical-path", "longest remaining path first, where it is done first", false, place_critical_path},
      {"m-etf", "earliest task first, within memory", false, place_m_etf},
      {"m-sct",
       "the same, with favourite successors by linear programming",
       false,
       place_m_sct,
       m_sct_missing(),
       {},
       true},
      {"cem", "cross-entropy method", true, place_cem},
      {"brkga", "genetic search over keys of a list scheduler", true, place_brkga},
      {"exact", "branch and bound, for small graphs", true, place_exact},
      {"scenarios", "the best of the plans for each input shape alone", true, place_scenarios},
      {"anneal", "simulated annealing from the best of the others", true, place_anneal},
      {"multilevel", "for large graphs: coarser ones, then annealing window by window", true, place_multilevel},
      {"fewest-devices", "as few devices as memory allows, annealed", true, place_fewest_devices},
  };
  return all;
}

/// What a constructive method makes of the input shape, of several, that gives the best mean over all.
UnitPlacement best_of_scenarios(const Placer& placer, const Problem& problem, const Budget& budget, Evaluator& all) {
  UnitPlacement best = placer.place(problem, budget);
  Score best_score = all.score_as_written(best);
  for (const auto& [weight, other] : problem.others()) {
    UnitPlacement placement = placer.place(*other, budget);
    if (const Score score = all.score_as_written(placement); score < best_score)
      best = std::move(placement), best_score = score;
  }
  return best;
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
  budget.proved = &result.proved;
  const auto start = std::chrono::steady_clock::now();
  Evaluator evaluator(problem);
  const bool each = !placer.searches && !problem.others().empty();
  try {
    result.placement = each ? best_of_scenarios(placer, problem, budget, evaluator) : placer.place(problem, budget);
  } catch (const base::Stopped&) {
    if (!budget.start) throw;
    result.placement = *budget.start;
  }
  result.score = evaluator.score_as_written(result.placement);
  result.outcome = evaluator.outcome_as_written(result.placement);
  result.proved = result.proved && problem.as_written(result.placement) == problem.expand(result.placement);
  result.evaluations = std::max<uint64_t>(each ? 1 + problem.others().size() : 1, result.evaluations);
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

std::vector<const Placer*> constructive_placers(const Problem& problem, const Budget& budget) {
  std::vector<const Placer*> chosen;
  for (const Placer& placer : registry()) {
    const bool meant = placer.only_for.value_or(problem.objective()) == problem.objective();
    const bool in_time = !placer.patient || (budget.seconds != 0 && problem.graph().num_ops() < kManyOps);
    if (!placer.searches && !placer.missing && meant && in_time) chosen.push_back(&placer);
  }
  return chosen;
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

namespace {

/// What "auto" searches with.
const char* search_for(const Problem& problem) {
  if (problem.objective() == Objective::devices) return "fewest-devices";
  return problem.plain_latency() && problem.graph().num_ops() >= kManyOps ? "multilevel" : "anneal";
}

bool meets_bound(const Problem& problem, const Score& best) {
  return problem.plain_latency() && best.overflow_bytes == 0 && best.value <= problem.bounds().best();
}

/// Equal devices cannot make a graph without parallelism faster (placement 7.3).
bool has_headroom(const Problem& problem, const Score& best) {
  constexpr double kNextToNone = 1.05;
  if (!problem.plain_latency() || best.overflow_bytes > 0 || problem.bounds().parallelism >= kNextToNone) return true;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    for (DeviceId device = 0; device < problem.devices(); ++device)
      if (problem.unit_time_ps(unit, device) != problem.unit_time_ps(unit, 0)) return true;
  return static_cast<double>(best.value) > kNextToNone * static_cast<double>(problem.bounds().best());
}

/// What is left of a budget.
Budget rest(const Problem& problem, const Budget& budget, uint64_t evaluations, double seconds) {
  Budget left = budget;
  if (budget.evaluations > 0 || budget.seconds < 0) {
    const uint64_t most = budget.evaluations > 0 ? budget.evaluations : default_evaluations(problem);
    left.evaluations = most > evaluations ? most - evaluations : 1;
  }
  if (budget.seconds >= 0) left.seconds = std::max(0.0, budget.seconds - seconds);
  return left;
}

class Comparing {
 public:
  Comparing(const Problem& problem, const Budget& budget) : problem_(problem), budget_(budget) {}

  /// `named` is run, too, unless it searches.
  void construct(const Placer& named) {
    std::vector<const Placer*> constructive = constructive_placers(problem_, budget_);
    if (!named.searches && std::find(constructive.begin(), constructive.end(), &named) == constructive.end())
      constructive.push_back(&named);
    result_.methods.resize(constructive.size());
    base::parallel_for(constructive.size(), budget_.threads, [&](size_t i) {
      try {
        end_if_stopped(budget_);
        result_.methods[i] = run_method(*constructive[i], problem_, budget_, reporting_);
      } catch (const base::Stopped&) {  // what others gave is worth keeping
      }
    });
    std::erase_if(result_.methods, [](const MethodResult& result) { return result.method.empty(); });
    if (result_.methods.empty()) throw base::Stopped();
    for (size_t i = 1; i < result_.methods.size(); ++i)
      if (result_.methods[i].score < best().score) result_.best = i;
    for (const MethodResult& method : result_.methods) evaluations_ += method.evaluations;
    result_.curve.push_back({evaluations_, elapsed_s(), best().score});
  }

  /// Runs `placer` from the best so far, on a share of what is left of the budget.
  void search(const Placer& placer, double share = 1) {
    Budget budget = rest(problem_, budget_, evaluations_, elapsed_s());
    budget.evaluations = static_cast<uint64_t>(std::ceil(share * static_cast<double>(budget.evaluations)));
    if (budget.seconds > 0) budget.seconds *= share;
    run(placer, std::move(budget));
  }

  /// What knows such problems already goes first. Without time or evaluations left it still tells what it knows.
  void ask_leading() {
    constexpr double kShare = 0.25;
    for (const Placer& placer : placers())
      if (placer.leads && !placer.missing) search(placer, kShare);
  }

  /// What is planned for several input shapes begins with a plan for each, made as if it were the only one: so it is
  /// never worse than any of these.
  void plan_each_scenario() {
    Budget budget = budget_;
    if (budget.seconds > 0) budget.seconds = std::max(0.0, budget.seconds - elapsed_s()) / 2;
    run(find_placer("scenarios"), std::move(budget));
  }

  /// Half of what is left is for annealing, half to prove that nothing is better, or to find what is.
  void search_and_prove() {
    search(find_placer("anneal"), 0.5);
    search(find_placer("exact"));
  }

  /// Whether the budget may be enough to prove an optimum.
  bool may_prove() {
    constexpr uint64_t kMany = 10'000;
    const Budget left = rest(problem_, budget_, evaluations_, elapsed_s());
    return (left.evaluations == 0 || left.evaluations >= kMany) && is_provable(problem_);
  }

  /// Whether a search could find something better; else says why not.
  bool worth_searching() {
    if (meets_bound(problem_, best().score)) return result_.ending = Ending::optimal, false;
    const bool asked_for = budget_.evaluations > 0 || budget_.seconds >= 0;
    if (!asked_for && !has_headroom(problem_, best().score)) return result_.ending = Ending::no_headroom, false;
    return budget_.seconds != 0;
  }

  void choose(const std::string& method) {
    const auto named = [&](const MethodResult& result) { return result.method == method; };
    result_.best = std::find_if(result_.methods.begin(), result_.methods.end(), named) - result_.methods.begin();
    if (result_.best == result_.methods.size()) throw base::Stopped();  // before it was done
  }

  Comparison finish() {
    if (meets_bound(problem_, best().score)) result_.ending = Ending::optimal;
    return std::move(result_);
  }

 private:
  void run(const Placer& placer, Budget budget) {
    const UnitPlacement start = best().placement;
    budget.start = &start;
    const double before_s = elapsed_s();
    budget.improved = [&](const CurvePoint& point) {
      const std::lock_guard lock(reporting_);
      if (point.best < result_.curve.back().best)
        result_.curve.push_back({evaluations_ + point.evaluations, before_s + point.seconds, point.best});
    };
    result_.methods.push_back(run_method(placer, problem_, budget, reporting_));
    evaluations_ += result_.methods.back().evaluations;
    if (result_.methods.back().score < best().score) result_.best = result_.methods.size() - 1;
    if (best().score < result_.curve.back().best) result_.curve.push_back({evaluations_, elapsed_s(), best().score});
  }

  const MethodResult& best() const { return result_.methods[result_.best]; }
  double elapsed_s() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  const Problem& problem_;
  const Budget& budget_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex reporting_;
  uint64_t evaluations_ = 0;  // so far
  Comparison result_;
};

}  // namespace

Comparison compare(const Problem& problem, const std::string& method, const Budget& budget) {
  const bool automatic = method == "auto";
  const Placer& named = find_placer(automatic ? search_for(problem) : method);
  Comparing comparing(problem, budget);
  comparing.construct(named);
  if (automatic) comparing.ask_leading();
  if (automatic ? comparing.worth_searching() : named.searches) {
    if (automatic && !problem.others().empty()) comparing.plan_each_scenario();
    if (automatic && comparing.may_prove())
      comparing.search_and_prove();
    else
      comparing.search(named);
  }
  if (!automatic) comparing.choose(method);
  return comparing.finish();
}

}  // namespace allot::place
