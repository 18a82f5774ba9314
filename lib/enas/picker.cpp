// SPDX-License-Identifier: Apache-2.0
#include "enas/picker.h"

#include <algorithm>
#include <numeric>

namespace allot::enas {
namespace {

constexpr uint32_t kStream = 0x656e6173;
constexpr int kMostTries = 1000;  // until a subset that is drawn keeps its bounds

}  // namespace

RandomPicker::RandomPicker(uint64_t seed, uint32_t stream, uint32_t step, size_t samples) {
  for (uint32_t m = 0; m < samples; ++m) rngs_.emplace_back(seed, kStream + stream, step, m);
}

size_t RandomPicker::one(size_t sample, size_t, size_t, std::span<const float> probabilities) {
  double left = rngs_[sample].uniform() * std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
  size_t last = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] <= 0) continue;
    last = i;
    left -= probabilities[i];
    if (left < 0) break;
  }
  return last;
}

Choice RandomPicker::some(size_t sample, size_t, const Variable& what, std::span<const float> probabilities) {
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    Choice chosen;
    for (uint32_t i = 0; i < probabilities.size(); ++i)
      if (rngs_[sample].uniform() < probabilities[i]) chosen.push_back(i);
    const auto count = static_cast<int64_t>(chosen.size());
    if (count >= what.least && count <= what.most) return chosen;
  }
  // Bounds that the probabilities all but exclude: the likeliest that keep them.
  Choice order(probabilities.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return probabilities[a] > probabilities[b]; });
  const auto wanted = std::count_if(probabilities.begin(), probabilities.end(), [](float p) { return p > 0.5f; });
  order.resize(static_cast<size_t>(std::clamp<int64_t>(wanted, what.least, what.most)));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace allot::enas
