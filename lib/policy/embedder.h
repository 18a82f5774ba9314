// SPDX-License-Identifier: Apache-2.0
// Operation embeddings: type, output shapes and neighbours of each element, as vectors.
#pragma once

#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include "nn/graph_net.h"
#include "nn/parameters.h"
#include "policy/instance.h"

namespace allot::policy {

/// A learned vector for each operator type, summed over an element's ops, beside its output shapes and neighbours
/// (placement 1.2), and its costs where they are asked for. With neighbours by messages, a graph network over all of
/// it.
class Embedder {
 public:
  /// `elements`: of the one instance that is embedded, where neighbours are one-hot.
  Embedder(nn::Parameters& parameters, const std::string& name, const NetworkSettings& settings, int64_t vocabulary,
           int64_t elements);

  /// [elements, width()].
  at::Tensor operator()(const Instance& instance) const;
  int64_t width() const { return width_; }
  /// The vector of each type [vocabulary, 20].
  const at::Tensor& types() const { return types_; }

 private:
  static constexpr int64_t kTypeWidth = 20;
  int64_t width_;
  bool costs_;
  at::Tensor types_;
  std::unique_ptr<nn::GraphNet> messages_;
};

}  // namespace allot::policy
