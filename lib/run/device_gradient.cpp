// SPDX-License-Identifier: Apache-2.0
// Backward: each segment is an autograd graph of its own between leaves, and gradients travel as values did.
#include <algorithm>

#include <torch/csrc/autograd/autograd.h>

#include "run/device_run.h"

namespace allot::run {

using exec::Slot;
using exec::Value;

namespace {

std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& results, const std::vector<at::Tensor>& leaves,
                                     const std::vector<at::Tensor>& seeds) {
  return torch::autograd::grad(results, leaves, seeds, std::nullopt, /*create_graph=*/false, /*allow_unused=*/true);
}

}  // namespace

// Puts a leaf in the place of every input that gradients are asked for. It stays there: it has the same elements and no
// history, and the next segment takes a leaf of its own.
void DeviceRun::take_leaves(SegmentId segment) {
  for (const Slot slot : plan_.segments[segment].inputs) {
    Value& value = frame_.slot(slot);
    if (!value.is_tensor() || !value.tensor().requires_grad()) continue;
    at::Tensor leaf = value.tensor().detach();
    leaf.set_requires_grad(true);
    tape_[segment].leaves.emplace_back(slot, leaf);
    value = Value(std::move(leaf), value.widened());
  }
}

void DeviceRun::backward(SegmentId segment) {
  Event event{Event::Kind::backward, device_, device_, exec::kNoSource, exec::kNoSlot, 0, Clock::now(), {}};
  const exec::Step& last = plan_.blocks[plan_.segments[segment].block].steps.back();
  event.node = plan_.nodes[last.node].source;
  Taped taped = std::move(tape_[segment]);
  tape_.erase(segment);
  std::vector<at::Tensor> results, seeds, leaves;
  for (const auto& [slot, result] : taped.results) {
    const auto found = gradients_.find(slot);
    if (found == gradients_.end()) continue;
    if (found->second.defined()) {
      results.push_back(result);
      seeds.push_back(found->second);
    }
    gradients_.erase(found);
  }
  for (const auto& [slot, leaf] : taped.leaves) leaves.push_back(leaf);
  std::vector<at::Tensor> found(leaves.size());
  if (!results.empty() && !leaves.empty()) {
    try {
      found = gradients_of(results, leaves, seeds);
    } catch (...) {
      exec::rethrow_named("the gradient of " + exec::describe(plan_.nodes[last.node]));
    }
  }
  event.end = Clock::now();
  events_.push_back(event);
  --left_;

  // Every reader owes its part, of zero if need be.
  std::unordered_map<Slot, at::Tensor> by_slot;
  for (size_t i = 0; i < leaves.size(); ++i) by_slot[taped.leaves[i].first] = found[i];
  for (const Slot slot : plan_.segments[segment].inputs) {
    const Reader* reader = readers_here(slot);
    const auto& all = reader->segments;
    const auto part = std::lower_bound(all.begin(), all.end(), segment) - all.begin();
    collect(slot, static_cast<size_t>(part), by_slot[slot]);
  }
}

// Parts of a slot's gradient on this device: of its segments; where it is made, also of other devices and, last, of
// the caller who takes it as an output.
size_t DeviceRun::num_parts(Slot slot) const {
  const Reader* here = readers_here(slot);
  size_t parts = here ? here->segments.size() : 0;
  const SegmentId maker = layout_.maker[slot];
  if (maker != kNone && is_mine(maker))
    parts += layout_.readers[slot].size() - (here ? 1 : 0) + (layout_.is_output[slot] ? 1 : 0);
  return parts;
}

// Which part the reading device's sum is, on the device that makes the slot.
size_t DeviceRun::remote_part(Slot slot, DeviceId reader) const {
  const DeviceId maker = layout_.device_of_segment[layout_.maker[slot]];
  size_t before = 0, here = 0;
  for (const Reader& r : layout_.readers[slot]) {
    if (r.device == maker) here = r.segments.size();
    if (r.device != maker && r.device < reader) ++before;
  }
  return here + before;
}

void DeviceRun::collect(Slot slot, size_t part, const at::Tensor& gradient) {
  Collector& collector = collectors_[slot];
  if (collector.parts.empty()) {
    collector.parts.resize(num_parts(slot));
    collector.missing = collector.parts.size();
  }
  collector.parts.at(part) = gradient;
  if (--collector.missing > 0) return;
  at::Tensor sum;
  for (at::Tensor& each : collector.parts)
    if (each.defined()) sum = sum.defined() ? sum + each : each;
  collectors_.erase(slot);
  finish(slot, sum);
}

void DeviceRun::finish(Slot slot, const at::Tensor& gradient) {
  const SegmentId maker = layout_.maker[slot];
  if (maker == kNone) {
    if (gradient.defined()) weight_gradients_[slot] = gradient;
  } else if (is_mine(maker)) {
    gradients_[slot] = gradient;
    if (--waiting_gradients_[maker] == 0) ready_backward_.push_back(maker);
  } else {
    Message message{Message::Kind::gradient, slot, device_, static_cast<uint32_t>(remote_part(slot, device_)),
                    gradient.defined() ? Value(gradient) : Value()};
    send_(layout_.device_of_segment[maker], std::move(message));
  }
}

}  // namespace allot::run
