// SPDX-License-Identifier: Apache-2.0
#include "run/layout.h"

#include <algorithm>
#include <numeric>

#include "exec/segments.h"

namespace allot::run {
namespace {

using exec::kNoSlot;
using exec::Slot;
using exec::Step;
using exec::visit_uses;

// Takes steps in order and says which segment each belongs to.
class Grouping {
 public:
  Grouping(const exec::Plan& plan, const std::vector<DeviceId>& device_of_step)
      : device_of_step_(device_of_step), maker_(plan.constants.size(), kNone), sent_(plan.constants.size(), false) {
    find_sent(plan);
  }

  SegmentId add(const Step& step, DeviceId device) {
    const SegmentId segment = place_for(step, device);
    for (const Slot slot : step.outputs) {
      if (slot == kNoSlot) continue;
      maker_[slot] = segment;
      if (sent_[slot]) segments_[segment].is_open = false;
    }
    return segment;
  }

 private:
  struct Open {
    DeviceId device;
    bool is_open = true;
    std::vector<SegmentId> before;  // segments of the same device that it waits for, ascending
    std::vector<Slot> received;     // what it waits for from other devices, ascending
  };

  // Slots that other devices than their maker's read.
  void find_sent(const exec::Plan& plan) {
    std::vector<DeviceId> made_on(sent_.size(), kNone);
    const auto& steps = plan.blocks[0].steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      visit_uses(steps[i], [&](Slot slot) {
        if (made_on[slot] != kNone && made_on[slot] != device_of_step_[i]) sent_[slot] = true;
      });
      for (const Slot slot : steps[i].outputs)
        if (slot != kNoSlot) made_on[slot] = device_of_step_[i];
    }
  }

  SegmentId place_for(const Step& step, DeviceId device) {
    Open needs{device, true, {}, {}};
    visit_uses(step, [&](Slot slot) {
      const SegmentId maker = maker_[slot];
      if (maker == kNone) return;
      if (segments_[maker].device == device)
        needs.before.push_back(maker);
      else
        needs.received.push_back(slot);
    });
    for (auto* list : {&needs.before, &needs.received}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    if (!needs.before.empty() && joins(needs, needs.before.back())) return needs.before.back();
    segments_.push_back(std::move(needs));
    return static_cast<SegmentId>(segments_.size() - 1);
  }

  // A step joins if the segment has waited for all that the step needs, or makes it.
  bool joins(const Open& needs, SegmentId segment) const {
    const Open& open = segments_[segment];
    return open.is_open &&
           std::includes(open.before.begin(), open.before.end(), needs.before.begin(), needs.before.end() - 1) &&
           std::includes(open.received.begin(), open.received.end(), needs.received.begin(), needs.received.end());
  }

  const std::vector<DeviceId>& device_of_step_;
  std::vector<SegmentId> maker_;  // by slot, of the steps seen so far
  std::vector<char> sent_;        // by slot
  std::vector<Open> segments_;
};

}  // namespace

std::vector<SegmentId> steps_apart(const exec::Plan& plan) {
  std::vector<SegmentId> segment_of_step(plan.blocks[0].steps.size());
  std::iota(segment_of_step.begin(), segment_of_step.end(), SegmentId{0});
  return segment_of_step;
}

std::vector<SegmentId> group_steps(const exec::Plan& plan, const std::vector<DeviceId>& device_of_step) {
  Grouping grouping(plan, device_of_step);
  std::vector<SegmentId> segment_of_step;
  for (size_t i = 0; i < device_of_step.size(); ++i)
    segment_of_step.push_back(grouping.add(plan.blocks[0].steps[i], device_of_step[i]));
  return segment_of_step;
}

std::vector<DeviceId> device_of_step(const exec::Plan& plan, const std::vector<DeviceId>& device_of_node) {
  const auto& steps = plan.blocks[0].steps;
  std::vector<DeviceId> devices(steps.size(), kNone);
  std::vector<DeviceId> used_on(plan.constants.size(), kNone);  // by slot: where it is used first
  for (size_t i = steps.size(); i-- > 0;) {
    const uint32_t source = plan.nodes[steps[i].node].source;
    if (source != exec::kNoSource) {
      devices[i] = exec::part_of(device_of_node, source);
    } else {
      const DeviceId wanted = steps[i].outputs.empty() ? kNone : used_on[steps[i].outputs[0]];
      devices[i] = wanted == kNone ? 0 : wanted;
    }
    visit_uses(steps[i], [&](Slot slot) { used_on[slot] = devices[i]; });
  }
  return devices;
}

Layout make_layout(const exec::Plan& plan, const std::vector<SegmentId>& segment_of_step,
                   const std::vector<DeviceId>& device_of_step) {
  const size_t slots = plan.constants.size(), segments = plan.segments.size();
  Layout layout{std::vector<DeviceId>(segments), std::vector<uint32_t>(segments), std::vector<SegmentId>(slots, kNone),
                std::vector<std::vector<Reader>>(slots), std::vector<char>(slots, false)};
  for (size_t i = 0; i < segment_of_step.size(); ++i) layout.device_of_segment[segment_of_step[i]] = device_of_step[i];
  for (SegmentId s = 0; s < segments; ++s)
    for (const Slot slot : plan.segments[s].outputs) layout.maker[slot] = s;
  for (SegmentId s = 0; s < segments; ++s) {
    for (const Slot slot : plan.segments[s].inputs) {
      if (layout.maker[slot] != kNone) ++layout.waits[s];
      auto& readers = layout.readers[slot];
      const DeviceId device = layout.device_of_segment[s];
      const auto at = std::lower_bound(readers.begin(), readers.end(), device,
                                       [](const Reader& r, DeviceId d) { return r.device < d; });
      if (at != readers.end() && at->device == device)
        at->segments.push_back(s);
      else
        readers.insert(at, {device, {s}});
    }
  }
  for (const Slot slot : plan.blocks[0].outputs) layout.is_output[slot] = true;
  return layout;
}

}  // namespace allot::run
