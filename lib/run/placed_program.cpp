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
                             const std::vector<DeviceId>& device_of_node, exec::CompileOptions options,
                             dist::Ranks* ranks)
    : devices_(std::move(devices)), ranks_(ranks && ranks->size() > 1 ? ranks : nullptr) {
  check(model, devices_, device_of_node);
  if (ranks_ && ranks_->size() != devices_.size())
    throw Error(ErrorKind::usage, "mpirun",
                fmt::format("started {} processes, but the placement uses {} devices", ranks_->size(), devices_.size()),
                fmt::format("use mpirun -n {}", devices_.size()));
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
  const auto segment_of_step =
      options.trained.empty() ? steps_apart(plans_[0]) : group_steps(plans_[0], devices_of_steps);
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
  crew_ = std::make_unique<Crew>(ranks_ ? std::vector<LocalDevice>{devices_[ranks_->rank()]} : devices_);
}

/// The devices of this process in one run.
struct PlacedProgram::Parts {
  std::vector<std::unique_ptr<DeviceRun>> runs;  // by device; null for those of other processes
  std::vector<DeviceId> here;
  std::vector<Recorder> recorders;  // by place in `here`
  std::unique_ptr<Peers> peers;     // only if there are other processes
};

PlacedResult PlacedProgram::run(const std::vector<exec::Value>& inputs, const exec::RunMode& mode, const Watch& watch) {
  Parts parts;
  make_parts(program().check_inputs(inputs), mode, watch, parts);
  PlacedResult result;
  result.begin = Clock::now();
  execute(parts, watch);
  result.end = Clock::now();
  result.outputs.resize(plan().blocks[0].outputs.size());
  if (mode.training) result.gradients.resize(program().parameters().size());
  collect(parts, watch, result);
  std::stable_sort(result.events.begin(), result.events.end(),
                   [](const Event& a, const Event& b) { return a.begin < b.begin; });
  return result;
}

void PlacedProgram::make_parts(const std::vector<exec::Value>& inputs, const exec::RunMode& mode, const Watch& watch,
                               Parts& parts) const {
  const auto send = [&parts](DeviceId to, Message message) {
    if (parts.runs[to])
      parts.runs[to]->mailbox().push(std::move(message));
    else
      parts.peers->send(to, message);
  };
  parts.runs.resize(devices_.size());
  for (DeviceId d = 0; d < devices_.size(); ++d) {
    if (ranks_ && d != ranks_->rank()) continue;
    const exec::Plan& plan = plans_[memory_of_device_[d]];
    parts.runs[d] = std::make_unique<DeviceRun>(plan, layout_, d, devices_[d].device, mode, send);
    parts.here.push_back(d);
    parts.recorders.emplace_back(plan, d, d < watch.observers.size() ? watch.observers[d] : nullptr);
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!inputs[i].absent()) parts.runs[d]->set_input(plan.blocks[0].inputs[i], inputs[i]);
  }
  if (ranks_) parts.peers = std::make_unique<Peers>(*ranks_, parts.runs[ranks_->rank()]->mailbox());
}

void PlacedProgram::execute(Parts& parts, const Watch& watch) {
  const auto body = [&](size_t i) {
    const DeviceId device = parts.here[i];
    const auto run = [&] { parts.runs[device]->execute(&parts.recorders[i]); };
    if (watch.memory)
      watch.memory->count(device, run);
    else
      run();
  };
  const auto close_all = [&] {
    for (const DeviceId d : parts.here) parts.runs[d]->mailbox().close();
  };
  try {
    crew_->run(body, close_all);
  } catch (const Error& error) {
    if (parts.peers) parts.peers->tell(error);
    throw;
  }
  if (parts.peers) parts.peers->check();
}

void PlacedProgram::collect(const Parts& parts, const Watch& watch, PlacedResult& result) const {
  std::vector<Share> shares;  // in the order of devices, so that sums do not depend on who was first
  for (size_t i = 0; i < parts.here.size(); ++i) {
    const DeviceId device = parts.here[i];
    Share& share = shares.emplace_back();
    share.seconds = std::chrono::duration<double>(result.end - result.begin).count();
    if (watch.memory) share.peak_bytes = watch.memory->peaks()[device];
    share.outputs = outputs_of(*parts.runs[device], device);
    share.gradients = gradients_of(*parts.runs[device]);
    share.events = parts.recorders[i].events;
    const auto& others = parts.runs[device]->events();
    share.events.insert(share.events.end(), others.begin(), others.end());
  }
  if (parts.peers) shares = parts.peers->gather(std::move(shares[0]), result.begin);
  for (DeviceId d = 0; d < shares.size(); ++d) {
    if (watch.memory && parts.peers) watch.memory->set_peak(d, shares[d].peak_bytes);
    add_share(std::move(shares[d]), result);
  }
}

DeviceId PlacedProgram::maker_device(Slot slot) const {
  const SegmentId maker = layout_.maker[slot];
  return maker == kNone ? 0 : layout_.device_of_segment[maker];
}

std::vector<std::pair<uint32_t, exec::Value>> PlacedProgram::outputs_of(DeviceRun& run, DeviceId device) const {
  std::vector<std::pair<uint32_t, exec::Value>> outputs;
  const auto& slots = plan().blocks[0].outputs;
  for (uint32_t i = 0; i < slots.size(); ++i)
    if (maker_device(slots[i]) == device) outputs.emplace_back(i, run.output(slots[i]));
  return outputs;
}

std::vector<std::pair<uint32_t, exec::Value>> PlacedProgram::gradients_of(const DeviceRun& run) const {
  std::vector<std::pair<uint32_t, exec::Value>> gradients;
  for (const auto& [slot, gradient] : run.weight_gradients())
    if (parameter_of_slot_[slot] != kNoParameter)
      gradients.emplace_back(static_cast<uint32_t>(parameter_of_slot_[slot]), gradient.to(at::kCPU));
  return gradients;
}

void PlacedProgram::add_share(Share share, PlacedResult& result) const {
  const auto took = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(share.seconds));
  result.end = std::max(result.end, result.begin + took);
  for (auto& [i, value] : share.outputs) result.outputs.at(i) = std::move(value);
  for (const auto& [p, gradient] : share.gradients) {
    at::Tensor& sum = result.gradients.at(p);
    sum = sum.defined() ? sum + gradient.tensor() : gradient.tensor();
  }
  result.events.insert(result.events.end(), share.events.begin(), share.events.end());
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

}  // namespace allot::run
