// SPDX-License-Identifier: Apache-2.0
#include "policy/halving.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/stopped.h"
#include "measure/robust_mean.h"

namespace allot::policy {
namespace {

struct Runs {
  size_t candidate;
  std::vector<double> seconds = {};
  measure::Measurement failed = {};

  double mean() const { return measure::robust_mean(seconds); }
};

class Halving {
 public:
  Halving(const Execution& execution, std::span<const place::UnitPlacement> candidates, const HalvingOptions& options)
      : execution_(execution), candidates_(candidates), options_(options) {
    for (size_t i = 0; i < std::min(candidates.size(), options.most); ++i) left_.push_back({.candidate = i});
  }

  std::vector<Finalist> run() {
    uint32_t runs = 0;
    for (uint32_t target = options_.first_runs; left_.size() > (runs == 0 ? 0 : 1); target *= 2) {
      for (; runs < target; ++runs) pass(runs % 2 == 1);
      std::stable_sort(left_.begin(), left_.end(), [](const Runs& a, const Runs& b) { return a.mean() < b.mean(); });
      retire((left_.size() + 1) / 2);
    }
    retire(0);
    if (out_.empty() && !failed_.empty()) throw nothing_ran(failed_.size(), failed_.front().failed);
    return ranking();
  }

 private:
  void pass(bool backwards) {
    for (size_t i = 0; i < left_.size(); ++i) measure(left_[backwards ? left_.size() - 1 - i : i]);
    const auto gone =
        std::stable_partition(left_.begin(), left_.end(), [](const Runs& r) { return !r.failed.failed(); });
    failed_.insert(failed_.end(), std::move_iterator(gone), std::move_iterator(left_.end()));
    left_.erase(gone, left_.end());
  }

  void measure(Runs& runs) {
    if (options_.stop && options_.stop->load(std::memory_order_relaxed)) throw base::Stopped();
    const measure::Measurement measured = execution_.measure(candidates_[runs.candidate]);
    if (measured.failed())
      runs.failed = measured;
    else
      runs.seconds.push_back(measured.mean_seconds);
    if (options_.measured) options_.measured(++measured_, left_.size());
  }

  /// All but the best `kept`; the slowest goes first.
  void retire(size_t kept) {
    while (left_.size() > kept) {
      out_.push_back(std::move(left_.back()));
      left_.pop_back();
    }
  }

  std::vector<Finalist> ranking() const {
    std::vector<Finalist> result;
    const auto add = [&](const Runs& runs) {
      result.push_back({runs.candidate, static_cast<uint32_t>(runs.seconds.size()), runs.mean(), runs.failed.failure});
    };
    std::for_each(out_.rbegin(), out_.rend(), add);
    std::for_each(failed_.rbegin(), failed_.rend(), add);
    return result;
  }

  const Execution& execution_;
  const std::span<const place::UnitPlacement> candidates_;
  const HalvingOptions& options_;
  std::vector<Runs> left_, out_, failed_;
  uint64_t measured_ = 0;
};

}  // namespace

std::vector<Finalist> successive_halving(const Execution& execution, std::span<const place::UnitPlacement> candidates,
                                         const HalvingOptions& options) {
  return Halving(execution, candidates, options).run();
}

uint64_t halving_runs(size_t candidates, const HalvingOptions& options) {
  uint64_t result = 0, runs = 0;
  size_t left = std::min(candidates, options.most);
  for (uint64_t target = options.first_runs; left > (runs == 0 ? 0 : 1); target *= 2, left = (left + 1) / 2) {
    result += left * (target - runs);
    runs = target;
  }
  return result;
}

}  // namespace allot::policy
