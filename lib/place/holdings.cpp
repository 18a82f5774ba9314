// SPDX-License-Identifier: Apache-2.0
#include "place/holdings.h"

#include <algorithm>

namespace allot::place {
namespace {

using graph::kNone;
using graph::TensorId;

struct Stay {
  int64_t from_ps, to_ps;
  TensorId tensor;
};

/// Until when `tensor` is read on `device`; `since_ps` if it is not.
int64_t last_read_ps(const Problem& problem, const UnitPlacement& placement, const sim::Outcome& outcome,
                     TensorId tensor, DeviceId device, int64_t since_ps) {
  for (const OpId consumer : problem.graph().consumers[tensor])
    if (placement[problem.graph().unit_of[consumer]] == device) since_ps = std::max(since_ps, outcome.end_ps[consumer]);
  return since_ps;
}

std::vector<Stay> stays(const Problem& problem, const UnitPlacement& placement, const sim::Outcome& outcome,
                        DeviceId device) {
  const auto& graph = problem.graph();
  std::vector<int64_t> sent_ps(graph.num_tensors(), 0);
  std::vector<Stay> all;
  for (const sim::Transfer& transfer : outcome.transfers) {
    if (transfer.from == device) sent_ps[transfer.tensor] = std::max(sent_ps[transfer.tensor], transfer.end_ps);
    if (transfer.to == device)
      all.push_back({transfer.start_ps,
                     last_read_ps(problem, placement, outcome, transfer.tensor, device, transfer.end_ps),
                     transfer.tensor});
  }
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const OpId producer = graph.producer[tensor];
    const bool made_here = producer == kNone ? problem.cluster().io_device.value_or(device) == device
                                             : placement[graph.unit_of[producer]] == device;
    if (!made_here) continue;
    const int64_t from_ps = producer == kNone ? 0 : outcome.start_ps[producer];
    const int64_t made_ps = std::max(producer == kNone ? 0 : outcome.end_ps[producer], sent_ps[tensor]);
    const int64_t to_ps = graph.is_output[tensor] ? outcome.makespan_ps
                                                  : last_read_ps(problem, placement, outcome, tensor, device, made_ps);
    all.push_back({from_ps, to_ps, tensor});
  }
  return all;
}

}  // namespace

Holdings holdings_at_peak(const Problem& problem, const UnitPlacement& placement, const sim::Outcome& outcome,
                          DeviceId device) {
  const auto& costs = problem.costs();
  const std::vector<Stay> all = stays(problem, placement, outcome, device);
  std::vector<std::pair<int64_t, int64_t>> changes;  // time, bytes; what ends sorts before what starts
  for (const Stay& stay : all) {
    changes.emplace_back(stay.from_ps, costs.tensor_bytes[stay.tensor]);
    changes.emplace_back(stay.to_ps, -costs.tensor_bytes[stay.tensor]);
  }
  for (OpId op = 0; op < problem.graph().num_ops(); ++op) {
    if (placement[problem.graph().unit_of[op]] != device || costs.workspace_bytes[op] == 0) continue;
    changes.emplace_back(outcome.start_ps[op], costs.workspace_bytes[op]);
    changes.emplace_back(outcome.end_ps[op], -costs.workspace_bytes[op]);
  }
  std::sort(changes.begin(), changes.end());
  Holdings result;
  int64_t level = 0, peak = 0;
  for (const auto& [time_ps, bytes] : changes)
    if ((level += bytes) > peak) peak = level, result.time_ps = time_ps;
  for (const Stay& stay : all)
    if (stay.from_ps <= result.time_ps && result.time_ps < stay.to_ps) result.tensors.push_back(stay.tensor);
  std::sort(result.tensors.begin(), result.tensors.end());
  return result;
}

}  // namespace allot::place
