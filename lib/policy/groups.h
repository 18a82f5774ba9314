// SPDX-License-Identifier: Apache-2.0
// Groups of elements, and what a placer reads of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/graph_net.h"
#include "policy/decoder.h"
#include "policy/network.h"

namespace allot::policy {

/// How many the grouper chooses from.
int64_t group_count(const NetworkSettings& settings, int64_t devices);

/// A grouping of an instance's elements, in the order in which groups are placed: all in order of their numbers, as
/// published, or those that are not empty by the mean place of their elements in the sequence.
class Grouping {
 public:
  /// groups int64 [elements], each in [0, count).
  Grouping(const Instance& instance, const at::Tensor& groups, int64_t count, bool all_in_order);

  int64_t steps() const { return static_cast<int64_t>(members.rows()); }
  /// Of the elements by their group's device [steps]. An element that may not be there goes where it is fastest.
  UnitPlacement placement(const int64_t* device_of_group) const;

  const Instance& instance;
  std::vector<int64_t> step_of;  // element -> step at which its group is placed
  base::Csr<uint32_t> members;   // step -> elements
  std::vector<int64_t> number;   // step -> number of its group
  at::Tensor step;               // step_of as a tensor
  at::Tensor mask;               // [steps, devices]: minus infinity where no member may be, unless that is everywhere
};

/// Group embeddings. As published (placement 2.3): counts of operator types, sums of the first 16 columns of output
/// shapes, and which groups an edge leads to. With neighbours by messages: means of the members' embeddings, sums of
/// their costs, through a graph network over the groups; nothing depends on a group's number then.
class GroupEmbedder {
 public:
  GroupEmbedder(nn::Parameters& parameters, const std::string& name, const NetworkSettings& settings,
                int64_t vocabulary, int64_t element_width, int64_t groups);

  /// embeddings [elements, element_width].
  Sequence operator()(const Instance& instance, const Grouping& grouping, const at::Tensor& embeddings) const;
  int64_t width() const { return width_; }

 private:
  at::Tensor published(const Instance& instance, const Grouping& grouping) const;

  int64_t vocabulary_, groups_, width_;
  NetworkSettings settings_;
  std::unique_ptr<nn::GraphNet> messages_;
};

/// A placement as decisions: bands of the sequence, with a group of each for every device. With fewer groups than
/// devices several devices share one, which goes where most of its elements are.
Samples group_by_placement(const Instance& instance, const UnitPlacement& placement, int64_t groups, bool all_in_order);

/// What a decoder knows of groups placed so far: how busy and how full each device would be, how much of what the group
/// exchanges stays on it.
class GroupTracker : public Tracker {
 public:
  struct Traffic {  // between steps, both ways: bytes that travel
    base::Csr<uint32_t> neighbours;
    std::vector<double> ps;
  };
  struct Facts {
    std::vector<double> time_ps, bytes;  // [steps, devices]; [steps]
    Traffic traffic;
    std::vector<double> usable_bytes;
    double share_ps = 1;  // of the whole work, for one device
  };
  explicit GroupTracker(std::shared_ptr<const Facts> facts)
      : facts_(std::move(facts)), busy_ps_(facts_->usable_bytes.size()), held_bytes_(facts_->usable_bytes.size()) {}
  static std::shared_ptr<const Facts> facts(const Grouping& grouping);

  void look(float* features) override;
  void take(DeviceId device) override;

 private:
  std::shared_ptr<const Facts> facts_;
  std::vector<DeviceId> taken_;
  std::vector<double> busy_ps_, held_bytes_;
};

}  // namespace allot::policy
