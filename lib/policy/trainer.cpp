// SPDX-License-Identifier: Apache-2.0
#include "policy/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "base/rng.h"
#include "base/stopped.h"
#include "policy/rank_wire.h"

namespace allot::policy {
namespace {

constexpr uint32_t kEliteStream = 0x656C69;
constexpr size_t kImitated = 8;          // distinct placements (placement 7.3)
constexpr double kWorthImitating = 1.1;  // of the best one's value

/// Standard deviation about the mean, or 1 where there is none to speak of.
double deviation(const std::vector<double>& values, double mean) {
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double result = std::sqrt(squares / std::max<double>(1, static_cast<double>(values.size())));
  return result > 1e-9 ? result : 1;
}

}  // namespace

Trainer::Trainer(Policy& policy, const LearningSettings& settings, std::vector<std::unique_ptr<Task>> tasks,
                 TrainerOptions options)
    : policy_(policy), settings_(settings), tasks_(std::move(tasks)), options_(options) {
  for (const auto& task : tasks_) {
    policy.network(task->instance);  // serves it, or says why not
    // An update that has learnt is finished, even when asked to stop: a resumed run could not tell how far it got.
    local_searches_.push_back(std::make_unique<place::LocalSearch>(
        task->problem, place::LocalSearchOptions{.seed = options_.seed, .threads = options_.threads}));
    task->baseline = settings_.relative ? 0 : cost_of({.score = {}, .executed = false, .why = {}}, *task, settings_);
    task->moves = policy.moves();
    task->has_baseline = !settings_.relative;  // the published ones begin with the failing signal
  }
  const auto learner = [&](Network* network) {
    return network ? std::make_unique<Learner>(*network, settings_, options_.threads, in_step()) : nullptr;
  };
  flat_ = learner(policy.flat());
  hierarchical_ = learner(policy.grouping());
  if (options_.team && !options_.in_step && options_.team->is_first())
    server_ = std::make_unique<ParameterServer>(*options_.team, learner_of());
}

Learner& Trainer::learner(const Task& task) const {
  return policy_.hierarchical(task.instance) ? *hierarchical_ : *flat_;
}

const std::atomic<bool>* Trainer::stop_in_between() const {
  return options_.team && options_.team->size() > 1 ? nullptr : options_.stop;
}

place::Budget Trainer::budget() const {
  place::Budget budget;
  budget.seed = options_.seed;
  budget.threads = options_.threads;
  budget.stop = options_.stop;
  return budget;
}

void Trainer::seed() {
  for (size_t i = 0; i < tasks_.size(); ++i) {
    Task& task = *tasks_[i];
    place::Budget constructive = budget();
    constructive.seconds = 0;
    constructive.stop = stop_in_between();
    task.seeds = place::compare(task.problem, "auto", constructive).methods;
    std::stable_sort(task.seeds.begin(), task.seeds.end(),
                     [](const auto& a, const auto& b) { return a.score < b.score; });
    std::vector<UnitPlacement> placements;
    for (const auto& seed : task.seeds) placements.push_back(seed.placement);
    judge(task, placements);
    if (settings_.teacher > 0) search({{.task = i, .evaluations = static_cast<uint64_t>(settings_.teacher)}});
  }
}

/// The best few, as far as they are not much worse than the best.
std::vector<UnitPlacement> Trainer::worth_imitating(const Task& task) const {
  const auto limit = static_cast<double>(task.elites.best().score.value) * kWorthImitating;
  std::vector<UnitPlacement> best;
  for (size_t i = 0; i < std::min(kImitated, task.elites.size()); ++i)
    if (static_cast<double>(task.elites[i].score.value) <= limit) best.push_back(task.elites[i].placement);
  return best;
}

UpdateReport Trainer::imitate(Task& task) {
  UpdateReport report;
  report.imitation = true;
  const Network& network = policy_.network(task.instance);
  report.learning = learner(task).imitate(task.instance, network.decisions(task.instance, worth_imitating(task)));
  return report;
}

std::vector<Judgement> Trainer::judge(Task& task, const std::vector<UnitPlacement>& placements) {
  const uint64_t before = task.reward->evaluations();
  auto judgements = task.reward->judge(placements);
  task.evaluations += task.reward->evaluations() - before;
  for (size_t i = 0; i < placements.size(); ++i) task.elites.add(placements[i], judgements[i].score);
  return judgements;
}

/// What a search on simulated times found: judged as everything is, where that is by something else.
void Trainer::add_found(Task& task, const std::vector<UnitPlacement>& placements,
                        const std::vector<place::Score>& scores) {
  if (!task.reward->simulates()) {
    judge(task, placements);
    return;
  }
  for (size_t i = 0; i < placements.size(); ++i) task.elites.add(placements[i], scores[i]);
}

Lesson Trainer::lesson_of(Task& task, std::vector<Samples> shards, const std::vector<Judgement>& judgements,
                          UpdateReport& report) {
  const bool executed_only = learner(task).updates() >= settings_.executed_only_after;
  std::vector<double> costs, counted, executed;
  for (const Judgement& judgement : judgements) {
    costs.push_back(cost_of(judgement, task, settings_));
    if (judgement.executed) executed.push_back(costs.back());
    if (judgement.executed || !executed_only) counted.push_back(costs.back());
  }
  report.samples = static_cast<int64_t>(judgements.size());
  report.executed = static_cast<int64_t>(executed.size());
  if (!executed.empty()) {
    report.mean_cost = std::accumulate(executed.begin(), executed.end(), 0.0) / static_cast<double>(executed.size());
    report.best_cost = *std::min_element(executed.begin(), executed.end());
  }
  const double mean =
      std::accumulate(counted.begin(), counted.end(), 0.0) / std::max<double>(1, static_cast<double>(counted.size()));
  if (!task.has_baseline && !counted.empty()) task.baseline = mean, task.has_baseline = true;
  const double baseline = settings_.batch_mean * mean + (1 - settings_.batch_mean) * task.baseline;
  const double scale = settings_.standardize ? deviation(counted, mean) : 1;

  Lesson lesson;
  size_t next = 0;
  for (const Samples& shard : shards) {
    auto& advantage = lesson.advantage.emplace_back();
    auto& kept = lesson.kept.emplace_back();
    for (int64_t i = 0; i < shard.devices.size(0); ++i, ++next) {
      advantage.push_back((costs[next] - baseline) / scale);
      kept.push_back(judgements[next].executed || !executed_only);
    }
  }
  lesson.shards = std::move(shards);
  if (!counted.empty())
    task.baseline = settings_.baseline_decay * task.baseline + (1 - settings_.baseline_decay) * mean;
  return lesson;
}

void Trainer::polish(uint32_t update, const std::vector<UnitPlacement>& placements,
                     const std::vector<Judgement>& judgements) {
  if (settings_.polished == 0) return;
  Task& task = task_of(update);
  const place::LocalSearch& descent = *local_searches_[update % tasks_.size()];
  std::vector<size_t> order(placements.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return judgements[a].score < judgements[b].score; });
  std::vector<UnitPlacement> best;
  for (const size_t i : order) {
    if (static_cast<int64_t>(best.size()) == settings_.polished) break;
    if (std::find(best.begin(), best.end(), placements[i]) == best.end()) best.push_back(placements[i]);
  }
  const auto most = static_cast<uint64_t>(settings_.polish) * task.problem.graph().num_units();
  std::vector<place::Improved> improved(best.size());
  const auto mine = dist::dealt(in_step(), best.size());
  base::parallel_for(mine.size(), options_.threads, [&](size_t i) {
    improved[mine[i]] = descent.improve_one(best[mine[i]], update, static_cast<uint32_t>(mine[i]), most);
  });
  dist::exchange(in_step(), improved, kWrite, read_improved);
  std::vector<UnitPlacement> found;
  std::vector<place::Score> scores;
  for (place::Improved& one : improved) {
    task.evaluations += one.evaluations;
    found.push_back(std::move(one.placement));
    scores.push_back(one.score);
  }
  add_found(task, found, scores);
}

UpdateReport Trainer::update() {
  if (const auto* stop = stop_in_between(); stop && stop->load(std::memory_order_relaxed)) throw base::Stopped();
  if (server_) return take(server_->serve(update_));
  const UpdateReport report = learn(update_);
  ++update_;
  return report;
}

/// Update number `update`, of its task.
UpdateReport Trainer::learn(uint32_t update) {
  Task& task = task_of(update);
  const place::Score before = task.elites.best().score;
  UpdateReport report;
  if (learner(task).updates() < settings_.imitation) {
    report = imitate(task);
  } else {
    const Network& network = policy_.network(task.instance);
    auto shards = learner(task).draw(task.instance, options_.seed, update, policy_.hierarchical(task.instance));
    std::vector<UnitPlacement> placements;
    for (const Samples& shard : shards)
      for (auto& placement : network.placements(task.instance, shard)) placements.push_back(std::move(placement));
    const auto judgements = judge(task, placements);
    Lesson lesson = lesson_of(task, std::move(shards), judgements, report);
    if (settings_.elite_weight > 0) {
      base::Rng rng(options_.seed, kEliteStream, update);
      const auto elites = worth_imitating(task);
      lesson.imitated = network.decisions(task.instance, {elites[rng.below(static_cast<uint32_t>(elites.size()))]});
      lesson.imitation_weight = settings_.elite_weight;
    }
    report.learning = learner(task).learn(task.instance, lesson);
    polish(update, placements, judgements);
  }
  report.task = update % tasks_.size();
  report.update = update;
  report.evaluations = task.evaluations;
  report.baseline = task.baseline;
  report.best = task.elites.best().score;
  report.improved = report.best < before;
  return report;
}

}  // namespace allot::policy
