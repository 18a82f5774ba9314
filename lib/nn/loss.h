// SPDX-License-Identifier: Apache-2.0
// Losses that several systems descend. All compute in float32, or in float64 where logits are.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace allot::nn {

constexpr int64_t kIgnored = -100;  // the label of positions that have none

/// log softmax over the last dimension: [..., classes], of half precision in float32.
at::Tensor log_probabilities(const at::Tensor& logits);

/// -sum_k q_k log p_k at every position, where p = softmax(logits) and q is the label's class, or with smoothing s
/// (1 - s) of it and s / classes of all. logits [..., classes]; labels int64 [...]; 0 where the label is `ignored`.
/// Source of smoothing: Szegedy et al., CVPR 2016, section 7.
/// Errors: malformed for a label that is no class.
at::Tensor cross_entropies(const at::Tensor& logits, const at::Tensor& labels, double smoothing = 0,
                           int64_t ignored = kIgnored);
/// The same for labels that are distributions [..., classes].
at::Tensor soft_cross_entropies(const at::Tensor& logits, const at::Tensor& probabilities, double smoothing = 0);

/// The mean of cross_entropies() over positions that are not ignored; 0 without any.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double smoothing = 0,
                         int64_t ignored = kIgnored);

/// -t log sigmoid(z) - (1 - t) log(1 - sigmoid(z)) of every logit, for targets in [0, 1] of the logits' shape.
at::Tensor binary_cross_entropies(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace allot::nn
