// SPDX-License-Identifier: Apache-2.0
// A model that runs on several devices of this machine at once, as its placement says.
#pragma once

#include <memory>
#include <vector>

#include "dist/ranks.h"
#include "exec/program.h"
#include "run/crew.h"
#include "run/device_run.h"
#include "run/layout.h"
#include "run/memory_ledger.h"
#include "run/peers.h"

namespace allot::run {

/// What one run gave, and when everything in it happened.
struct PlacedResult {
  std::vector<exec::Value> outputs;
  std::vector<at::Tensor> gradients;  // by parameter, of the sum of all floating outputs; undefined where none comes
  std::vector<Event> events;          // by begin
  Clock::time_point begin, end;
};

/// Who looks on.
struct Watch {
  std::vector<exec::StepObserver*> observers;  // by device, or none at all
  MemoryLedger* memory = nullptr;
};

class PlacedProgram {
 public:
  /// `device_of_node` is by node of the main graph in file order. Nodes on different devices are never fused.
  /// With more than one of `ranks`, each device runs in the process of its number, and this one runs only its own.
  /// Errors: those of exec::Program; malformed when the placement has another number of nodes or unknown devices; usage
  /// for another number of ranks than of devices.
  PlacedProgram(const ir::Model& model, std::vector<LocalDevice> devices, const std::vector<DeviceId>& device_of_node,
                exec::CompileOptions options = {}, dist::Ranks* ranks = nullptr);

  const exec::Program& program() const { return *programs_[0]; }
  const std::vector<LocalDevice>& devices() const { return devices_; }
  const exec::Plan& plan() const { return plans_[0]; }

  /// The value of a slot, as messages call it.
  std::string name_of(exec::Slot slot) const;
  /// The main-graph node that makes it; 0 for what no node makes.
  uint32_t maker_of(exec::Slot slot) const;

  /// Runs once; with mode.training forward and backward. Of several ranks all must call, and only rank 0 gets outputs,
  /// gradients and all events. Errors: those of exec::Program::run, from whichever device met one first.
  PlacedResult run(const std::vector<exec::Value>& inputs, const exec::RunMode& mode, const Watch& watch = {});

 private:
  struct Parts;
  void make_parts(const std::vector<exec::Value>& inputs, const exec::RunMode& mode, const Watch& watch,
                  Parts& parts) const;
  void execute(Parts& parts, const Watch& watch);
  void collect(const Parts& parts, const Watch& watch, PlacedResult& result) const;
  DeviceId maker_device(exec::Slot slot) const;
  std::vector<std::pair<uint32_t, exec::Value>> outputs_of(DeviceRun& run, DeviceId device) const;
  std::vector<std::pair<uint32_t, exec::Value>> gradients_of(const DeviceRun& run) const;
  void add_share(Share share, PlacedResult& result) const;

  std::vector<LocalDevice> devices_;
  std::vector<std::unique_ptr<exec::Program>> programs_;  // one for each memory: the processor's first
  std::vector<exec::Plan> plans_;                         // of these, cut into segments
  std::vector<size_t> memory_of_device_;                  // which of them
  Layout layout_;
  std::vector<size_t> parameter_of_slot_;  // kNoParameter for others
  dist::Ranks* ranks_ = nullptr;           // only if there are several
  std::unique_ptr<Crew> crew_;             // of the devices in this process
};

}  // namespace allot::run
