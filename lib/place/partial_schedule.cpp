// SPDX-License-Identifier: Apache-2.0
#include "place/partial_schedule.h"

#include <algorithm>

#include "sim/ledger.h"

namespace allot::place {

using graph::kNone;
using graph::TensorId;

PartialSchedule::PartialSchedule(const Problem& problem)
    : problem_(problem),
      graph_(problem.graph()),
      costs_(problem.costs()),
      placement_(graph_.num_units(), kNone),
      end_ps_(graph_.num_ops(), -1),
      copies_(graph_.num_tensors(), kNone),
      free_ps_(problem.devices(), 0),
      live_bytes_(problem.devices(), 0),
      memory_(problem),
      wires_(problem.cluster()) {
  for (TensorId tensor = 0; tensor < graph_.num_tensors(); ++tensor)
    unread_.push_back(static_cast<uint32_t>(graph_.consumers[tensor].size()));
}

int64_t PartialSchedule::ready_ps(OpId op, DeviceId device) const {
  int64_t ready = 0;
  for (const TensorId tensor : graph_.inputs[op]) ready = std::max(ready, arrival_ps(tensor, device));
  return ready;
}

DeviceId PartialSchedule::roomiest(UnitId unit) const {
  const auto excess = [&](DeviceId device) { return memory_.excess(unit, device, live_bytes_[device]); };
  const auto choices = problem_.choices(unit);
  return *std::min_element(choices.begin(), choices.end(),
                           [&](DeviceId a, DeviceId b) { return excess(a) < excess(b); });
}

DeviceId PartialSchedule::quickest(OpId op) const {
  const UnitId unit = graph_.unit_of[op];
  if (placement_[unit] != kNone) return placement_[unit];
  DeviceId best = kNone;
  int64_t best_ps = 0;
  for (const DeviceId device : problem_.choices(unit)) {
    if (!fits(unit, device)) continue;
    const int64_t end_ps = std::max(free_ps_[device], ready_ps(op, device)) + problem_.unit_time_ps(unit, device);
    if (best == kNone || end_ps < best_ps) best = device, best_ps = end_ps;
  }
  return best == kNone ? roomiest(unit) : best;
}

void PartialSchedule::add(OpId op, DeviceId device) {
  const UnitId unit = graph_.unit_of[op];
  if (placement_[unit] == kNone) {
    placement_[unit] = device;
    memory_.add(unit, device);
  }
  int64_t start = free_ps_[device];
  for (const TensorId tensor : graph_.inputs[op]) start = std::max(start, bring(tensor, device));
  free_ps_[device] = end_ps_[op] = start + costs_.time(op, device);
  for (const TensorId tensor : graph_.outputs[op]) live_bytes_[device] += block_bytes(tensor, device);
  for (const TensorId tensor : graph_.inputs[op])
    if (--unread_[tensor] == 0) free(tensor);
}

/// When `tensor` is, or would be, on `device`.
int64_t PartialSchedule::arrival_ps(TensorId tensor, DeviceId device) const {
  const DeviceId from = home(tensor, device);
  if (from == device) return made_ps(tensor);
  for (uint32_t i = copies_[tensor]; i != kNone; i = arrivals_[i].next)
    if (arrivals_[i].device == device) return arrivals_[i].time_ps;
  return wires_.preview(from, device, costs_.tensor_bytes[tensor], made_ps(tensor)).end_ps;
}

/// The same, and sends it if it has not been sent.
int64_t PartialSchedule::bring(TensorId tensor, DeviceId device) {
  const DeviceId from = home(tensor, device);
  if (from == device) return made_ps(tensor);
  for (uint32_t i = copies_[tensor]; i != kNone; i = arrivals_[i].next)
    if (arrivals_[i].device == device) return arrivals_[i].time_ps;
  const int64_t end = wires_.reserve(from, device, costs_.tensor_bytes[tensor], made_ps(tensor)).end_ps;
  arrivals_.push_back({end, device, copies_[tensor]});
  copies_[tensor] = static_cast<uint32_t>(arrivals_.size() - 1);
  live_bytes_[device] += block_bytes(tensor, device);
  return end;
}

/// Nobody will read `tensor` any more.
void PartialSchedule::free(TensorId tensor) {
  for (uint32_t i = copies_[tensor]; i != kNone; i = arrivals_[i].next)
    live_bytes_[arrivals_[i].device] -= block_bytes(tensor, arrivals_[i].device);
  const OpId producer = graph_.producer[tensor];
  if (producer == kNone || graph_.is_output[tensor]) return;
  const DeviceId device = placement_[graph_.unit_of[producer]];
  live_bytes_[device] -= block_bytes(tensor, device);
}

/// Where a tensor is made; graph inputs are at the io device, or with whoever reads them.
DeviceId PartialSchedule::home(TensorId tensor, DeviceId reader) const {
  const OpId producer = graph_.producer[tensor];
  if (producer == kNone) return problem_.cluster().io_device.value_or(reader);
  return placement_[graph_.unit_of[producer]];
}

int64_t PartialSchedule::made_ps(TensorId tensor) const {
  const OpId producer = graph_.producer[tensor];
  return producer == kNone ? 0 : end_ps_[producer];
}

int64_t PartialSchedule::block_bytes(TensorId tensor, DeviceId device) const {
  return sim::block_bytes(costs_.tensor_bytes[tensor], problem_.cluster().devices[device].align_bytes);
}

}  // namespace allot::place
