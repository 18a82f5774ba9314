// SPDX-License-Identifier: Apache-2.0
#include "policy/measured_reward.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/core.h>

#include "base/stopped.h"
#include "policy/reward_state.h"

namespace allot::policy {
namespace {

constexpr double kLongestSeconds = 4e6;  // picoseconds of up to twice as many fit 64 bits

Judgement judgement_of(double seconds) {
  const auto time_ps = static_cast<int64_t>(std::llround(std::min(seconds, 2 * kLongestSeconds) * 1e12));
  return {.score = {.overflow_bytes = 0, .value = time_ps, .makespan_ps = time_ps}};
}

}  // namespace

measure::Measurement Execution::measure(const place::UnitPlacement& placement) const {
  measure::Measurement result = runner->measure(device_of_node(placement));
  const double seconds = result.mean_seconds;
  if (result.failed() || (seconds > 0 && seconds <= kLongestSeconds)) return result;
  return measure::Measurement::failed_by({base::ErrorKind::check_failed, "", fmt::format("took {} s", seconds)});
}

base::Error nothing_ran(size_t placements, const measure::Measurement& first) {
  return base::Error(first.failure_kind, "measured reward",
                     fmt::format("none of the first {} placements ran; the first: {}", placements, first.failure),
                     "see that one runs: placer-apply MODEL --run");
}

MeasuredReward::MeasuredReward(const place::Problem& problem, Execution execution, MeasuredRewardOptions options)
    : problem_(problem), options_(options), execution_(std::move(execution)), canonical_(problem), evaluator_(problem) {
  ALLOT_ASSERT(options_.yardstick_every >= 2 && options_.hopeless >= 1);
}

std::vector<Judgement> MeasuredReward::judge(std::span<const place::UnitPlacement> placements) {
  std::vector<PlacementKey> keys;
  for (const place::UnitPlacement& placement : placements) {
    keys.push_back(key_of(canonical_.of(placement)));
    if (!knows(keys.back())) measure_new(placement, keys.back());
  }
  if (2 * pending_.size() >= options_.yardstick_every)
    read_yardstick();
  else
    settle(level_);
  std::vector<Judgement> judgements;
  for (const PlacementKey& key : keys) judgements.push_back(known_.at(key));
  return judgements;
}

bool MeasuredReward::knows(const PlacementKey& key) const {
  return known_.contains(key) ||
         std::any_of(pending_.begin(), pending_.end(), [&](const Pending& pending) { return pending.key == key; });
}

void MeasuredReward::measure_new(const place::UnitPlacement& placement, const PlacementKey& key) {
  if (since_reading_ + 1 >= options_.yardstick_every) read_yardstick();
  const measure::Measurement measured = measure(placement);
  if (measured.failed()) return note_failure(placement, key, measured);
  if (yardstick_) {
    pending_.push_back({key, measured.mean_seconds});
    ++since_reading_;
  } else {
    yardstick_ = placement;
    yardstick_seconds_ = measured.mean_seconds;
    known_[key] = judgement_of(measured.mean_seconds);
  }
}

measure::Measurement MeasuredReward::measure(const place::UnitPlacement& placement) {
  if (options_.stop && options_.stop->load(std::memory_order_relaxed)) throw base::Stopped();
  ++evaluations_;
  return execution_.measure(placement);
}

void MeasuredReward::note_failure(const place::UnitPlacement& placement, const PlacementKey& key,
                                  const measure::Measurement& failed) {
  if (failures_++ == 0) first_failure_ = failed;
  if (!yardstick_ && failures_ >= options_.hopeless) throw nothing_ran(failures_, first_failure_);
  Judgement& judgement = known_[key];
  judgement = {.score = evaluator_.score(placement), .executed = false, .why = failed.failure};
  judgement.score.overflow_bytes = std::max<int64_t>(1, judgement.score.overflow_bytes);
}

void MeasuredReward::read_yardstick() {
  const measure::Measurement again = measure(*yardstick_);
  settle(again.failed() ? level_ : again.mean_seconds / yardstick_seconds_);
  since_reading_ = 0;
}

std::vector<int64_t> MeasuredReward::state() const {
  std::vector<int64_t> state = {static_cast<int64_t>(evaluations_), as_number(yardstick_seconds_), as_number(level_)};
  std::vector<KnownScore> known;
  for (const auto& [key, judgement] : known_)
    if (judgement.executed) known.push_back({key, judgement.score});
  append_scores(state, std::move(known));
  if (yardstick_) state.insert(state.end(), yardstick_->begin(), yardstick_->end());
  return state;
}

void MeasuredReward::restore(std::span<const int64_t> state, const std::string& where) {
  StateReader reader(state, where);
  evaluations_ = static_cast<uint64_t>(reader.number());
  yardstick_seconds_ = reader.real();
  level_ = reader.real();
  if (yardstick_seconds_ < 0 || level_ <= 0) reader.wrong();
  known_.clear();
  pending_.clear();
  yardstick_.reset();
  for (const auto& [key, score] : reader.scores()) known_[key].score = score;
  if (!known_.empty()) {
    yardstick_ = reader.placement(problem_);
    since_reading_ = options_.yardstick_every - 1;
  }
  reader.end();
}

/// Judges what is pending, now that the level is known before and after.
void MeasuredReward::settle(double level) {
  const double step = (level - level_) / static_cast<double>(pending_.size() + 1);
  for (const auto& [key, seconds] : pending_) known_[key] = judgement_of(seconds / (level_ += step));
  pending_.clear();
  level_ = level;
}

}  // namespace allot::policy
