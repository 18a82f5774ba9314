// SPDX-License-Identifier: Apache-2.0
// An ONNX file as a network of these algorithms.
#pragma once

#include "mpl/network.h"
#include "train/network.h"

namespace allot::mpl {

/// Shares weights and statistics with `network`, which must outlive it.
class OnnxNetwork final : public Network {
 public:
  explicit OnnxNetwork(const train::Network& network);

  at::Tensor logits(const Inputs& inputs, const Pass& pass) const override;
  const std::vector<nn::NamedTensor>& parameters() const override { return parameters_; }
  const std::vector<nn::NamedTensor>& buffers() const override { return buffers_; }

 private:
  const train::Network& network_;
  std::vector<nn::NamedTensor> parameters_, buffers_;
};

}  // namespace allot::mpl
