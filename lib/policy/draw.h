// SPDX-License-Identifier: Apache-2.0
// How decisions are drawn.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

namespace allot::policy {

/// Samples [first, first + count) of an update. Random numbers are keyed by (seed, update, sample) and taken step by
/// step, so a sample is the same whatever others are drawn beside it. Scoring what was drawn takes the same Draw: the
/// noise on the logits is part of the policy that drew (placement 1.8).
struct Draw {
  uint64_t seed = 0;
  uint32_t update = 0, first = 0;
  int64_t count = 1;
  bool greedy = false;          // the likeliest each time
  double noise = 0;             // on the logits: 0: none
  bool noise_relative = false;  // deviation is `noise` times the RMS of the logits; else `noise` is the largest noise
};

/// `steps` uniform numbers of each sample of a draw, [steps][samples]; none where it is greedy. `stream` keeps users of
/// one draw apart.
std::vector<std::vector<double>> uniforms(const Draw& draw, uint32_t stream, int64_t steps);

/// A choice out of each row of log-probabilities [rows, choices]: by a uniform number each, or the likeliest if there
/// are none. int64 [rows]. A choice of probability 0 is never taken.
at::Tensor choose(const at::Tensor& log_probabilities, std::span<const double> uniforms);

/// Standard normal numbers [steps, samples, choices] of the samples of a draw, or undefined if it has no noise.
at::Tensor noise(const Draw& draw, uint32_t stream, int64_t steps, int64_t choices);
/// Logits with it. `numbers` of the same shape, or undefined.
at::Tensor with_noise(const at::Tensor& logits, const at::Tensor& numbers, const Draw& draw);

}  // namespace allot::policy
