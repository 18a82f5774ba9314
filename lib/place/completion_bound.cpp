// SPDX-License-Identifier: Apache-2.0
#include "place/completion_bound.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>

#include "sim/heads_tails.h"

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

/// An op that must run on a given device.
struct Task {
  int64_t head_ps, duration_ps, tail_ps;
};

/// How long one machine needs at least: the one with the longest tail first, interrupted at will (Jackson's
/// preemptive schedule, which is optimal).
int64_t one_machine_ps(std::vector<Task>& tasks) {
  std::sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return a.head_ps < b.head_ps; });
  const auto shorter_tail = [](const Task& a, const Task& b) { return a.tail_ps < b.tail_ps; };
  std::priority_queue<Task, std::vector<Task>, decltype(shorter_tail)> ready(shorter_tail);
  int64_t now = 0, longest = 0;
  for (size_t next = 0; next < tasks.size() || !ready.empty();) {
    if (ready.empty()) now = std::max(now, tasks[next].head_ps);
    for (; next < tasks.size() && tasks[next].head_ps <= now; ++next) ready.push(tasks[next]);
    Task task = ready.top();
    ready.pop();
    const int64_t until = next < tasks.size() ? tasks[next].head_ps : kNever;
    const int64_t run = std::min(task.duration_ps, until - now);
    now += run;
    task.duration_ps -= run;
    if (task.duration_ps > 0)
      ready.push(task);
    else
      longest = std::max(longest, now + task.tail_ps);
  }
  return longest;
}

}  // namespace

CompletionBound::CompletionBound(const Problem& problem)
    : problem_(problem), released_ps_(problem.graph().num_ops()), started_(problem.graph().num_ops()) {
  const cluster::Simulation& rules = problem.cluster().simulation;
  knows_score_ = problem.objective() == Objective::latency && problem.others().empty() &&
                 rules.semantics == cluster::Semantics::dataflow && rules.queue == cluster::Queue::fifo &&
                 rules.contention != cluster::Contention::share && rules.send == cluster::Send::per_device;
  exact_arrivals_ =
      rules == cluster::Simulation{} || rules == cluster::Simulation{.contention = cluster::Contention::free};
}

CompletionBound::Result CompletionBound::operator()(std::span<const uint64_t> open, const UnitPlacement& trial,
                                                    const sim::Outcome& outcome) {
  if (!knows_score_) {
    for (UnitId unit = 0; unit < open.size(); ++unit)
      if (!std::has_single_bit(open[unit])) return {unit, 0};
    return {};
  }
  Result result = first_needed(open, outcome);
  if (result.unit == kNone) return result;
  const int64_t now_ps = result.lower_ps;
  release(open, trial, outcome, now_ps);
  const auto& graph = problem_.graph();
  const sim::HeadsTails reach = sim::heads_tails(graph, problem_.costs(), problem_.cluster(), open, released_ps_);
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    int64_t through_ps = kNever;
    for (uint64_t left = open[graph.unit_of[op]]; left != 0; left &= left - 1) {
      const auto device = static_cast<DeviceId>(std::countr_zero(left));
      const size_t at = op * size_t{problem_.devices()} + device;
      through_ps = std::min(through_ps, reach.head_ps[at] + problem_.costs().time_ps[at] + reach.tail_ps[at]);
    }
    result.lower_ps = std::max(result.lower_ps, through_ps);
  }
  result.lower_ps = std::max(result.lower_ps, loads(open, reach.head_ps, reach.tail_ps, now_ps));
  return result;
}

/// With the time at which its device is needed.
CompletionBound::Result CompletionBound::first_needed(std::span<const uint64_t> open,
                                                      const sim::Outcome& outcome) const {
  const auto& graph = problem_.graph();
  Result first{kNone, kNever};
  for (UnitId unit = 0; unit < open.size(); ++unit) {
    if (std::has_single_bit(open[unit])) continue;
    for (const OpId op : graph.members[unit])
      if (const int64_t needed = needed_ps(op, outcome); needed < first.lower_ps) first = {unit, needed};
  }
  return first;
}

/// When the first of its tensors is made, since it may have to be sent then.
int64_t CompletionBound::needed_ps(OpId op, const sim::Outcome& outcome) const {
  const auto& graph = problem_.graph();
  int64_t first_ps = kNever;
  for (const TensorId tensor : graph.inputs[op]) {
    const OpId producer = graph.producer[tensor];
    if (producer != kNone) first_ps = std::min(first_ps, outcome.end_ps[producer]);
    if (producer == kNone && problem_.cluster().io_device) return 0;
  }
  return first_ps == kNever ? 0 : first_ps;
}

/// What has started before now is certain, and when tensors arrive that were made before; the rest starts from now on.
void CompletionBound::release(std::span<const uint64_t> open, const UnitPlacement& trial, const sim::Outcome& outcome,
                              int64_t now_ps) {
  const auto& graph = problem_.graph();
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    started_[op] = std::has_single_bit(open[graph.unit_of[op]]) && outcome.start_ps[op] < now_ps;
    released_ps_[op] = started_[op] ? outcome.start_ps[op] : now_ps;
  }
  if (!exact_arrivals_) return;
  for (const sim::Transfer& transfer : outcome.transfers) {
    const OpId producer = graph.producer[transfer.tensor];
    if (producer == kNone ? now_ps == 0 : outcome.end_ps[producer] >= now_ps) continue;
    for (const OpId consumer : graph.consumers[transfer.tensor])
      if (trial[graph.unit_of[consumer]] == transfer.to && std::has_single_bit(open[graph.unit_of[consumer]]))
        released_ps_[consumer] = std::max(released_ps_[consumer], started_[consumer] ? 0 : transfer.end_ps);
  }
}

/// Devices run what is decided for them one after another, and together all that is left.
int64_t CompletionBound::loads(std::span<const uint64_t> open, const std::vector<int64_t>& head_ps,
                               const std::vector<int64_t>& tail_ps, int64_t now_ps) const {
  const auto& graph = problem_.graph();
  const uint32_t devices = problem_.devices();
  std::vector<std::vector<Task>> tasks(devices);
  std::vector<int64_t> free_ps(devices, now_ps);
  int64_t left_ps = 0, shortest_tail_ps = kNever;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const uint64_t choices = open[graph.unit_of[op]];
    int64_t quickest_ps = kNever, tail = kNever;
    for (uint64_t each = choices; each != 0; each &= each - 1) {
      const size_t at = op * size_t{devices} + static_cast<DeviceId>(std::countr_zero(each));
      quickest_ps = std::min(quickest_ps, problem_.costs().time_ps[at]);
      tail = std::min(tail, tail_ps[at]);
    }
    const auto device = static_cast<DeviceId>(std::countr_zero(choices));
    if (std::has_single_bit(choices))
      tasks[device].push_back({head_ps[op * size_t{devices} + device], quickest_ps, tail});
    if (started_[op]) {
      free_ps[device] = std::max(free_ps[device], released_ps_[op] + quickest_ps);
    } else {
      left_ps += quickest_ps;
      shortest_tail_ps = std::min(shortest_tail_ps, tail);
    }
  }
  int64_t bound_ps = 0, machines = 0;
  for (DeviceId device = 0; device < devices; ++device) {
    const uint32_t streams = problem_.cluster().devices[device].streams;
    if (streams == 1) bound_ps = std::max(bound_ps, one_machine_ps(tasks[device]));
    left_ps += streams == 1 ? free_ps[device] : now_ps * streams;
    machines += streams;
  }
  if (shortest_tail_ps == kNever) return bound_ps;
  return std::max(bound_ps, left_ps / machines + (left_ps % machines != 0) + shortest_tail_ps);
}

bool CompletionBound::overflows(std::span<const uint64_t> open) const {
  const auto& graph = problem_.graph();
  std::vector<uint64_t> param_at(graph.num_params(), 0);
  std::vector<int64_t> held(problem_.devices(), 0);
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const uint64_t at = open[graph.unit_of[op]];
    if (!std::has_single_bit(at)) continue;
    const auto device = static_cast<DeviceId>(std::countr_zero(at));
    held[device] += problem_.costs().resident_bytes[op];
    for (const graph::ParamId param : graph.params[op]) {
      if (!(param_at[param] & at)) held[device] += graph.param_bytes[param];
      param_at[param] |= at;
    }
    if (held[device] > problem_.cluster().devices[device].usable_bytes()) return true;
  }
  return false;
}

}  // namespace allot::place
