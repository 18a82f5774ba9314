// SPDX-License-Identifier: Apache-2.0
// What an operator does with the axis that holds the items of a batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::contrast {

/// Where a value's batch is. An axis of outer * batch * inner elements holds item i at (o * batch + i) * inner + j.
struct BatchAxis {
  int64_t axis = -1;  // -1: the value does not depend on the batch
  int64_t inner = 1;
  bool batched() const { return axis >= 0; }
};

/// One node, with shapes for a batch of `batch` items.
struct AxisSite {
  const ir::Node& node;
  int64_t opset;
  std::vector<BatchAxis> inputs;
  std::vector<std::vector<int64_t>> input_dims;
  std::vector<const std::vector<double>*> input_content;  // of small known tensors, else nullptr
  BatchAxis output;                                       // its axis, by its shape
  int64_t batch;
  std::vector<int64_t> output_dims = {};
};

struct AxisVerdict {
  bool decided = true;     // false: no rule covers the operator
  std::string mixes = {};  // what it does to items; empty: it keeps them apart
  std::string remedy = {};
  int64_t inner = 1;  // of the output's axis
};

/// Of a node with at least one input that has the batch, and an output that has it in one axis.
AxisVerdict follow_batch_axis(const AxisSite& site);

}  // namespace allot::contrast
