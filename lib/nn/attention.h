// SPDX-License-Identifier: Apache-2.0
// How well each query matches each place of a memory.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "nn/parameters.h"

namespace allot::nn {

/// v . tanh(query + memory) for every pair: [queries, width], [places, width], [width] -> [queries, places]. Nothing of
/// size queries * places * width is kept for the gradient: it is computed again, a few queries at a time.
/// Source: Bahdanau et al., ICLR 2015; placement 1.4.
at::Tensor additive_scores(const at::Tensor& query, const at::Tensor& memory, const at::Tensor& v);

/// query . memory / sqrt(width): [..., queries, width], [..., places, width] -> [..., queries, places].
at::Tensor dot_scores(const at::Tensor& query, const at::Tensor& memory);

/// softmax(scores) memory: what is read from a memory at given scores.
at::Tensor read(const at::Tensor& scores, const at::Tensor& memory);

}  // namespace allot::nn
