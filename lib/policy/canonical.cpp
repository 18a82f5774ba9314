// SPDX-License-Identifier: Apache-2.0
#include "policy/canonical.h"

#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "place/interchangeable.h"

namespace allot::policy {
namespace {

using place::DeviceId;

/// By device the first that it can trade places with, for all that its placements are scored by.
std::vector<DeviceId> first_alike(const place::Problem& problem) {
  std::vector<std::vector<DeviceId>> by_shape = {place::interchangeable(problem)};
  for (const auto& other : problem.others()) by_shape.push_back(place::interchangeable(*other.problem));
  std::vector<DeviceId> first(problem.devices());
  std::iota(first.begin(), first.end(), 0);
  if (problem.make_scorer()) return first;
  const auto alike = [&](DeviceId a, DeviceId b) {
    for (const auto& shape : by_shape)
      if (shape[a] != shape[b]) return false;
    return true;
  };
  for (DeviceId device = 0; device < first.size(); ++device)
    for (DeviceId other = 0; other < device && first[device] == device; ++other)
      if (alike(other, device)) first[device] = other;
  return first;
}

}  // namespace

CanonicalForm::CanonicalForm(const place::Problem& problem, std::vector<place::UnitId> order)
    : order_(std::move(order)), first_(first_alike(problem)), next_(first_.size(), 0) {
  if (order_.empty()) {
    order_.resize(problem.graph().num_units());
    std::iota(order_.begin(), order_.end(), 0);
  }
  ALLOT_ASSERT(order_.size() == problem.graph().num_units());
  std::vector<DeviceId> last = first_;  // of the devices so far
  for (DeviceId device = 0; device < first_.size(); ++device) {
    const DeviceId first = first_[device];
    if (first == device) continue;
    next_[last[first]] = device;
    last[first] = device;
    symmetric_ = true;
  }
}

place::UnitPlacement CanonicalForm::of(place::UnitPlacement placement) const {
  if (!symmetric_) return placement;
  constexpr DeviceId kUnused = ~DeviceId{0};
  std::vector<DeviceId> label(first_.size(), kUnused), free = first_;  // free: by first device, the next label
  for (const place::UnitId unit : order_) {
    DeviceId& device = placement[unit];
    if (label[device] == kUnused) {
      DeviceId& next = free[first_[device]];
      label[device] = next;
      next = next_[next];
    }
    device = label[device];
  }
  return placement;
}

PlacementKey key_of(std::span<const DeviceId> placement) {
  PlacementKey key{placement.size(), ~placement.size()};
  for (const DeviceId device : placement) {
    key.low = base::mix(key.low, device);
    key.high = base::mix(key.high + device, key.low);
  }
  return key;
}

}  // namespace allot::policy
