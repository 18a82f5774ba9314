// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <limits>

#include "place/methods.h"
#include "place/repair.h"

namespace allot::place {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max() / 4;

/// What is sent on where the order is cut: tensors made before and read behind.
struct Crossing {
  int64_t tensors = 0, bytes = 0;
};

/// Before each unit, and behind the last [num_units + 1].
std::vector<Crossing> crossings(const Problem& problem) {
  const auto& graph = problem.graph();
  std::vector<Crossing> result(graph.num_units() + size_t{1});
  for (graph::TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    if (graph.producer[tensor] == graph::kNone) continue;
    const UnitId made = graph.unit_of[graph.producer[tensor]];
    UnitId read = made;
    for (const OpId reader : graph.consumers[tensor]) read = std::max(read, graph.unit_of[reader]);
    const int64_t bytes = problem.costs().tensor_bytes[tensor];
    ++result[made + size_t{1}].tensors, result[made + size_t{1}].bytes += bytes;
    if (read < graph.num_units()) --result[read + size_t{1}].tensors, result[read + size_t{1}].bytes -= bytes;
  }
  for (size_t i = 1; i < result.size(); ++i)
    result[i].tensors += result[i - 1].tensors, result[i].bytes += result[i - 1].bytes;
  return result;
}

/// By dynamic programming over the order of units, device after device.
class CheapestCuts {
 public:
  explicit CheapestCuts(const Problem& problem)
      : problem_(problem),
        crossing_(crossings(problem)),
        lasting_(crossing_.size(), 0),
        done_ps_(crossing_.size(), kNever) {
    const auto& graph = problem.graph();
    const auto& costs = problem.costs();
    for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
      int64_t lasting = 0, working = crossing_[unit].bytes;
      for (const OpId op : graph.members[unit]) {
        lasting += costs.resident_bytes[op];
        for (const auto param : graph.params[op]) lasting += graph.param_bytes[param];
        for (const auto tensor : graph.outputs[op]) working += costs.tensor_bytes[tensor];
        working += costs.workspace_bytes[op];
      }
      lasting_[unit + size_t{1}] = lasting_[unit] + lasting;
      working_ = std::max(working_, working);
    }
    done_ps_[0] = 0;
  }

  /// Nothing if no cut fits.
  UnitPlacement run() {
    for (DeviceId device = 0; device < problem_.devices(); ++device) extend(device);
    UnitPlacement placement;
    if (done_ps_.back() >= kNever) return placement;
    placement.resize(problem_.graph().num_units());
    size_t end = placement.size();
    for (DeviceId device = problem_.devices(); device-- > 0;) {
      const size_t begin = begin_[device * crossing_.size() + end];
      for (size_t unit = begin; unit < end; ++unit)
        placement[unit] = problem_.allowed(unit, device) ? device : problem_.fastest(unit);
      end = begin;
    }
    return placement;
  }

 private:
  /// Lets `device` go on where those before it stopped: from the best place within its memory to each end, or not at
  /// all.
  void extend(DeviceId device) {
    const int64_t room = problem_.cluster().devices[device].usable_bytes() - working_;
    std::vector<int64_t> done_ps = done_ps_;
    std::deque<std::pair<size_t, int64_t>>
        begins;          // within memory, with the time up to there less that of the device's own
    int64_t own_ps = 0;  // of all units so far, were they its own
    for (size_t end = 0; end < crossing_.size(); ++end) {
      begin_.push_back(static_cast<uint32_t>(end));
      if (end > 0) own_ps += time_ps(static_cast<UnitId>(end - 1), device);
      while (!begins.empty() && lasting_[end] - lasting_[begins.front().first] > room) begins.pop_front();
      if (!begins.empty() && begins.front().second + own_ps < done_ps[end]) {
        done_ps[end] = begins.front().second + own_ps;
        begin_.back() = static_cast<uint32_t>(begins.front().first);
      }
      if (done_ps_[end] >= kNever) continue;
      const int64_t before_ps = done_ps_[end] + cut_ps(end, device) - own_ps;
      while (!begins.empty() && begins.back().second >= before_ps) begins.pop_back();
      begins.emplace_back(end, before_ps);
    }
    done_ps_ = std::move(done_ps);
  }

  int64_t time_ps(UnitId unit, DeviceId device) const {
    return problem_.unit_time_ps(unit, problem_.allowed(unit, device) ? device : problem_.fastest(unit));
  }

  /// To send on what is needed behind a cut, one after another from the device before.
  int64_t cut_ps(size_t at, DeviceId device) const {
    if (device == 0 || crossing_[at].tensors == 0) return 0;
    const auto& cluster = problem_.cluster();
    const int64_t latency_ps = cluster.transfer_ps(device - 1, device, 0);
    return crossing_[at].tensors * latency_ps + cluster.transfer_ps(device - 1, device, crossing_[at].bytes) -
           latency_ps;
  }

  const Problem& problem_;
  const std::vector<Crossing> crossing_;
  std::vector<int64_t> lasting_;  // of the units before: parameters and resident bytes
  int64_t working_ = 0;           // at most, beside them
  std::vector<int64_t> done_ps_;  // of the units before, on the devices so far
  std::vector<uint32_t> begin_;   // [device * (num_units + 1) + end] where the device's block begins
};

}  // namespace

UnitPlacement place_cheapest_cuts(const Problem& problem, const Budget& budget) {
  UnitPlacement placement = CheapestCuts(problem).run();
  return placement.empty() ? place_contiguous(problem, budget) : repaired(problem, std::move(placement), budget);
}

}  // namespace allot::place
