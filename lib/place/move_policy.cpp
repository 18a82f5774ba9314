// SPDX-License-Identifier: Apache-2.0
#include "place/move_policy.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allot::place {
namespace {

constexpr double kPower = 3;   // of the expected gain: 1 explores more than it pays, measured on generated graphs
constexpr double kRate = 0.5;  // of learning
constexpr double kLargestOdds = 20, kLeastLogGain = -12, kMostLogGain = 2;

}  // namespace

MoveWeights move_weights(std::span<const double> stored, const std::string& path) {
  MoveWeights moves;
  const bool finite = std::all_of(stored.begin(), stored.end(), [](double weight) { return std::isfinite(weight); });
  if (stored.size() != MoveWeights::kSize || !finite)
    throw base::Error(base::ErrorKind::malformed, base::printable(path),
                      fmt::format("its tensor '{}' should be {} finite numbers", kMovesTensor, MoveWeights::kSize),
                      "train the policy anew");
  std::copy(stored.begin(), stored.end(), moves.weight.begin());
  return moves;
}

MoveWeights mean(const std::vector<MoveWeights>& learned) {
  MoveWeights result{{}, learned.front().learns};
  for (const MoveWeights& one : learned)
    for (size_t i = 0; i < MoveWeights::kSize; ++i)
      result.weight[i] += one.weight[i] / static_cast<double>(learned.size());
  return result;
}

double MovePolicy::log_gain(const MoveFeatures& move) const {
  double sum = 0;
  for (size_t i = 0; i < kMoveFeatures; ++i) {
    const double weight = weights_.weight[i] + (move.critical ? weights_.weight[kMoveFeatures + i] : 0);
    sum += weight * static_cast<double>(move.values[i]);
  }
  return sum;
}

void MovePolicy::look(const UnitPlacement& placement) {
  scene_.look(placement);
  const uint32_t devices = problem_.devices();
  sums_.resize(placement.size() * size_t{devices});
  double sum = 0;
  for (UnitId unit = 0; unit < placement.size(); ++unit)
    for (DeviceId device = 0; device < devices; ++device) {
      if (scene_.possible(unit, device))
        sum += std::exp(std::clamp(kPower * log_gain(scene_.of(unit, device)), -kLargestOdds, kLargestOdds));
      sums_[unit * size_t{devices} + device] = sum;
    }
}

UnitMove MovePolicy::draw(base::Rng& rng) const {
  const double at = rng.uniform() * sums_.back();
  const auto found = std::min(std::upper_bound(sums_.begin(), sums_.end(), at), sums_.end() - 1);
  const auto drawn = static_cast<uint32_t>(found - sums_.begin());
  return {drawn / problem_.devices(), drawn % problem_.devices()};
}

void MovePolicy::learn(const UnitMove& move, double gain) {
  if (!weights_.learns || !scene_.looked() || !scene_.possible(move.unit, move.device)) return;
  const MoveFeatures& features = scene_.of(move.unit, move.device);
  const double error = gain - std::exp(std::clamp(log_gain(features), kLeastLogGain, kMostLogGain));
  const auto step = [&](size_t at, double gradient) {
    squares_[at] += gradient * gradient;
    weights_.weight[at] += kRate * gradient / std::sqrt(squares_[at]);
  };
  for (size_t i = 0; i < kMoveFeatures; ++i) {
    const double gradient = error * static_cast<double>(features.values[i]);
    step(i, gradient);
    if (features.critical) step(kMoveFeatures + i, gradient);
  }
}

}  // namespace allot::place
