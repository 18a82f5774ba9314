// SPDX-License-Identifier: Apache-2.0
#include "exec/segments.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace allot::exec {
namespace {

constexpr uint32_t kOutside = ~uint32_t{0};  // the caller, who takes the graph's outputs

// What is used outside of the segment that makes it, and who uses what of others.
class Borders {
 public:
  Borders(const Plan& plan, const std::vector<uint32_t>& segment_of_step, std::vector<Segment>& segments)
      : segments_(segments), seen_(segments.size()) {
    const Block& main = plan.blocks[0];
    for (size_t i = 0; i < main.steps.size(); ++i) {
      visit_uses(main.steps[i], [&](Slot slot) { use(slot, segment_of_step[i]); });
      for (const Slot slot : main.steps[i].outputs)
        if (slot != kNoSlot) maker_[slot] = segment_of_step[i];
    }
    for (const Slot slot : main.outputs) use(slot, kOutside);
  }

  bool crosses(Slot slot) const { return crossing_.contains(slot); }

 private:
  void use(Slot slot, uint32_t segment) {
    const auto maker = maker_.find(slot);
    if (maker != maker_.end() && maker->second == segment) return;
    if (segment != kOutside && seen_[segment].insert(slot).second) segments_[segment].inputs.push_back(slot);
    if (maker != maker_.end() && crossing_.insert(slot).second) segments_[maker->second].outputs.push_back(slot);
  }

  std::vector<Segment>& segments_;
  std::vector<std::unordered_set<Slot>> seen_;
  std::unordered_map<Slot, uint32_t> maker_;
  std::unordered_set<Slot> crossing_;
};

// Backwards, the first use that is met is the last one.
void find_lifetimes(Plan& plan, Block& block, const Borders& borders) {
  std::unordered_set<Slot> made, seen;
  for (const Step& step : block.steps) made.insert(step.outputs.begin(), step.outputs.end());
  for (auto step = block.steps.rbegin(); step != block.steps.rend(); ++step) {
    std::vector<Slot> dead;
    const auto use = [&](Slot slot) {
      if (slot != kNoSlot && made.contains(slot) && !borders.crosses(slot) && seen.insert(slot).second)
        dead.push_back(slot);
    };
    visit_uses(*step, use);
    for (const Slot slot : step->outputs) use(slot);
    step->last_uses = plan.slot_lists->emplace_back(std::move(dead));
  }
}

}  // namespace

void cut(Plan& plan, const std::vector<uint32_t>& segment_of_step) {
  const auto last = std::max_element(segment_of_step.begin(), segment_of_step.end());
  plan.segments.assign(last == segment_of_step.end() ? 0 : *last + 1, {});
  const Borders borders(plan, segment_of_step, plan.segments);
  const size_t first = plan.blocks.size();
  plan.blocks.resize(first + plan.segments.size());
  for (size_t i = 0; i < segment_of_step.size(); ++i)
    plan.blocks[first + segment_of_step[i]].steps.push_back(plan.blocks[0].steps[i]);
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    plan.segments[s].block = static_cast<uint32_t>(first + s);
    find_lifetimes(plan, plan.blocks[first + s], borders);
  }
}

void cut_evenly(Plan& plan, size_t count) {
  const size_t n = plan.blocks[0].steps.size();
  count = std::min(count, n);
  std::vector<uint32_t> segment_of_step(n);
  for (size_t s = 0; s < count; ++s)
    std::fill(segment_of_step.begin() + static_cast<ptrdiff_t>(n * s / count),
              segment_of_step.begin() + static_cast<ptrdiff_t>(n * (s + 1) / count), static_cast<uint32_t>(s));
  cut(plan, segment_of_step);
}

}  // namespace allot::exec
