// SPDX-License-Identifier: Apache-2.0
#include "run/placed_program.h"

#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_to_copy.h>
#include <c10/core/GradMode.h>

#include "base/error.h"
#include "exec/segments.h"

namespace allot::run {
namespace {

using base::Error;
using base::ErrorKind;
using exec::Slot;

constexpr size_t kNoParameter = ~size_t{0};

void check(const ir::Model& model, const std::vector<LocalDevice>& devices,
           const std::vector<DeviceId>& device_of_node) {
  const size_t nodes = model.graph.nodes.size();
  if (device_of_node.size() != nodes)
    throw Error(ErrorKind::malformed, "placement",
                fmt::format("places {} nodes, but the model has {}", device_of_node.size(), nodes));
  for (size_t i = 0; i < nodes; ++i)
    if (device_of_node[i] >= devices.size())
      throw Error(ErrorKind::malformed, "placement",
                  fmt::format("puts node {} on device {} of {}", i, device_of_node[i], devices.size()));
}

/// Notes when each step began and ended, and passes on to another observer.
class Recorder : public exec::StepObserver {
 public:
  Recorder(const exec::Plan& plan, DeviceId device, exec::StepObserver* next)
      : plan_(plan), device_(device), next_(next) {}
  void before(const exec::Step& step) override {
    if (next_) next_->before(step);
    begin_ = Clock::now();
  }
  void after(const exec::Step& step) override {
    events.push_back(
        {Event::Kind::op, device_, device_, plan_.nodes[step.node].source, exec::kNoSlot, 0, begin_, Clock::now()});
    if (next_) next_->after(step);
  }

  std::vector<Event> events;

 private:
  const exec::Plan& plan_;
  const DeviceId device_;
  exec::StepObserver* const next_;
  Clock::time_point begin_;
};

}  // namespace

PlacedProgram::PlacedProgram(const ir::Model& model, std::vector<LocalDevice> devices,
                             const std::vector<DeviceId>& device_of_node, exec::CompileOptions options)
    : devices_(std::move(devices)) {
  check(model, devices_, device_of_node);
  options.parts = device_of_node;
  std::vector<c10::Device> memories = {c10::kCPU};
  for (const LocalDevice& device : devices_) {
    const auto found = std::find(memories.begin(), memories.end(), device.device);
    memory_of_device_.push_back(static_cast<size_t>(found - memories.begin()));
    if (found == memories.end()) memories.push_back(device.device);
  }
  for (const c10::Device memory : memories) {
    options.device = memory;
    programs_.push_back(std::make_unique<exec::Program>(model, options));
    plans_.push_back(programs_.back()->plan());
  }
  const auto devices_of_steps = device_of_step(plans_[0], device_of_node);
  const auto segment_of_step = group_steps(plans_[0], devices_of_steps);
  for (exec::Plan& plan : plans_) {
    ALLOT_ASSERT(plan.blocks[0].steps.size() == segment_of_step.size());
    exec::cut(plan, segment_of_step);
  }
  layout_ = make_layout(plans_[0], segment_of_step, devices_of_steps);
  parameter_of_slot_.assign(plans_[0].constants.size(), kNoParameter);
  const auto& parameters = program().parameters();
  for (Slot slot = 0; slot < parameter_of_slot_.size(); ++slot)
    for (size_t p = 0; p < parameters.size() && plans_[0].constants[slot].is_tensor(); ++p)
      if (plans_[0].constants[slot].tensor().is_same(parameters[p].tensor)) parameter_of_slot_[slot] = p;
  crew_ = std::make_unique<Crew>(devices_);
}

PlacedResult PlacedProgram::run(const std::vector<exec::Value>& inputs, const exec::RunMode& mode, const Watch& watch) {
  const std::vector<exec::Value> checked = program().check_inputs(inputs);
  std::vector<std::unique_ptr<DeviceRun>> runs;
  std::vector<Recorder> recorders;
  const auto send = [&](DeviceId to, Message message) { runs[to]->mailbox().push(std::move(message)); };
  for (DeviceId d = 0; d < devices_.size(); ++d) {
    const exec::Plan& plan = plans_[memory_of_device_[d]];
    runs.push_back(std::make_unique<DeviceRun>(plan, layout_, d, devices_[d].device, mode, send));
    recorders.emplace_back(plan, d, d < watch.observers.size() ? watch.observers[d] : nullptr);
    for (size_t i = 0; i < checked.size(); ++i)
      if (!checked[i].absent()) runs[d]->set_input(plan.blocks[0].inputs[i], checked[i]);
  }
  PlacedResult result;
  result.begin = Clock::now();
  const auto execute = [&](size_t d) { runs[d]->execute(&recorders[d]); };
  const auto close_all = [&] {
    for (auto& run : runs) run->mailbox().close();
  };
  if (watch.memory)
    crew_->run([&](size_t d) { watch.memory->count(static_cast<DeviceId>(d), [&] { execute(d); }); }, close_all);
  else
    crew_->run(execute, close_all);
  result.end = Clock::now();
  for (const Slot slot : plan().blocks[0].outputs) {
    const SegmentId maker = layout_.maker[slot];
    result.outputs.push_back(runs[maker == kNone ? 0 : layout_.device_of_segment[maker]]->output(slot));
  }
  if (mode.training) add_gradients(runs, result);
  for (DeviceId d = 0; d < devices_.size(); ++d)
    for (const std::vector<Event>* events : {&runs[d]->events(), &std::as_const(recorders[d].events)})
      result.events.insert(result.events.end(), events->begin(), events->end());
  std::stable_sort(result.events.begin(), result.events.end(),
                   [](const Event& a, const Event& b) { return a.begin < b.begin; });
  return result;
}

std::string PlacedProgram::name_of(exec::Slot slot) const { return program().slot_name(slot); }

uint32_t PlacedProgram::maker_of(exec::Slot slot) const {
  const SegmentId segment = layout_.maker[slot];
  if (segment == kNone) return 0;
  for (const exec::Step& step : plan().blocks[plan().segments[segment].block].steps)
    if (std::find(step.outputs.begin(), step.outputs.end(), slot) != step.outputs.end())
      return plan().nodes[step.node].source == exec::kNoSource ? 0 : plan().nodes[step.node].source;
  return 0;
}

// In the order of devices, so that sums do not depend on who was first.
void PlacedProgram::add_gradients(const std::vector<std::unique_ptr<DeviceRun>>& runs, PlacedResult& result) const {
  result.gradients.resize(program().parameters().size());
  for (const auto& run : runs) {
    for (const auto& [slot, gradient] : run->weight_gradients()) {
      if (parameter_of_slot_[slot] == kNoParameter) continue;
      at::Tensor& sum = result.gradients[parameter_of_slot_[slot]];
      const at::Tensor part = gradient.to(at::kCPU);
      sum = sum.defined() ? sum + part : part;
    }
  }
}

}  // namespace allot::run
