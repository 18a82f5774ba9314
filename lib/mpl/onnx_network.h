// SPDX-License-Identifier: Apache-2.0
// An ONNX file as a network of these algorithms.
#pragma once

#include <string>
#include <vector>

#include "data/image_view.h"
#include "mpl/network.h"
#include "train/network.h"

namespace allot::mpl {

/// Shares weights and statistics with `network`, which must outlive it. Inputs are features in the order of `features`:
/// those of the graph take the ones of their names, or, where names differ, those from place `first` on; rows of
/// another shape are brought to the one that the graph declares, and floats to its type. Errors: usage when there are
/// too few features.
class OnnxNetwork final : public Network {
 public:
  OnnxNetwork(const train::Network& network, const std::vector<std::string>& features, size_t first = 0);

  at::Tensor logits(const Inputs& inputs, const Pass& pass) const override;
  /// Features as the graph's own inputs.
  Inputs arranged(const Inputs& features) const;
  const std::vector<nn::NamedTensor>& parameters() const override { return parameters_; }
  const std::vector<nn::NamedTensor>& buffers() const override { return buffers_; }

 private:
  struct Entry {
    size_t feature;
    std::vector<int64_t> row;  // what the graph declares of an item; empty: unknown in part
    at::ScalarType type;
  };
  const train::Network& network_;
  std::vector<nn::NamedTensor> parameters_, buffers_;
  std::vector<Entry> entries_;  // by input
};

/// The images that a network takes: of its first input that is [items, C, H, W] or [items, H, W, C] with at most 4
/// channels and dimensions that are known. Zeros where there is none.
data::ImageGeometry image_of(const train::Network& network);

/// Names of the inputs that a network needs.
std::vector<std::string> features_of(const train::Network& network);

}  // namespace allot::mpl
