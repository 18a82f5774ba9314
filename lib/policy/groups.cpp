// SPDX-License-Identifier: Apache-2.0
#include "policy/groups.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

namespace allot::policy {

int64_t group_count(const NetworkSettings& settings, int64_t devices) {
  if (settings.devices || settings.groups_per_device == 0) return settings.groups;  // any number of devices will do
  return std::min(settings.groups, settings.groups_per_device * devices);
}

namespace {

/// Groups that are not empty, by the mean place of their elements; ties by number.
std::vector<int64_t> by_mean_place(const std::vector<int64_t>& groups, int64_t count) {
  std::vector<double> sum(static_cast<size_t>(count)), size(static_cast<size_t>(count));
  for (size_t element = 0; element < groups.size(); ++element)
    sum[groups[element]] += static_cast<double>(element), size[groups[element]] += 1;
  std::vector<int64_t> order;
  for (int64_t group = 0; group < count; ++group)
    if (size[group] > 0) order.push_back(group);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return sum[a] * size[b] < sum[b] * size[a]; });
  return order;
}

}  // namespace

Grouping::Grouping(const Instance& of, const at::Tensor& groups, int64_t count, bool all_in_order) : instance(of) {
  const auto contiguous = groups.contiguous();
  const std::vector<int64_t> group(contiguous.data_ptr<int64_t>(), contiguous.data_ptr<int64_t>() + groups.numel());
  if (all_in_order) {
    number.resize(static_cast<size_t>(count));
    std::iota(number.begin(), number.end(), 0);
  } else {
    number = by_mean_place(group, count);
  }
  std::vector<int64_t> step_of_group(static_cast<size_t>(count), -1);
  for (size_t i = 0; i < number.size(); ++i) step_of_group[number[i]] = static_cast<int64_t>(i);
  base::Csr<uint32_t> steps;  // element -> its step
  for (const int64_t g : group) {
    step_of.push_back(step_of_group[g]);
    steps.push(static_cast<uint32_t>(step_of.back()));
    steps.end_row();
  }
  members = base::transpose(steps, static_cast<uint32_t>(number.size()));
  step = at::tensor(step_of, at::kLong);

  constexpr float kNever = -std::numeric_limits<float>::infinity();
  mask = at::zeros({this->steps(), of.devices()});
  auto* row = mask.data_ptr<float>();
  for (int64_t i = 0; i < this->steps(); ++i, row += of.devices()) {
    for (const uint32_t element : members[static_cast<uint32_t>(i)])
      for (DeviceId device = 0; device < of.problem->devices(); ++device)
        if (!of.problem->allowed(of.order[element], device)) row[device] = kNever;
    if (std::all_of(row, row + of.devices(), [](float x) { return x == kNever; })) std::fill_n(row, of.devices(), 0.0f);
  }
}

UnitPlacement Grouping::placement(const int64_t* device_of_group) const {
  UnitPlacement result = instance.fixed;
  for (size_t element = 0; element < step_of.size(); ++element) {
    const UnitId unit = instance.order[element];
    const auto device = static_cast<DeviceId>(device_of_group[step_of[element]]);
    result[unit] = instance.problem->allowed(unit, device) ? device : instance.problem->fastest(unit);
  }
  return result;
}

Samples group_by_placement(const Instance& instance, const UnitPlacement& placement, int64_t groups,
                           bool all_in_order) {
  const auto devices = std::min<int64_t>(instance.devices(), groups);
  const int64_t bands = groups / devices, elements = instance.elements();
  std::vector<int64_t> group(static_cast<size_t>(elements));
  for (int64_t element = 0; element < elements; ++element)
    group[element] = element * bands / elements * devices + placement[instance.order[element]] % devices;
  Samples samples;
  samples.groups = at::tensor(group, at::kLong);
  const Grouping grouping(instance, samples.groups, groups, all_in_order);
  samples.devices = at::zeros({1, grouping.steps()}, at::kLong);
  for (int64_t step = 0; step < grouping.steps(); ++step) {
    std::vector<int64_t> votes(static_cast<size_t>(instance.devices()));
    for (const uint32_t element : grouping.members[static_cast<uint32_t>(step)])
      ++votes[placement[instance.order[element]]];
    samples.devices.data_ptr<int64_t>()[step] = std::max_element(votes.begin(), votes.end()) - votes.begin();
    if (grouping.members[static_cast<uint32_t>(step)].empty())  // any device that is allowed
      samples.devices.data_ptr<int64_t>()[step] = 0;
  }
  return samples;
}

}  // namespace allot::policy
