// SPDX-License-Identifier: Apache-2.0
// After a run of sequential.h: its outcome.
#include <algorithm>
#include <tuple>

#include "sim/sequential_state.h"

namespace allot::sim {

using graph::kNone;

/// Rule 8.
void Sequential::State::report() {
  outcome.makespan_ps = std::max(host_ps, *std::max_element(queue_ps.begin(), queue_ps.end()));
  if (options.memory) ledger.report(outcome);
  if (options.timeline) report_timeline();
  if (options.critical) report_critical();
}

void Sequential::State::report_timeline() {
  outcome.start_ps = start_ps;
  outcome.end_ps = end_ps;
  outcome.stream.assign(graph.num_ops(), 0);
  for (const Copy& copy : copies)
    if (copy.from != copy.to)
      outcome.transfers.push_back({copy.tensor, copy.from, copy.to, copy.start_ps, copy.end_ps, copy.io});
  const auto key = [](const Transfer& t) { return std::tuple(t.start_ps, t.tensor, t.to); };
  std::sort(outcome.transfers.begin(), outcome.transfers.end(),
            [&](const Transfer& a, const Transfer& b) { return key(a) < key(b); });
}

/// From what ends the run back to its beginning. Launches fill the gaps in front of ops in queues.
void Sequential::State::report_critical() {
  const auto last = std::max_element(queue_ps.begin(), queue_ps.end());
  NodeRef node = *last > host_ps ? last_in_queue[static_cast<size_t>(last - queue_ps.begin())] : last_on_host;
  auto& chain = outcome.critical;
  while (node.id != kNone) {
    CriticalStep step;
    const NodeRef earlier = node.copy ? copies[node.id].before : before[node.id];
    step.wait = earlier.id == kNone ? CriticalStep::Wait::none : CriticalStep::Wait::device;
    if (node.copy) {
      const Copy& copy = copies[node.id];
      step.tensor = copy.tensor, step.device = copy.from, step.to = copy.to;
      step.start_ps = copy.start_ps, step.end_ps = copy.end_ps;
    } else {
      step.op = node.id, step.device = step.to = placement[node.id];
      step.start_ps = start_ps[node.id], step.end_ps = end_ps[node.id];
    }
    chain.push_back(step);
    node = earlier;
  }
  std::reverse(chain.begin(), chain.end());
}

}  // namespace allot::sim
