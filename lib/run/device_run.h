// SPDX-License-Identifier: Apache-2.0
// One device's part of one run: segments run as soon as their inputs are there, first come, first served.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "exec/call.h"
#include "run/layout.h"
#include "run/mailbox.h"

namespace allot::run {

using Clock = std::chrono::steady_clock;

/// Something that took a device's time.
struct Event {
  enum class Kind : uint8_t { op, copy, backward };
  Kind kind = Kind::op;
  DeviceId device = 0, from = 0;    // from: of a copy
  uint32_t node = exec::kNoSource;  // main-graph node of the file; of a backward segment its last one
  exec::Slot slot = exec::kNoSlot;  // of a copy
  int64_t bytes = 0;                // of a copy
  Clock::time_point begin, end;
};

class DeviceRun {
 public:
  using Send = std::function<void(DeviceId to, Message message)>;

  /// `plan` is compiled for the device's memory and cut as `layout` says; `mode.training` asks for gradients, too.
  DeviceRun(const exec::Plan& plan, const Layout& layout, DeviceId device, c10::Device memory,
            const exec::RunMode& mode, Send send);

  /// Before execute(): a graph input.
  void set_input(exec::Slot slot, const exec::Value& value);
  /// Runs all segments of the device, on the calling thread. Returns early if the mailbox is closed.
  /// Errors: those of exec::Program::run; unavailable when gradients would have to cross devices in a sequence.
  void execute(exec::StepObserver* observer);

  Mailbox& mailbox() { return mailbox_; }
  /// Afterwards: what this device made, or was given.
  exec::Value output(exec::Slot slot) { return frame_.slot(slot); }
  const std::vector<Event>& events() const { return events_; }
  /// Gradients of weights that this device uses, by slot.
  const std::unordered_map<exec::Slot, at::Tensor>& weight_gradients() const { return weight_gradients_; }

 private:
  /// A segment between its forward run and its gradient.
  struct Taped {
    std::vector<std::pair<exec::Slot, at::Tensor>> leaves;   // inputs that gradients are asked for
    std::vector<std::pair<exec::Slot, at::Tensor>> results;  // outputs that gradients come for
  };
  /// Parts of a gradient until all are there; summed in order, so that results do not depend on timing.
  struct Collector {
    std::vector<at::Tensor> parts;
    size_t missing = 0;
  };

  bool is_mine(SegmentId segment) const { return layout_.device_of_segment[segment] == device_; }
  const Reader* readers_here(exec::Slot slot) const;
  void receive(Message message);
  void arrived(exec::Slot slot);
  void forward(SegmentId segment, exec::StepObserver* observer);
  void take_leaves(SegmentId segment);
  void hand_out(SegmentId segment, exec::Slot slot);
  void drop_inputs(SegmentId segment);
  void backward(SegmentId segment);
  void give_gradients(SegmentId segment, const std::vector<at::Tensor>& gradients);
  void collect(exec::Slot slot, size_t part, const at::Tensor& gradient);
  size_t num_parts(exec::Slot slot) const;
  size_t remote_part(exec::Slot slot, DeviceId reader) const;
  void finish(exec::Slot slot, const at::Tensor& gradient);

  const exec::Plan& plan_;
  const Layout& layout_;
  const DeviceId device_;
  const c10::Device memory_;
  const Send send_;
  exec::Frame frame_;
  Mailbox mailbox_;
  std::vector<uint32_t> waits_;  // by segment
  std::unordered_map<exec::Slot, uint32_t> uses_;
  std::deque<SegmentId> ready_, ready_backward_;
  size_t left_ = 0;  // segments to run, forward and backward
  const bool differentiates_;
  std::unordered_map<SegmentId, Taped> tape_;
  std::unordered_map<SegmentId, size_t> waiting_gradients_;  // by segment: outputs whose gradient is not complete
  std::unordered_map<exec::Slot, Collector> collectors_;
  std::unordered_map<exec::Slot, at::Tensor> gradients_, weight_gradients_;
  std::vector<Event> events_;
};

}  // namespace allot::run
