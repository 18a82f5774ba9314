// SPDX-License-Identifier: Apache-2.0
#include "emit/memory_curve.h"

#include <algorithm>

#include "emit/tracks.h"

namespace allot::emit {
namespace {

using cluster::DeviceId;

struct Change {
  int64_t time_ps;
  int rank;  // at one instant: 0 frees what was held before, 1 holds, 2 frees what was held at this very instant
  int64_t bytes;
};

/// Collects the blocks of a run: who holds what from when to when.
class Ledger {
 public:
  Ledger(const place::Problem& problem, const std::vector<DeviceId>& placement, const sim::Outcome& outcome)
      : problem_(problem), placement_(placement), outcome_(outcome), changes_(problem.devices()) {}

  std::vector<std::vector<MemoryPoint>> curves() {
    hold_workspaces();
    hold_tensors();
    std::vector<std::vector<MemoryPoint>> result;
    for (DeviceId device = 0; device < problem_.devices(); ++device) result.push_back(curve(device));
    return result;
  }

 private:
  void hold(DeviceId device, int64_t bytes, int64_t from_ps, int64_t to_ps) {
    const int64_t align = std::max<int64_t>(problem_.cluster().devices[device].align_bytes, 1);
    bytes = (bytes + align - 1) / align * align;
    if (bytes == 0) return;
    changes_[device].push_back({from_ps, 1, bytes});
    changes_[device].push_back({to_ps, to_ps == from_ps ? 2 : 0, -bytes});
  }

  void hold_workspaces() {
    const auto& bytes = problem_.costs().workspace_bytes;
    for (uint32_t op = 0; op < bytes.size(); ++op)
      hold(placement_[op], bytes[op], outcome_.start_ps[op], outcome_.end_ps[op]);
  }

  void hold_tensors() {
    const auto transfers = transfers_of_tensor(problem_.graph(), outcome_);
    for (uint32_t tensor = 0; tensor < problem_.graph().num_tensors(); ++tensor) {
      if (problem_.graph().producer[tensor] == graph::kNone) {
        hold_input(tensor, transfers[tensor]);
      } else {
        hold_result(tensor, transfers[tensor]);
      }
      for (const uint32_t id : transfers[tensor]) hold_copy(outcome_.transfers[id]);
    }
  }

  void hold_result(uint32_t tensor, std::span<const uint32_t> transfers) {
    const uint32_t op = problem_.graph().producer[tensor];
    const DeviceId home = placement_[op];
    const bool stays = problem_.graph().is_output[tensor] && problem_.cluster().io_device.value_or(home) == home;
    const int64_t end = std::max(last_use(tensor, home), sent(transfers));
    hold(home, bytes(tensor), outcome_.start_ps[op], stays ? outcome_.makespan_ps : std::max(end, outcome_.end_ps[op]));
  }

  void hold_input(uint32_t tensor, std::span<const uint32_t> transfers) {
    const bool stays = problem_.graph().is_output[tensor];
    for (DeviceId device = 0; device < problem_.devices(); ++device) {
      const int64_t used = last_use(tensor, device);
      const auto io = problem_.cluster().io_device;
      if (io ? device != *io : used < 0) continue;
      hold(device, bytes(tensor), 0, stays ? outcome_.makespan_ps : std::max({used, sent(transfers), int64_t{0}}));
    }
  }

  void hold_copy(const sim::Transfer& transfer) {
    const bool stays = problem_.graph().is_output[transfer.tensor] && problem_.cluster().io_device == transfer.to;
    hold(transfer.to, bytes(transfer.tensor), transfer.start_ps,
         stays ? outcome_.makespan_ps : std::max(last_use(transfer.tensor, transfer.to), transfer.end_ps));
  }

  int64_t bytes(uint32_t tensor) const { return problem_.costs().tensor_bytes[tensor]; }

  /// End of the last op on `device` that reads `tensor`; -1 if none does.
  int64_t last_use(uint32_t tensor, DeviceId device) const {
    int64_t last = -1;
    for (const uint32_t op : problem_.graph().consumers[tensor])
      if (placement_[op] == device) last = std::max(last, outcome_.end_ps[op]);
    return last;
  }

  int64_t sent(std::span<const uint32_t> transfers) const {
    int64_t last = -1;
    for (const uint32_t id : transfers) last = std::max(last, outcome_.transfers[id].end_ps);
    return last;
  }

  std::vector<MemoryPoint> curve(DeviceId device) {
    auto& changes = changes_[device];
    std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
      return std::tie(a.time_ps, a.rank) < std::tie(b.time_ps, b.rank);
    });
    int64_t held = outcome_.param_bytes[device];
    std::vector<MemoryPoint> points{{0, held}};
    for (size_t i = 0; i < changes.size();) {
      const auto [time, rank, unused] = changes[i];
      for (; i < changes.size() && changes[i].time_ps == time && changes[i].rank == rank; ++i) held += changes[i].bytes;
      if (rank == 0 && i < changes.size() && changes[i].time_ps == time) continue;
      if (rank == 1 && points.back().time_ps == time) points.back().bytes = held;
      if (points.back().bytes != held) points.push_back({time, held});
    }
    if (points.back().time_ps < outcome_.makespan_ps) points.push_back({outcome_.makespan_ps, held});
    return points;
  }

  const place::Problem& problem_;
  const std::vector<DeviceId>& placement_;
  const sim::Outcome& outcome_;
  std::vector<std::vector<Change>> changes_;
};

}  // namespace

std::vector<std::vector<MemoryPoint>> memory_curves(const place::Problem& problem,
                                                    const std::vector<DeviceId>& placement,
                                                    const sim::Outcome& outcome) {
  return Ledger(problem, placement, outcome).curves();
}

}  // namespace allot::emit
