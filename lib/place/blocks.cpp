// SPDX-License-Identifier: Apache-2.0
#include "place/blocks.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "place/shares.h"
#include "sim/ledger.h"

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

/// What the device of one block after the other holds, running its units in order.
class BlockMemory {
 public:
  explicit BlockMemory(const Problem& problem)
      : problem_(problem),
        unread_(problem.graph().num_tensors()),
        tensor_at_(problem.graph().num_tensors(), kNone),
        param_at_(problem.graph().num_params(), kNone) {
    for (TensorId tensor = 0; tensor < unread_.size(); ++tensor)
      unread_[tensor] = static_cast<uint32_t>(problem.graph().consumers[tensor].size());
  }

  void start_block(DeviceId device) {
    device_ = device;
    live_ = peak_ = lasting_ = 0;
  }
  /// Whether all that the block held at any time fits into its device.
  bool fits() const { return lasting_ + peak_ <= problem_.cluster().devices[device_].usable_bytes(); }

  /// Adds a unit and whatever of it an earlier block does not hold. May be repeated for the next block.
  void add(UnitId unit) {
    for (const OpId op : problem_.graph().members[unit]) add_op(op);
  }
  /// The unit is where it was added last.
  void settle(UnitId unit) {
    const auto& graph = problem_.graph();
    for (const OpId op : graph.members[unit])
      for (const TensorId tensor : graph.inputs[op])
        if (--unread_[tensor] == 0 && tensor_at_[tensor] == device_ && !graph.is_output[tensor])
          live_ -= block(problem_.costs().tensor_bytes[tensor]);
  }

 private:
  int64_t block(int64_t bytes) const {
    return sim::block_bytes(bytes, problem_.cluster().devices[device_].align_bytes);
  }

  void add_op(OpId op) {
    const auto& graph = problem_.graph();
    const auto& costs = problem_.costs();
    lasting_ += block(costs.resident_bytes[op]);
    for (const graph::ParamId param : graph.params[op])
      if (std::exchange(param_at_[param], device_) != device_) lasting_ += block(graph.param_bytes[param]);
    for (const TensorId tensor : graph.inputs[op])  // copies may come as early as the block starts
      if (std::exchange(tensor_at_[tensor], device_) != device_)
        hold(tensor), peak_ += block(costs.tensor_bytes[tensor]);
    for (const TensorId tensor : graph.outputs[op]) hold(tensor), tensor_at_[tensor] = device_;
    peak_ = std::max(peak_, live_ + block(costs.workspace_bytes[op]));
  }
  void hold(TensorId tensor) { live_ += block(problem_.costs().tensor_bytes[tensor]); }

  const Problem& problem_;
  std::vector<uint32_t> unread_;                // tensor -> consumers that were not settled
  std::vector<DeviceId> tensor_at_, param_at_;  // the last device that held it
  DeviceId device_ = 0;
  int64_t live_ = 0, peak_ = 0;  // of tensors and workspace
  int64_t lasting_ = 0;
};

class Cutter {
 public:
  Cutter(const Problem& problem, const base::Csr<UnitId>& groups) : problem_(problem), groups_(groups) {
    time_ps_.reserve(size_t{groups.rows()} * problem.devices());
    for (uint32_t group = 0; group < groups.rows(); ++group) {
      for (DeviceId device = 0; device < problem.devices(); ++device) {
        int64_t sum = 0;
        for (const UnitId unit : groups[group])
          if (problem.allowed(unit, device)) sum += problem.unit_time_ps(unit, device);
        time_ps_.push_back(sum);
      }
    }
  }

  /// Gives each device in turn as many groups as it can run within the bound and hold. False if some are left over.
  bool fill(int64_t bound_ps, bool within_memory, UnitPlacement& placement) const {
    std::optional<BlockMemory> memory;
    if (within_memory) memory.emplace(problem_);
    DeviceId device = 0;
    int64_t load_ps = 0;
    if (memory) memory->start_block(0);
    for (uint32_t group = 0; group < groups_.rows(); ++group) {
      for (;; ++device, load_ps = 0) {
        if (load_ps + time_ps(group, device) <= bound_ps && (!memory || holds(*memory, group, device))) break;
        if (device + 1 == problem_.devices()) return false;
        if (memory) memory->start_block(device + 1);
      }
      load_ps += time_ps(group, device);
      for (const UnitId unit : groups_[group])
        placement[unit] = problem_.allowed(unit, device) ? device : problem_.fastest(unit);
    }
    return true;
  }

  /// No block takes longer.
  int64_t slowest_ps() const {
    int64_t sum = 0;
    for (uint32_t group = 0; group < groups_.rows(); ++group) {
      const auto times = time_ps_.begin() + static_cast<std::ptrdiff_t>(group * size_t{problem_.devices()});
      sum += *std::max_element(times, times + problem_.devices());
    }
    return sum;
  }

 private:
  int64_t time_ps(uint32_t group, DeviceId device) const {
    return time_ps_[group * size_t{problem_.devices()} + device];
  }

  bool holds(BlockMemory& memory, uint32_t group, DeviceId device) const {
    for (const UnitId unit : groups_[group])
      if (problem_.allowed(unit, device)) memory.add(unit);
    if (!memory.fits()) return false;
    for (const UnitId unit : groups_[group]) memory.settle(unit);
    return true;
  }

  const Problem& problem_;
  const base::Csr<UnitId>& groups_;
  std::vector<int64_t> time_ps_;  // [group * devices + device]
};

}  // namespace

UnitPlacement cut_into_blocks(const Problem& problem, const base::Csr<UnitId>& groups) {
  const Cutter cutter(problem, groups);
  UnitPlacement placement(problem.graph().num_units()), trial = placement;
  int64_t enough_ps = cutter.slowest_ps(), too_little_ps = -1;
  const bool within_memory = memory_may_run_out(problem) && cutter.fill(enough_ps, true, placement);
  if (!within_memory) cutter.fill(enough_ps, false, placement);
  while (enough_ps - too_little_ps > 1 + enough_ps / 10'000) {
    const int64_t bound_ps = too_little_ps + (enough_ps - too_little_ps) / 2;
    if (cutter.fill(bound_ps, within_memory, trial)) {
      enough_ps = bound_ps;
      std::swap(placement, trial);
    } else {
      too_little_ps = bound_ps;
    }
  }
  return placement;
}

}  // namespace allot::place
