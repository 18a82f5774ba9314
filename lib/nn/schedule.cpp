// SPDX-License-Identifier: Apache-2.0
#include "nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace allot::nn {
namespace {

double in_steps(double given, int64_t steps) { return given < 1 ? given * static_cast<double>(steps) : given; }

}  // namespace

void Schedule::bind(config::Binder& binder) {
  binder.number("rate", rate, "highest learning rate", 0, 1e6);
  binder.choice("shape", shape, "how it falls after the warm-up",
                {"constant", "cosine", "linear", "exponential", "rsqrt", "step"});
  binder.number("wait", wait, "steps without learning at the start; below 1 a part of all", 0, 1e12);
  binder.number("warmup", warmup, "steps of linear increase; below 1 a part of all", 0, 1e12);
  binder.number("last", last, "part of the rate that is left at the end of cosine, linear, exponential", 0, 1);
  binder.integer("drop_every", drop_every, "steps between the drops of shape step", 1, int64_t{1} << 40);
  binder.number("drop", drop, "what each drop leaves", 0, 1);
}

double Schedule::at(int64_t step, int64_t steps) const {
  const double rising = in_steps(warmup, steps);
  const double since = static_cast<double>(step) - in_steps(wait, steps);  // the wait
  if (since < 0) return 0;
  if (since < rising) return rate * since / rising;
  const double falling = static_cast<double>(steps) - in_steps(wait, steps) - rising;
  const double part = falling > 0 ? std::min(1.0, (since - rising) / falling) : 0;
  if (shape == "cosine") return rate * (last + (1 - last) * (1 + std::cos(std::numbers::pi * part)) / 2);
  if (shape == "linear") return rate * (1 - (1 - last) * part);
  if (shape == "exponential") return rate * std::pow(last > 0 ? last : 0.01, part);
  if (shape == "rsqrt") return rate * std::sqrt(std::max(rising, 1.0) / std::max({since, rising, 1.0}));
  if (shape == "step") return rate * std::pow(drop, std::floor((since - rising) / static_cast<double>(drop_every)));
  return rate;
}

}  // namespace allot::nn
