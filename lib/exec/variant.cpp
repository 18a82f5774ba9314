// SPDX-License-Identifier: Apache-2.0
#include "exec/variant.h"

#include <algorithm>
#include <unordered_set>

#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;

void pass_on(Call& call) { call.set(0, call.value(0)); }

[[noreturn]] void refuse(ErrorKind kind, const char* what, const std::string& name, std::string_view why) {
  throw Error(kind, fmt::format("{} '{}'", what, base::printable(name)), why, "name one that the model runs");
}

}  // namespace

std::vector<Value> Variant::run(const std::vector<Value>& inputs, const RunMode& mode) const {
  std::vector<Value> checked = program_->check_inputs(inputs);
  Frame frame(*plan_, mode);
  for (size_t i = 0; i < checked.size(); ++i)
    if (!checked[i].absent()) frame.slot(plan_->blocks[0].inputs[i]) = std::move(checked[i]);
  frame.run(0);
  return frame.take_outputs(0);
}

size_t Variant::steps() const {
  size_t count = 0;
  for (const Block& block : plan_->blocks) count += block.steps.size();
  return count;
}

VariantMaker::VariantMaker(const Program& program) : program_(program) {
  const Plan& plan = program.plan();
  if (!plan.segments.empty())
    throw Error(ErrorKind::config, "segments", "a program in segments has no variants",
                "leave --network.segments at 0");
  for (Slot slot = 0; slot < plan.constants.size(); ++slot)
    if (const std::string name = program.slot_name(slot); !plan.constants[slot].absent() && !name.empty())
      slots_.emplace(name, slot);
  for (uint32_t i = 0; i < program.parameters().size(); ++i)
    for (Slot slot = 0; slot < plan.constants.size(); ++slot)
      if (plan.constants[slot].is_tensor() && plan.constants[slot].tensor().is_same(program.parameters()[i].tensor))
        parameter_of_.emplace(slot, i);
  for (uint32_t b = 0; b < plan.blocks.size(); ++b) {
    std::vector<uint32_t> maker(plan.constants.size(), 0);
    std::vector<char> droppable(plan.constants.size(), false);
    for (uint32_t s = 0; s < plan.blocks[b].steps.size(); ++s) {
      const Step& step = plan.blocks[b].steps[s];
      steps_[plan.nodes[step.node].name].push_back({b, s});
      for (const Slot slot : step.inputs)
        if (slot != kNoSlot && !plan.constants[slot].absent()) users_[slot].push_back({b, s});
      for (const Slot slot : step.outputs)
        if (slot != kNoSlot) maker[slot] = s + 1;
      for (const Slot slot : step.last_uses) droppable[slot] = true;
    }
    maker_.push_back(std::move(maker));
    droppable_.push_back(std::move(droppable));
  }
}

/// One variant: first what steps take, then which of them are needed, then a plan of these alone with slots and nodes
/// numbered anew, so that a run costs what is there.
class VariantMaker::Making {
 public:
  Making(const VariantMaker& maker, const VariantOptions& options)
      : maker_(maker), whole_(maker.program_.plan()), plan_(std::make_shared<Plan>()) {
    for (const TensorRows& rows : options.rows) take_rows(rows);
    for (const auto& [name, positions] : options.inputs) take_inputs(name, positions);
  }

  Variant finish() {
    used_.assign(whole_.constants.size() + rows_.size(), false);
    number_.assign(used_.size(), kNoSlot);
    needed_.resize(whole_.blocks.size());
    // Bodies come behind the graphs around them, and say which values of these they use.
    for (size_t b = whole_.blocks.size(); b-- > 0;) find_needed(static_cast<uint32_t>(b));
    plan_->device = whole_.device;
    plan_->blocks.resize(whole_.blocks.size());
    for (uint32_t b = 0; b < whole_.blocks.size(); ++b) write(b);
    Variant variant;
    variant.program_ = &maker_.program_;
    variant.plan_ = std::move(plan_);
    for (const auto& [slot, parameter] : maker_.parameter_of_)
      if (used_[slot]) variant.parameters_.push_back(parameter);
    std::sort(variant.parameters_.begin(), variant.parameters_.end());
    return variant;
  }

 private:
  struct Change {
    std::vector<Slot> inputs;
    bool passes_on = false;
  };

  const Step& step_at(Place place) const { return whole_.blocks[place.block].steps[place.step]; }
  Change& change(Place place) {
    const auto [found, is_new] = changes_.try_emplace(place);
    if (is_new) found->second.inputs.assign(step_at(place).inputs.begin(), step_at(place).inputs.end());
    return found->second;
  }
  std::span<const Slot> inputs_of(Place place) const {
    const auto found = changes_.find(place);
    return found == changes_.end() ? step_at(place).inputs : std::span<const Slot>(found->second.inputs);
  }

  void take_rows(const TensorRows& rows) {
    const auto found = maker_.slots_.find(rows.name);
    if (found == maker_.slots_.end()) refuse(ErrorKind::config, "tensor", rows.name, "is not stored in the model");
    const at::Tensor& stored = whole_.constants[found->second].tensor();
    const auto inside = [&](int64_t i) { return i >= 0 && i < stored.size(rows.axis); };
    if (!stored.defined() || rows.axis < 0 || rows.axis >= stored.dim() ||
        !std::all_of(rows.indices.begin(), rows.indices.end(), inside))
      refuse(ErrorKind::malformed, "tensor", rows.name, "has no such rows");
    const auto part = static_cast<Slot>(whole_.constants.size() + rows_.size());
    if (const auto users = maker_.users_.find(found->second); users != maker_.users_.end())
      for (const Place place : users->second) {
        std::vector<Slot>& inputs = change(place).inputs;
        std::replace(inputs.begin(), inputs.end(), found->second, part);
      }
    rows_.push_back({&rows, found->second, part});
  }

  void take_inputs(const std::string& name, const std::vector<uint32_t>& positions) {
    const auto found = maker_.steps_.find(name);
    if (found == maker_.steps_.end())
      refuse(ErrorKind::config, "node", name, "is not run, or depends on nothing that is trained or given");
    if (found->second.size() > 1) refuse(ErrorKind::config, "node", name, "is one of several of that name");
    Change& changed = change(found->second[0]);
    std::vector<Slot> inputs;
    for (const uint32_t position : positions) {
      if (position >= changed.inputs.size()) refuse(ErrorKind::malformed, "node", name, "has no such input");
      inputs.push_back(changed.inputs[position]);
    }
    if (inputs.empty()) refuse(ErrorKind::malformed, "node", name, "is left without inputs");
    changed.passes_on = inputs.size() == 1;
    changed.inputs = std::move(inputs);
  }

  /// What a step takes; of what its bodies see, that which they use.
  template <typename Visit>
  void visit_needs(Place place, const Visit& visit) const {
    for (const Slot slot : inputs_of(place))
      if (slot != kNoSlot) visit(slot);
    for (const Slot slot : step_at(place).captured)
      if (used_[slot]) visit(slot);
  }

  /// Steps of a block that its outputs, or bodies in it, depend on.
  void find_needed(uint32_t b) {
    const Block& block = whole_.blocks[b];
    const std::vector<uint32_t>& maker = maker_.maker_[b];
    std::vector<char>& needed = needed_[b];
    needed.assign(block.steps.size(), false);
    std::vector<Slot> stack(block.outputs.begin(), block.outputs.end());
    while (!stack.empty()) {
      const Slot slot = stack.back();
      stack.pop_back();
      if (const size_t row = slot - whole_.constants.size(); slot >= whole_.constants.size())
        used_[rows_[row].stored] = true;
      const uint32_t step = slot < maker.size() ? maker[slot] : 0;
      if (step == 0 || needed[step - 1]) continue;
      needed[step - 1] = true;
      visit_needs({b, step - 1}, [&](Slot needs) {
        used_[needs] = true;
        stack.push_back(needs);
      });
    }
  }

  Slot numbered(Slot slot) {
    if (slot == kNoSlot) return slot;
    if (number_[slot] == kNoSlot) {
      number_[slot] = static_cast<Slot>(plan_->constants.size());
      plan_->constants.push_back(slot < whole_.constants.size() ? whole_.constants[slot] : Value());
    }
    return number_[slot];
  }
  template <typename Slots>
  std::vector<Slot> numbered_all(const Slots& slots) {
    std::vector<Slot> result;
    result.reserve(slots.size());
    for (const Slot slot : slots) result.push_back(numbered(slot));
    return result;
  }
  std::span<const Slot> keep(std::vector<Slot> slots) { return plan_->slot_lists->emplace_back(std::move(slots)); }

  void write(uint32_t b) {
    const Block& block = whole_.blocks[b];
    Block& written = plan_->blocks[b];
    written.inputs = numbered_all(block.inputs);
    written.outputs = numbered_all(block.outputs);
    written.leftovers = numbered_all(block.leftovers);
    if (b == 0)
      for (const Rows& rows : rows_)
        if (used_[rows.part]) written.steps.push_back(selection(rows));
    std::vector<Place> places;
    for (uint32_t s = 0; s < block.steps.size(); ++s)
      if (needed_[b][s]) places.push_back({b, s});
    const std::vector<std::vector<Slot>> dying = last_uses(block, places);
    for (size_t i = 0; i < places.size(); ++i) written.steps.push_back(copy(places[i], dying[i]));
  }

  /// By step, what nobody needs afterwards: backwards, the first use that is met is the last one.
  std::vector<std::vector<Slot>> last_uses(const Block& block, const std::vector<Place>& places) const {
    std::vector<std::vector<Slot>> dying(places.size());
    std::unordered_set<Slot> seen(block.outputs.begin(), block.outputs.end());
    for (size_t i = places.size(); i-- > 0;) {
      const std::vector<char>& droppable = maker_.droppable_[places[i].block];
      const auto visit = [&](Slot slot) {
        if (slot != kNoSlot && slot < droppable.size() && droppable[slot] && seen.insert(slot).second)
          dying[i].push_back(slot);
      };
      visit_needs(places[i], visit);
      for (const Slot slot : step_at(places[i]).outputs) visit(slot);
    }
    return dying;
  }

  Step copy(Place place, const std::vector<Slot>& dying) {
    const Step& step = step_at(place);
    const auto found = changes_.find(place);
    Step result;
    result.kernel = found != changes_.end() && found->second.passes_on ? Kernel(pass_on) : step.kernel;
    result.inputs = keep(numbered_all(inputs_of(place)));
    result.outputs = keep(numbered_all(step.outputs));
    std::vector<Slot> captured;
    for (const Slot slot : step.captured)
      if (used_[slot]) captured.push_back(numbered(slot));
    result.captured = keep(std::move(captured));
    result.last_uses = keep(numbered_all(dying));
    result.node = static_cast<uint32_t>(plan_->nodes.size());
    plan_->nodes.push_back(whole_.nodes[step.node]);
    return result;
  }

  struct Rows {
    const TensorRows* rows;
    Slot stored, part;
  };
  Step selection(const Rows& rows) {
    Step select;
    select.kernel = [axis = rows.rows->axis, indices = at::tensor(rows.rows->indices, at::kLong)](Call& call) {
      call.set(0, at::index_select(call.in(0), axis, indices.to(call.in(0).device())));
    };
    select.inputs = keep({numbered(rows.stored)});
    select.outputs = keep({numbered(rows.part)});
    select.node = static_cast<uint32_t>(plan_->nodes.size());
    plan_->nodes.push_back({rows.rows->name, "Rows", kNoSource});
    return select;
  }

  const VariantMaker& maker_;
  const Plan& whole_;
  std::shared_ptr<Plan> plan_;
  std::map<Place, Change> changes_;
  std::vector<Rows> rows_;
  std::vector<char> used_;                 // by slot
  std::vector<Slot> number_;               // by slot: its new one
  std::vector<std::vector<char>> needed_;  // by block and step
};

Variant VariantMaker::make(const VariantOptions& options) const { return Making(*this, options).finish(); }

}  // namespace allot::exec
