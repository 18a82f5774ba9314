// SPDX-License-Identifier: Apache-2.0
#include "mixcal/aioli.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kStream = 0x61696f6c;
constexpr int64_t kMostRounds = 10;

int64_t rounds_of(const AioliOptions& options, size_t domains, int64_t steps) {
  if (options.rounds > 0) return options.rounds;
  const int64_t look = options.sweeps * static_cast<int64_t>(domains) * std::max<int64_t>(options.slot, 1);
  return std::clamp<int64_t>(steps / (2 * look), 1, kMostRounds);
}

}  // namespace

void AioliOptions::bind(config::Binder& binder) {
  binder.integer("rounds", rounds, "how often weights move; 0 = 10, fewer in short runs", 0, 1 << 20);
  binder.integer("sweeps", sweeps, "over all domains in each round, to see what each brings", 1, 1 << 20);
  binder.integer("slot", slot, "steps with one domain in a sweep; 0 = as many as half of a round has room for", 0,
                 1 << 20);
  binder.number("focus", focus, "share of that domain in these steps", 0.01, 1);
  binder.number("step", step, "how fast weights follow what was seen (eta)", 0, 1e6);
  binder.number("past", past, "share of earlier rounds in a moving average; 0 = each round multiplies the weights", 0,
                1);
}

Aioli::Aioli(size_t domains, AioliOptions options, int64_t steps, uint64_t seed, std::vector<size_t> over)
    : options_(options),
      steps_(steps),
      rounds_(rounds_of(options, domains, steps)),
      seed_(seed),
      over_(std::move(over)),
      alpha_(uniform(domains)),
      effects_(domains),
      before_(domains),
      drops_(domains * domains),
      past_(domains),
      sum_(domains) {
  const auto count = static_cast<int64_t>(domains);
  const int64_t round = steps_ / rounds_;  // the shortest
  const int64_t slot = options_.slot > 0 ? options_.slot : std::max<int64_t>(1, round / (2 * options_.sweeps * count));
  sweep_ = slot * count;
  if (round <= swept())
    throw Error(ErrorKind::config, "--aioli.rounds",
                fmt::format("{} of {} steps leave no time for {} steps that look at {} domains", rounds_, steps_,
                            swept(), domains),
                "train longer, or lower --aioli.rounds, --aioli.sweeps or --aioli.slot");
  if (std::abs(options_.focus * static_cast<double>(domains) - 1) < 1e-9)
    throw Error(ErrorKind::config, "--aioli.focus", "is an even share, which tells no domain apart", "raise it");
}

Aioli::Place Aioli::place_of(int64_t step) const {
  int64_t round = std::min(rounds_ - 1, step * rounds_ / std::max<int64_t>(1, steps_));
  while (round + 1 < rounds_ && first_of(round + 1) <= step) ++round;
  while (round > 0 && first_of(round) > step) --round;
  return {round, step - first_of(round)};
}

std::vector<size_t> Aioli::order_of(int64_t round, int64_t sweep) const {
  std::vector<size_t> order(alpha_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  base::Rng rng(seed_, kStream, static_cast<uint32_t>(round), static_cast<uint32_t>(sweep));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(static_cast<uint32_t>(i))]);
  return order;
}

/// The domain that step `at` of a round favours.
size_t Aioli::favoured(int64_t round, int64_t at) const {
  const int64_t slot = sweep_ / static_cast<int64_t>(alpha_.size());
  return order_of(round, at / sweep_)[static_cast<size_t>(at % sweep_ / slot)];
}

bool Aioli::looks_before(int64_t step) const {
  const int64_t at = place_of(step).at, slot = sweep_ / static_cast<int64_t>(alpha_.size());
  return at <= swept() && at % slot == 0;
}

void Aioli::observe(int64_t step, std::span<const double> losses) {
  const size_t domains = alpha_.size();
  ALLOT_ASSERT(losses.size() == domains && looks_before(step));
  for (size_t i = 0; i < domains; ++i)
    if (!std::isfinite(losses[i]))
      throw Error(ErrorKind::check_failed, fmt::format("domain {}", i), "its loss is not a finite number",
                  "lower the learning rate or clip gradients");
  const Place place = place_of(step);
  if (place.at == 0) {
    std::fill(drops_.begin(), drops_.end(), 0);
  } else {
    const size_t domain = favoured(place.round, place.at - 1);
    for (size_t i = 0; i < domains; ++i) drops_[i * domains + domain] += before_[i] - losses[i];
  }
  before_.assign(losses.begin(), losses.end());
  if (place.at == swept()) move();
}

/// The shares of a favoured domain are a I + b 1 1^T with a = focus - b, so each row y of drops gives (y - b sum y) /
/// a.
void Aioli::move() {
  const size_t domains = alpha_.size();
  const double other = domains > 1 ? (1 - options_.focus) / static_cast<double>(domains - 1) : 0;
  std::vector<double> effect(drops_.size());
  double least = 0, total = 0;
  for (size_t i = 0; i < domains; ++i) {
    const double sum = std::accumulate(drops_.begin() + static_cast<std::ptrdiff_t>(i * domains),
                                       drops_.begin() + static_cast<std::ptrdiff_t>((i + 1) * domains), 0.0);
    for (size_t j = 0; j < domains; ++j) {
      double& each = effect[i * domains + j];
      each = (drops_[i * domains + j] - other * sum) / (options_.focus - other);
      least = std::min(least, each);
    }
  }
  for (double& each : effect) total += each -= least;
  std::fill(effects_.begin(), effects_.end(), 0);
  for (const size_t i : over_)
    for (size_t j = 0; j < domains; ++j) effects_[j] += total > 0 ? effect[i * domains + j] / total : 0;
  for (size_t j = 0; j < domains; ++j)
    past_[j] = moved_ > 0 ? options_.past * past_[j] + (1 - options_.past) * effects_[j] : effects_[j];
  const double largest = *std::max_element(past_.begin(), past_.end());
  double sum = 0;
  for (size_t j = 0; j < domains; ++j) {
    const double from = options_.past > 0 ? 1 : alpha_[j];
    sum += alpha_[j] = from * std::exp(options_.step * (past_[j] - largest));
  }
  for (double& each : alpha_) each /= sum;
  ++moved_;
}

Weights Aioli::mix(int64_t step) const {
  const Place place = place_of(step);
  if (place.at >= swept()) return alpha_;
  const size_t domains = alpha_.size();
  Weights mix(domains, domains > 1 ? (1 - options_.focus) / static_cast<double>(domains - 1) : 1);
  mix[favoured(place.round, place.at)] = options_.focus;
  return mix;
}

void Aioli::count(int64_t step) {
  if (place_of(step).at < swept()) return;
  for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += alpha_[i];
  ++counted_;
}

Weights Aioli::average() const { return counted_ > 0 ? normalized(sum_) : alpha_; }

int64_t Aioli::looks() const { return rounds_ * (1 + options_.sweeps * static_cast<int64_t>(alpha_.size())); }

std::vector<double> Aioli::state() const {
  std::vector<double> state = {counted_, moved_};
  for (const std::vector<double>* part : {&alpha_, &effects_, &before_, &past_, &sum_, &drops_})
    state.insert(state.end(), part->begin(), part->end());
  return state;
}

void Aioli::assign(std::span<const double> state, const std::string& where) {
  const size_t domains = alpha_.size();
  if (state.size() != 2 + 5 * domains + domains * domains)
    throw Error(ErrorKind::malformed, where, fmt::format("is not of {} domains", domains), "use the run that it is of");
  counted_ = state[0], moved_ = state[1];
  size_t next = 2;
  for (std::vector<double>* part : {&alpha_, &effects_, &before_, &past_, &sum_, &drops_}) {
    const auto from = state.subspan(next, part->size());
    part->assign(from.begin(), from.end());
    next += from.size();
  }
}

}  // namespace allot::mixcal
