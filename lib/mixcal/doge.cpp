// SPDX-License-Identifier: Apache-2.0
#include "mixcal/doge.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;

constexpr double kLargestScore = 5;  // learning rates

}  // namespace

void DogeOptions::bind(config::Binder& binder) {
  binder.number("pull", pull, "towards the weights of the step before (mu): the larger, the slower they move", 1e-9,
                1e9);
  binder.list("over", over, "domains whose losses are to fall; default: those of --over");
}

Doge::Doge(size_t domains, double pull, const std::vector<size_t>& targets)
    : pull_(pull), is_target_(domains), alpha_(uniform(domains)), scores_(domains), sum_(domains) {
  for (const size_t target : targets) is_target_[target] = true;
  leaves_out_itself_ = std::count(is_target_.begin(), is_target_.end(), true) == static_cast<std::ptrdiff_t>(domains);
}

void Doge::update(std::span<const double> products, double rate) {
  const size_t domains = alpha_.size();
  ALLOT_ASSERT(products.size() == domains * domains);
  double norms = 0, there = 0;
  for (size_t i = 0; i < domains; ++i) {
    for (size_t j = 0; j < domains; ++j)
      if (!std::isfinite(products[i * domains + j]))
        throw Error(ErrorKind::check_failed, fmt::format("domain {}", i), "its gradient is not a finite number",
                    "lower the learning rate or clip gradients");
    const double square = products[i * domains + i];
    if (square <= 0) continue;
    norms += std::sqrt(square);
    ++there;
  }
  const double scale = norms > 0 ? rate * there / norms : 0;
  double largest = 0;
  for (size_t i = 0; i < domains; ++i) {
    double sum = 0;
    for (size_t j = 0; j < domains; ++j)
      if (is_target_[j] && !(leaves_out_itself_ && i == j)) sum += products[i * domains + j];
    scores_[i] = std::clamp(scale * sum, 0.0, kLargestScore * rate);
    largest = std::max(largest, scores_[i]);
  }
  double total = 0;
  for (size_t i = 0; i < domains; ++i) total += alpha_[i] *= std::exp((scores_[i] - largest) / pull_);
  for (size_t i = 0; i < domains; ++i) sum_[i] += alpha_[i] /= total;
}

Weights Doge::average() const { return normalized(sum_); }

std::vector<double> Doge::state() const {
  std::vector<double> state;
  for (const std::vector<double>* part : {&alpha_, &scores_, &sum_})
    state.insert(state.end(), part->begin(), part->end());
  return state;
}

void Doge::assign(std::span<const double> state, const std::string& where) {
  const size_t domains = alpha_.size();
  if (state.size() != 3 * domains)
    throw Error(ErrorKind::malformed, where, fmt::format("is not of {} domains", domains), "use the run that it is of");
  size_t next = 0;
  for (std::vector<double>* part : {&alpha_, &scores_, &sum_}) {
    const auto from = state.subspan(next, domains);
    part->assign(from.begin(), from.end());
    next += domains;
  }
}

}  // namespace allot::mixcal
