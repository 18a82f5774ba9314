// SPDX-License-Identifier: Apache-2.0
#include "mpl/onnx_network.h"

namespace allot::mpl {

OnnxNetwork::OnnxNetwork(const train::Network& network) : network_(network), buffers_(network.statistics()) {
  for (const nn::TrainedTensor& trained : network.trained()) parameters_.emplace_back(trained.name, trained.tensor);
}

at::Tensor OnnxNetwork::logits(const Inputs& inputs, const Pass& pass) const {
  return network_.logits(
      inputs,
      {.training = pass.training, .seed = pass.seed, .step = pass.step, .recomputing = !pass.update_statistics});
}

}  // namespace allot::mpl
