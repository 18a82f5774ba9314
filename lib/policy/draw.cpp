// SPDX-License-Identifier: Apache-2.0
#include "policy/draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ops/empty.h>

#include "base/error.h"
#include "base/rng.h"

namespace allot::policy {

std::vector<std::vector<double>> uniforms(const Draw& draw, uint32_t stream, int64_t steps) {
  if (draw.greedy) return std::vector<std::vector<double>>(static_cast<size_t>(steps));
  std::vector numbers(static_cast<size_t>(steps), std::vector<double>(static_cast<size_t>(draw.count)));
  for (int64_t sample = 0; sample < draw.count; ++sample) {
    base::Rng rng(draw.seed, stream, draw.update, draw.first + static_cast<uint32_t>(sample));
    for (auto& step : numbers) step[static_cast<size_t>(sample)] = rng.uniform();
  }
  return numbers;
}

namespace {

int64_t likeliest(std::span<const float> row) { return std::max_element(row.begin(), row.end()) - row.begin(); }

/// By inverting the distribution function; what rounding leaves over falls to the likeliest.
int64_t drawn(std::span<const float> row, double uniform) {
  for (size_t choice = 0; choice < row.size(); ++choice) {
    const double probability = std::exp(static_cast<double>(row[choice]));
    if (uniform < probability) return static_cast<int64_t>(choice);
    uniform -= probability;
  }
  return likeliest(row);
}

}  // namespace

at::Tensor choose(const at::Tensor& log_probabilities, std::span<const double> uniforms) {
  const auto rows = log_probabilities.contiguous();
  const auto choices = static_cast<size_t>(rows.size(1));
  auto chosen = at::empty({rows.size(0)}, at::kLong);
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const std::span row(rows.data_ptr<float>() + static_cast<size_t>(i) * choices, choices);
    if (std::isnan(std::accumulate(row.begin(), row.end(), 0.0f)))
      throw base::Error(base::ErrorKind::check_failed, "policy", "its probabilities are not numbers",
                        "lower the learning rate, and resume from an earlier checkpoint");
    chosen.data_ptr<int64_t>()[i] = uniforms.empty() ? likeliest(row) : drawn(row, uniforms[static_cast<size_t>(i)]);
  }
  return chosen;
}

at::Tensor noise(const Draw& draw, uint32_t stream, int64_t steps, int64_t choices) {
  if (draw.noise == 0 || draw.greedy) return {};
  auto numbers = at::empty({steps, draw.count, choices});
  auto* data = numbers.data_ptr<float>();
  for (int64_t sample = 0; sample < draw.count; ++sample) {
    base::Rng rng(draw.seed, stream, draw.update, draw.first + static_cast<uint32_t>(sample));
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t choice = 0; choice < choices; ++choice)
        data[(step * draw.count + sample) * choices + choice] = static_cast<float>(rng.normal());
  }
  return numbers;
}

at::Tensor with_noise(const at::Tensor& logits, const at::Tensor& numbers, const Draw& draw) {
  if (!numbers.defined()) return logits;
  if (draw.noise_relative)
    return logits + numbers * (draw.noise * logits.detach().square().mean(-1, /*keepdim=*/true).sqrt_());
  return logits + numbers * (draw.noise / numbers.abs().amax(-1, /*keepdim=*/true).clamp_min_(1e-12));
}

}  // namespace allot::policy
