// SPDX-License-Identifier: Apache-2.0
#include "mixcal/group_dro.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr double kEmaDecay = 0.99;

}  // namespace

void DroOptions::bind(config::Binder& binder) {
  binder.number("step", step,
                "how fast weights follow excess losses (eta); 0 = 0.03, 0.1 from 5,000 steps, 1 from 50,000", 0, 1e3);
  binder.number("smoothing", smoothing, "share of all weight that is always spread evenly", 0, 1);
  binder.choice("clip", clip, "where excess losses below 0 count as 0", {"token", "domain", "none"});
  binder.choice("absent", absent, "what a domain without a token in a batch scores: nothing, or the same as last time",
                {"zero", "carry"});
  binder.choice("average", average, "of the weights over time that is given out", {"mean", "tail", "ema", "last"});
  binder.choice("norm", norm, "what weighted losses are divided by: tokens of their domain, or all, weighted",
                {"domain", "token"});
}

double automatic_step(int64_t steps) { return steps >= 50'000 ? 1 : steps >= 5'000 ? 0.1 : 0.03; }

Excess::Excess(size_t domains, std::string clip) : clip_(std::move(clip)), sums_(domains), tokens_(domains) {}

void Excess::add(size_t domain, std::span<const float> proxy, std::span<const float> reference) {
  ALLOT_ASSERT(domain < sums_.size() && proxy.size() == reference.size());
  const bool clips = clip_ == "token";
  double total = 0;
  for (size_t i = 0; i < proxy.size(); ++i) {
    const double excess = static_cast<double>(proxy[i]) - static_cast<double>(reference[i]);
    total += clips && excess < 0 ? 0 : excess;  // what is not a number stays one
  }
  sums_[domain] += total;
  tokens_[domain] += static_cast<double>(proxy.size());
}

void Excess::merge(const Excess& other) {
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i] += other.sums_[i], tokens_[i] += other.tokens_[i];
}

double Excess::of(size_t domain) const {
  if (is_absent(domain)) return 0;
  const double mean = sums_[domain] / tokens_[domain];
  return clip_ == "domain" && mean < 0 ? 0 : mean;
}

std::vector<double> token_weights(std::span<const double> alpha, std::span<const double> tokens,
                                  const std::string& norm) {
  double all = 0;
  for (size_t i = 0; i < alpha.size(); ++i) all += alpha[i] * tokens[i];
  std::vector<double> weights(alpha.size());
  for (size_t i = 0; i < alpha.size(); ++i)
    if (tokens[i] > 0) weights[i] = alpha[i] / (norm == "token" ? all : tokens[i]);
  return weights;
}

GroupDro::GroupDro(size_t domains, DroOptions options, int64_t steps, double first_score)
    : options_(std::move(options)),
      step_(options_.step > 0 ? options_.step : automatic_step(steps)),
      steps_(steps),
      alpha_(uniform(domains)),
      scores_(domains, options_.absent == "carry" ? first_score : 0),
      sum_(domains),
      tail_(domains),
      ema_(domains) {}

void GroupDro::update(const Excess& excess) {
  ALLOT_ASSERT(excess.domains() == alpha_.size());
  std::vector<double> scores = scores_;
  for (size_t i = 0; i < scores.size(); ++i)
    if (!excess.is_absent(i) || options_.absent == "zero") scores[i] = excess.of(i);
  for (size_t i = 0; i < scores.size(); ++i)
    if (!std::isfinite(scores[i]))
      throw Error(ErrorKind::check_failed, fmt::format("domain {}", i), "its excess loss is not a finite number",
                  "lower the learning rate or clip gradients");
  std::vector<double> logs(alpha_.size());
  for (size_t i = 0; i < logs.size(); ++i) logs[i] = std::log(alpha_[i]) + step_ * scores[i];
  const double largest = *std::max_element(logs.begin(), logs.end());
  double total = 0;
  for (double& each : logs) total += each = std::exp(each - largest);
  const double even = options_.smoothing / static_cast<double>(alpha_.size());
  ++updates_;
  for (size_t i = 0; i < alpha_.size(); ++i) {
    alpha_[i] = (1 - options_.smoothing) * logs[i] / total + even;
    sum_[i] += alpha_[i];
    if (2 * updates_ > steps_) tail_[i] += alpha_[i];
    ema_[i] = kEmaDecay * ema_[i] + (1 - kEmaDecay) * alpha_[i];
  }
  scores_ = std::move(scores);
}

Weights GroupDro::average() const {
  ALLOT_ASSERT(updates_ > 0);
  if (options_.average == "last") return alpha_;
  const bool has_tail = 2 * updates_ > steps_;
  return normalized(options_.average == "ema" ? ema_ : options_.average == "tail" && has_tail ? tail_ : sum_);
}

std::vector<double> GroupDro::state() const {
  std::vector<double> state = {static_cast<double>(updates_)};
  for (const std::vector<double>* part : {&alpha_, &scores_, &sum_, &tail_, &ema_})
    state.insert(state.end(), part->begin(), part->end());
  return state;
}

void GroupDro::assign(std::span<const double> state, const std::string& where) {
  const size_t domains = alpha_.size();
  if (state.size() != 1 + 5 * domains)
    throw Error(ErrorKind::malformed, where, fmt::format("is not of {} domains", domains), "use the run that it is of");
  updates_ = static_cast<int64_t>(state[0]);
  size_t next = 1;
  for (std::vector<double>* part : {&alpha_, &scores_, &sum_, &tail_, &ema_}) {
    const auto from = state.subspan(next, domains);
    part->assign(from.begin(), from.end());
    next += domains;
  }
}

}  // namespace allot::mixcal
