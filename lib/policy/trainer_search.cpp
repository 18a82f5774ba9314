// SPDX-License-Identifier: Apache-2.0
// Annealing from the best that learning found, on all ranks.
#include <algorithm>
#include <chrono>

#include "policy/rank_wire.h"
#include "policy/trainer.h"

namespace allot::policy {
namespace {

/// An annealing, and what it took.
struct Walk {
  place::Improved found;
  place::MoveWeights moves;  // as they were learned
  double seconds = 0;
};

void write_walk(dist::WireWriter& out, const Walk& walk) {
  write(out, walk.found);
  for (const double weight : walk.moves.weight) out.number(weight);
  out.number(walk.seconds);
}

Walk read_walk(dist::WireReader& in) {
  Walk walk;
  walk.found = read_improved(in);
  for (double& weight : walk.moves.weight) weight = in.number<double>();
  walk.seconds = in.number<double>();
  return walk;
}

std::string write_limits(const std::vector<SearchLimits>& limits) {
  dist::WireWriter out;
  for (const SearchLimits& each : limits) {
    out.number(each.task);
    out.number(each.evaluations);
    out.number(each.seconds);
    write(out, each.start);
  }
  return out.take();
}

std::vector<SearchLimits> read_limits(const std::string& bytes) {
  std::vector<SearchLimits> limits;
  for (dist::WireReader in(bytes); !in.at_end();) {
    SearchLimits& each = limits.emplace_back();
    each.task = in.number<size_t>();
    each.evaluations = in.number<uint64_t>();
    each.seconds = in.number<double>();
    each.start = read_placement(in);
  }
  return limits;
}

Walk anneal(const Task& task, bool learned_moves, const SearchLimits& limits, place::Budget budget) {
  const auto begin = std::chrono::steady_clock::now();
  Walk walk;
  walk.moves = task.moves;
  if (learned_moves) budget.moves = &walk.moves;
  budget.evaluations = limits.evaluations;
  budget.seconds = limits.seconds;
  budget.start = &limits.start;
  budget.progress = [&](uint64_t done, const place::Score&) { walk.found.evaluations = done; };
  walk.found.placement = place::find_placer("anneal").place(task.problem, budget);
  walk.found.score = place::Evaluator(task.problem).score(walk.found.placement);
  walk.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return walk;
}

}  // namespace

std::vector<std::pair<size_t, double>> Trainer::search(std::vector<SearchLimits> limits) {
  for (SearchLimits& each : limits)
    if (each.start.empty()) each.start = tasks_[each.task]->elites.best().placement;
  if (options_.team) limits = read_limits(options_.team->from_first(write_limits(limits)));
  const size_t ranks = options_.team ? options_.team->size() : 1;
  std::vector<size_t> of;  // which limits, by walk
  for (size_t i = 0; i < limits.size(); ++i) {
    const bool by_time = limits[i].evaluations == 0 && limits[i].seconds >= 0;
    of.insert(of.end(), by_time ? ranks : 1, i);
  }
  std::vector<Walk> walks(of.size());
  for (const size_t i : dist::dealt(options_.team, walks.size())) {
    place::Budget budget = this->budget();
    if (i > 0 && of[i - 1] == of[i]) budget.seed += i;  // another way from the same start
    walks[i] = anneal(*tasks_[limits[of[i]].task], settings_.moves, limits[of[i]], budget);
  }
  dist::exchange(options_.team, walks, write_walk, read_walk);
  std::vector<std::pair<size_t, double>> took;
  for (const SearchLimits& each : limits) took.emplace_back(each.task, 0);
  for (size_t i = 0; i < walks.size(); ++i) {
    auto& [number, seconds] = took[of[i]];
    Task& task = *tasks_[number];
    task.evaluations += walks[i].found.evaluations;
    add_found(task, {walks[i].found.placement}, {walks[i].found.score});
    seconds = std::max(seconds, walks[i].seconds);
  }
  for (size_t i = 0; i < limits.size(); ++i) {
    std::vector<place::MoveWeights> learned;
    for (size_t walk = 0; walk < walks.size(); ++walk)
      if (of[walk] == i) learned.push_back(walks[walk].moves);
    tasks_[limits[i].task]->moves = place::mean(learned);
  }
  std::vector<place::MoveWeights> of_tasks;
  for (const auto& task : tasks_) of_tasks.push_back(task->moves);
  policy_.moves() = place::mean(of_tasks);
  return took;
}

}  // namespace allot::policy
