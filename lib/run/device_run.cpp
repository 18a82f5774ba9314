// SPDX-License-Identifier: Apache-2.0
// Forward: messages first, then whatever segment is ready. The way back is in device_gradient.cpp.
#include "run/device_run.h"

#include <algorithm>

#include <ATen/ops/_to_copy.h>
#include <ATen/ops/clone.h>
#include <ATen/ops/ones_like.h>
#include <c10/core/GradMode.h>

#include "base/error.h"

namespace allot::run {
namespace {

using exec::kNoSlot;
using exec::Slot;
using exec::Value;

int64_t bytes_of(const Value& value) { return value.is_tensor() ? static_cast<int64_t>(value.tensor().nbytes()) : 0; }

bool asks_for_gradient(const Value& value) { return value.is_tensor() && value.tensor().requires_grad(); }

/// Memory of its own on the receiving device.
Value copy_to(const Value& value, c10::Device memory) {
  if (value.is_sequence()) {
    exec::Sequence copy;
    for (const Value& element : value.sequence()) copy.push_back(copy_to(element, memory));
    return Value(std::move(copy));
  }
  if (!value.is_tensor()) return value;
  const at::NoGradGuard no_gradients;
  const at::Tensor& tensor = value.tensor();
  const bool same = tensor.device() == memory;
  at::Tensor copy = same ? tensor.clone() : tensor.to(memory);
  copy.set_requires_grad(tensor.requires_grad());
  return Value(std::move(copy), value.widened());
}

/// The same elements without what they were computed from; asks for gradients if the original does.
Value cut_off(const Value& value, std::string_view where) {
  if (value.is_sequence()) {
    for (const Value& element : value.sequence())
      if (asks_for_gradient(element))
        throw base::Error(base::ErrorKind::unavailable, where,
                          "gives a sequence to other devices, and gradients cannot follow it",
                          "place the nodes that use it on the same device");
    return value;
  }
  if (!asks_for_gradient(value)) return value;
  at::Tensor tensor = value.tensor().detach();
  tensor.set_requires_grad(true);
  return Value(std::move(tensor), value.widened());
}

}  // namespace

DeviceRun::DeviceRun(const exec::Plan& plan, const Layout& layout, DeviceId device, c10::Device memory,
                     const exec::RunMode& mode, Send send)
    : plan_(plan),
      layout_(layout),
      device_(device),
      memory_(memory),
      send_(std::move(send)),
      frame_(plan, mode),
      waits_(layout.waits),
      differentiates_(mode.training) {
  for (SegmentId s = 0; s < waits_.size(); ++s) {
    if (!is_mine(s)) continue;
    left_ += differentiates_ ? 2 : 1;
    if (differentiates_) waiting_gradients_[s] = plan.segments[s].outputs.size();
    if (waits_[s] == 0) ready_.push_back(s);
  }
}

void DeviceRun::set_input(Slot slot, const Value& value) {
  if (!readers_here(slot) && !layout_.is_output[slot]) return;
  const bool moves = value.is_tensor() && value.tensor().device() != memory_;
  frame_.slot(slot) = moves ? copy_to(value, memory_) : value;
}

const Reader* DeviceRun::readers_here(Slot slot) const {
  for (const Reader& reader : layout_.readers[slot])
    if (reader.device == device_) return &reader;
  return nullptr;
}

void DeviceRun::execute(exec::StepObserver* observer) {
  at::AutoGradMode gradients(differentiates_);
  while (left_ > 0) {
    while (auto message = mailbox_.poll()) receive(std::move(*message));
    if (!ready_.empty()) {
      const SegmentId segment = ready_.front();
      ready_.pop_front();
      forward(segment, observer);
    } else if (!ready_backward_.empty()) {
      const SegmentId segment = ready_backward_.front();
      ready_backward_.pop_front();
      backward(segment);
    } else if (auto message = mailbox_.wait()) {
      receive(std::move(*message));
    } else {
      return;
    }
  }
}

void DeviceRun::receive(Message message) {
  Event event{Event::Kind::copy, device_, message.from, exec::kNoSource, message.slot, bytes_of(message.value),
              Clock::now(),      {}};
  Value copy = copy_to(message.value, memory_);
  message.value = Value();
  event.end = Clock::now();
  if (!copy.absent()) events_.push_back(event);
  if (message.kind == Message::Kind::gradient) {
    collect(message.slot, message.part, copy.tensor());
    return;
  }
  frame_.slot(message.slot) = std::move(copy);
  arrived(message.slot);
}

// A value is in its slot: whom of this device's segments it was for.
void DeviceRun::arrived(Slot slot) {
  const Reader* reader = readers_here(slot);
  uses_[slot] = static_cast<uint32_t>(reader ? reader->segments.size() : 0) + (layout_.is_output[slot] ? 1 : 0);
  if (!reader) return;
  for (const SegmentId segment : reader->segments)
    if (--waits_[segment] == 0) ready_.push_back(segment);
}

void DeviceRun::forward(SegmentId segment, exec::StepObserver* observer) {
  const exec::Segment& border = plan_.segments[segment];
  if (differentiates_) take_leaves(segment);
  frame_.run(border.block, observer);
  for (const Slot slot : border.outputs) hand_out(segment, slot);
  drop_inputs(segment);
  --left_;
  if (differentiates_ && border.outputs.empty()) --left_;  // no gradient will come
}

void DeviceRun::hand_out(SegmentId segment, Slot slot) {
  Value& value = frame_.slot(slot);
  if (differentiates_) {
    if (asks_for_gradient(value)) tape_[segment].results.emplace_back(slot, value.tensor());
    const auto& last = plan_.blocks[plan_.segments[segment].block].steps.back();
    value = cut_off(value, exec::describe(plan_.nodes[last.node]));
  }
  for (const Reader& reader : layout_.readers[slot])
    if (reader.device != device_) send_(reader.device, {Message::Kind::value, slot, device_, 0, value});
  const bool is_loss = layout_.is_output[slot] && differentiates_;
  const at::Tensor seed = is_loss && asks_for_gradient(value) ? at::ones_like(value.tensor()) : at::Tensor();
  arrived(slot);
  if (uses_[slot] == 0) frame_.slot(slot) = Value();
  if (is_loss) collect(slot, num_parts(slot) - 1, seed);
}

void DeviceRun::drop_inputs(SegmentId segment) {
  for (const Slot slot : plan_.segments[segment].inputs)
    if (layout_.maker[slot] != kNone && --uses_[slot] == 0) frame_.slot(slot) = Value();
}

}  // namespace allot::run
