// SPDX-License-Identifier: Apache-2.0
#include "mpl/onnx_network.h"

#include <algorithm>

#include "base/error.h"
#include "exec/dtype.h"

namespace allot::mpl {
namespace {

/// Dimensions of one item where all are known, otherwise none.
std::vector<int64_t> row_of(const ir::Type& type) {
  std::vector<int64_t> row;
  if (!type.has_shape) return row;
  for (size_t i = 1; i < type.dims.size(); ++i) {
    if (type.dims[i].value < 0) return {};
    row.push_back(type.dims[i].value);
  }
  return row;
}

}  // namespace

data::ImageGeometry image_of(const train::Network& network) {
  for (const exec::ProgramInput& input : network.inputs()) {
    const std::vector<int64_t> row = row_of(input.type);
    if (row.size() != 3) continue;
    if (row[0] <= 4) return {row[0], row[1], row[2], false};
    if (row[2] <= 4) return {row[2], row[0], row[1], true};
  }
  return {};
}

std::vector<std::string> features_of(const train::Network& network) {
  std::vector<std::string> names;
  for (const exec::ProgramInput& input : network.inputs())
    if (!input.optional) names.push_back(input.name);
  return names;
}

OnnxNetwork::OnnxNetwork(const train::Network& network, const std::vector<std::string>& features, size_t first)
    : network_(network), buffers_(network.statistics()) {
  for (const nn::TrainedTensor& trained : network.trained()) parameters_.emplace_back(trained.name, trained.tensor);
  const std::vector<std::string> own = features_of(network);
  if (first + own.size() > features.size())
    throw base::Error(base::ErrorKind::usage, "--teacher",
                      fmt::format("has {} inputs, while there are {} to take", own.size(), features.size() - first),
                      "give networks that take the same inputs");
  const auto place_of = [&](const std::string& name) { return std::find(features.begin(), features.end(), name); };
  const bool named = std::all_of(own.begin(), own.end(), [&](auto& name) { return place_of(name) != features.end(); });
  for (const exec::ProgramInput& input : network.inputs()) {
    if (input.optional) continue;
    const size_t place =
        named && first == 0 ? static_cast<size_t>(place_of(input.name) - features.begin()) : first + entries_.size();
    entries_.push_back({place, row_of(input.type), exec::scalar_type(input.type.elem)});
  }
}

Inputs OnnxNetwork::arranged(const Inputs& features) const {
  Inputs given;
  for (const auto& [feature, row, type] : entries_) {
    const at::Tensor& tensor = features[feature];
    int64_t elements = 1;
    for (const int64_t dimension : row) elements *= dimension;
    std::vector<int64_t> shape = {tensor.size(0)};
    shape.insert(shape.end(), row.begin(), row.end());
    const bool reshaped = !row.empty() && tensor.numel() == tensor.size(0) * elements && tensor.sizes() != shape;
    const at::Tensor shaped = reshaped ? tensor.reshape(shape) : tensor;
    given.push_back(at::isFloatingType(type) && shaped.is_floating_point() ? shaped.to(type) : shaped);
  }
  return given;
}

at::Tensor OnnxNetwork::logits(const Inputs& inputs, const Pass& pass) const {
  return network_.logits(
      arranged(inputs),
      {.training = pass.training, .seed = pass.seed, .step = pass.step, .recomputing = !pass.update_statistics});
}

}  // namespace allot::mpl
