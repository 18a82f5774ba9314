// SPDX-License-Identifier: Apache-2.0
// One encoder: an ONNX network whose output, brought to length 1, is an item's embedding.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exec/segment_watch.h"
#include "train/network.h"

namespace allot::contrast {

using Inputs = std::vector<at::Tensor>;  // in the order of a network's inputs, [items, ...]

struct TowerOptions {
  std::string output = {};  // of the graph, where it has several
  bool frozen = false;      // not trained: it has no second pass
  bool normalised = false;  // the network does it itself
  int64_t project = 0;      // numbers that a new last layer without bias gives; 0: none
  // refuse; frozen: the stored statistics; micro: those of micro-batches, so that their size counts
  std::string batch_norm = "refuse";
  double dropout = -1;   // ratio in training; -1: the nodes' own
  int64_t segments = 0;  // rematerialised; 0: none
  std::string precision = "float32";
  uint64_t seed = 0;  // of the new layer's weights
};

/// How a pass runs. Random numbers follow from the seed, the step and the item's number in the batch alone.
struct Pass {
  bool training = false, second = false;  // second: for gradients; statistics of batches move then alone
  uint64_t seed = 0;
  uint32_t step = 0;
  int64_t first_item = 0;
  exec::SegmentWatch* watch = nullptr;  // who is told of the network's segments
};

class Tower {
 public:
  /// Errors: those of train::Network and add_projection; check_failed, naming the node, where items of a batch are not
  /// independent (batch_independence.h); malformed for an output that is not [items, numbers] of floats.
  Tower(const std::string& path, const TowerOptions& options);
  Tower(ir::Model model, const TowerOptions& options);

  const train::Network& network() const { return *network_; }
  const TowerOptions& options() const { return options_; }
  bool trains() const { return !options_.frozen; }
  /// Numbers of an embedding.
  int64_t dimension() const { return dimension_; }
  /// Of embeddings: float64 where the network is, else float32.
  at::ScalarType type() const { return type_; }
  /// Names of the inputs that a caller has to give.
  std::vector<std::string> input_names() const;

  /// [items, D] of length 1 (of 0 where the network gives zeros). Inputs are brought to the types that the network
  /// wants. Recorded for gradients when torch's grad mode is on. Safe from several threads unless the second pass moves
  /// statistics. Errors: those of Network::logits.
  at::Tensor embed(const Inputs& inputs, const Pass& pass) const;

  /// In the order of leaves(): the gradient of <embeddings, upstream> for the same inputs; undefined where there is
  /// none.
  std::vector<at::Tensor> gradient(const Inputs& inputs, const at::Tensor& upstream, const Pass& pass) const;

 private:
  void check();

  TowerOptions options_;
  std::unique_ptr<train::Network> network_;
  std::vector<at::Tensor> leaves_;
  int64_t dimension_ = 0;
  at::ScalarType type_ = at::kFloat;
};

/// Appends y = x W' without bias to the output [items, D]: W [size, D] is uniform within sqrt(6 / (D + size)) by `seed`
/// and named "allot.projection". The new output has the old one's name. Errors: malformed where D is not known.
void add_projection(ir::Model& model, const std::string& output, int64_t size, uint64_t seed);

/// x / max(|x|, 1e-12) by row.
at::Tensor normalised(const at::Tensor& rows);

}  // namespace allot::contrast
