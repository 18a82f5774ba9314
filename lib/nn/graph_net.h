// SPDX-License-Identifier: Apache-2.0
// Message passing over a directed graph.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/parameters.h"

namespace allot::nn {

/// Edges of a directed graph; int64 [edges] each.
struct Edges {
  at::Tensor from, to;
};

/// Rounds in which every vertex hears from those before and those after it:
///   h <- norm(h + W relu([h, sum over edges into it, sum over edges out of it] V + b))
/// where a sum over k edges is divided by sqrt(k), and norm is layer normalisation without parameters. Nothing depends
/// on the number of a vertex, so what is learned on one graph serves others.
class GraphNet {
 public:
  GraphNet(Parameters& parameters, const std::string& name, int64_t input, int64_t width, int rounds);

  /// [vertices, input] -> [vertices, width].
  at::Tensor operator()(const at::Tensor& features, const Edges& edges) const;

 private:
  struct Round {
    at::Tensor in, bias, out;  // [3 width, width], [width], [width, width]
  };
  int64_t width_;
  at::Tensor enter_, enter_bias_;  // [input, width], [width]
  std::vector<Round> rounds_;
};

}  // namespace allot::nn
