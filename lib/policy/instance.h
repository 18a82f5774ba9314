// SPDX-License-Identifier: Apache-2.0
// A placement problem as networks read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/csr.h"
#include "nn/graph_net.h"
#include "place/problem.h"
#include "policy/settings.h"

namespace allot::policy {

using place::DeviceId;
using place::OpId;
using place::UnitId;
using place::UnitPlacement;

/// Operator types that a policy knows, sorted; others share number 0.
class Vocabulary {
 public:
  Vocabulary() = default;
  explicit Vocabulary(std::vector<std::string> types);
  /// The types that occur in these graphs.
  static Vocabulary of(const std::vector<const graph::OpGraph*>& graphs);

  int64_t number(std::string_view type) const;
  int64_t size() const { return static_cast<int64_t>(types_.size()) + 1; }
  const std::vector<std::string>& types() const { return types_; }

 private:
  std::vector<std::string> types_;
};

/// Widths of what features an element, a device, and an element on a device have.
constexpr int64_t kShapeWidth = 24, kNeighbourWidth = 12, kCostWidth = 10, kDeviceWidth = 5, kPairWidth = 3;

/// The elements to be placed, in the order in which a decoder takes them: units that may use more than one device, by
/// the first of their ops in topological order. Units without a choice are bridged: their neighbours count as each
/// other's. Source: placement 0.2, 1.2.
struct Instance {
  /// tensor_dims [num_tensors]: shapes; a tensor for which none are given is one of as many elements as it has bytes.
  Instance(const place::Problem& problem, const NetworkSettings& settings, const Vocabulary& vocabulary,
           const std::vector<std::vector<int64_t>>& tensor_dims = {});

  int64_t elements() const { return static_cast<int64_t>(order.size()); }
  int64_t devices() const { return problem->devices(); }
  /// The placement that gives each element a device [elements]; the rest are where they must be.
  UnitPlacement placement(const int64_t* device_of_element) const;
  /// Of each element [elements].
  std::vector<int64_t> devices_of(const UnitPlacement& placement) const;

  const place::Problem* problem;
  std::vector<OpId> op_order;         // all ops, topological: how a list scheduler takes them
  std::vector<UnitId> order;          // element -> unit
  std::vector<uint32_t> index;        // unit -> element, or graph::kNone
  UnitPlacement fixed;                // device of units without a choice, else the first that is allowed
  std::vector<double> lasting_bytes;  // by unit: place::lasting_bytes

  at::Tensor type, type_element;  // int64 [members]: number of an op's type, and its element
  at::Tensor members;             // [elements, 1]: log of how many ops
  at::Tensor shapes;              // [elements, kShapeWidth]: dims of up to 6 tensors that leave it, 4 of each
  at::Tensor neighbours;          // indices [elements, 12], or both ways' one-hot rows [elements, 2 elements]; or none
  at::Tensor costs;               // [elements, kCostWidth] if asked for
  at::Tensor pairs;               // [elements, devices, kPairWidth] if asked for: time there, allowed, fits
  at::Tensor device_features;     // [devices, kDeviceWidth] if asked for
  at::Tensor mask;                // [elements, devices]: 0, or minus infinity where it may not be
  nn::Edges edges;                // between elements
  base::Csr<uint32_t> before, after;  // the same as lists, distinct and ascending
  double scale_ps = 1;                // mean time of a unit: what times are measured in
};

}  // namespace allot::policy
