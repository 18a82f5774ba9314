// SPDX-License-Identifier: Apache-2.0
// A model with a placement in it, where other programs can read it.
#pragma once

#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "ir/model.h"

namespace allot::measure {

/// A private temporary folder that goes with its owner. What the model keeps in files of its own is copied there once.
class PlacedFile {
 public:
  /// `model`, which is annotated, and `cluster` must outlive it. Errors: cannot_create, io; those of the writer.
  PlacedFile(ir::Model& model, const cluster::Cluster& cluster);
  ~PlacedFile();
  PlacedFile(const PlacedFile&) = delete;
  PlacedFile& operator=(const PlacedFile&) = delete;

  /// Writes the model placed so, over what was there. Returns its path.
  std::string write(const std::vector<cluster::DeviceId>& device_of_node);

 private:
  ir::Model& model_;
  const cluster::Cluster& cluster_;
  std::string folder_;
  bool copied_ = false;
};

}  // namespace allot::measure
