// SPDX-License-Identifier: Apache-2.0
#include "policy/simulated_reward.h"

#include <utility>

#include "base/parallel.h"
#include "base/stopped.h"
#include "policy/rank_wire.h"

namespace allot::policy {

const place::Score* ScoreCache::find(const PlacementKey& key) {
  if (const auto found = young_.find(key); found != young_.end()) return &found->second;
  const auto found = old_.find(key);
  if (found == old_.end()) return nullptr;
  const place::Score score = found->second;
  add(key, score);
  return &young_.find(key)->second;
}

void ScoreCache::add(const PlacementKey& key, const place::Score& score) {
  if (most_young_ == 0) return;
  if (young_.size() >= most_young_) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.emplace(key, score);
}

void ScoreCache::append_to(std::vector<int64_t>& state) const {
  for (const Scores* scores : {&young_, &old_}) {
    std::vector<KnownScore> known;
    for (const auto& [key, score] : *scores) known.push_back({key, score});
    append_scores(state, std::move(known));
  }
}

void ScoreCache::restore(StateReader& state) {
  for (Scores* scores : {&young_, &old_}) {
    scores->clear();
    for (const auto& [key, score] : state.scores()) scores->emplace(key, score);
  }
}

SimulatedReward::SimulatedReward(const place::Problem& problem, SimulatedRewardOptions options)
    : problem_(problem),
      options_(options),
      canonical_(problem),
      cache_(options.remembered),
      evaluators_(base::resolve_threads(options.threads)),
      pool_(options.threads) {}

std::vector<Judgement> SimulatedReward::judge(std::span<const place::UnitPlacement> placements) {
  std::vector<place::Score> scores(placements.size());
  std::vector<PlacementKey> keys;
  std::vector<size_t> unknown;                                       // the first of each
  std::unordered_map<PlacementKey, size_t, PlacementKeyHash> first;  // of this call
  for (size_t i = 0; i < placements.size(); ++i) {
    keys.push_back(key_of(canonical_.of(placements[i])));
    if (!first.emplace(keys[i], i).second) continue;
    if (const place::Score* known = cache_.find(keys[i]))
      scores[i] = *known;
    else
      unknown.push_back(i);
  }
  const std::vector<place::Score> simulated = simulate(placements, unknown);
  for (size_t i = 0; i < unknown.size(); ++i) {
    scores[unknown[i]] = simulated[i];
    cache_.add(keys[unknown[i]], simulated[i]);
  }
  evaluations_ += unknown.size();
  hits_ += placements.size() - unknown.size();

  std::vector<Judgement> judgements;
  for (const PlacementKey& key : keys) {
    const place::Score& score = scores[first.at(key)];
    judgements.push_back({.score = score, .executed = score.overflow_bytes == 0});
  }
  return judgements;
}

std::vector<int64_t> SimulatedReward::state() const {
  std::vector<int64_t> state = {static_cast<int64_t>(evaluations_), static_cast<int64_t>(hits_)};
  cache_.append_to(state);
  return state;
}

void SimulatedReward::restore(std::span<const int64_t> state, const std::string& where) {
  StateReader reader(state, where);
  evaluations_ = static_cast<uint64_t>(reader.number());
  hits_ = static_cast<uint64_t>(reader.number());
  cache_.restore(reader);
  reader.end();
}

std::vector<place::Score> SimulatedReward::simulate(std::span<const place::UnitPlacement> placements,
                                                    std::span<const size_t> which) {
  std::vector<place::Score> scores(which.size());
  const auto mine = dist::dealt(options_.team, which.size());
  pool_.run(mine.size(), [&](size_t number, unsigned thread) {
    if (options_.stop && options_.stop->load(std::memory_order_relaxed)) throw base::Stopped();
    auto& evaluator = evaluators_[thread];
    if (!evaluator) evaluator = std::make_unique<place::Evaluator>(problem_);
    scores[mine[number]] = evaluator->score(placements[which[mine[number]]]);
  });
  dist::exchange(options_.team, scores, kWrite, read_score);
  return scores;
}

}  // namespace allot::policy
