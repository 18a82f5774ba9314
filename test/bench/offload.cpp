// SPDX-License-Identifier: Apache-2.0
#include "bench/offload.h"

#include <algorithm>
#include <numeric>

#include <fmt/core.h>

namespace allot::bench {
namespace {

using place::DeviceId;
using place::OpId;

constexpr DeviceId kHost = 0;

}  // namespace

Offload::Offload(const place::Problem& problem) : problem_(problem) {
  const auto& graph = problem.graph();
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    int64_t bytes = 0;
    for (const auto tensor : graph.outputs[op]) bytes += problem.costs().tensor_bytes[tensor];
    result_ps_.push_back(problem.devices() > 1 ? problem.cluster().transfer_ps(kHost, 1, bytes) : 0);
  }
  group_of_.resize(graph.num_ops());
  depth_.resize(graph.num_ops() * size_t{problem.devices()});
}

/// group_of_: a number for each host op and each subgraph; members_ lists the ops of each.
void Offload::cut(std::span<const DeviceId> placement) {
  const auto& graph = problem_.graph();
  const size_t devices = problem_.devices();
  uint32_t deepest = 0;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    uint32_t* const depth = depth_.data() + op * devices;
    std::fill(depth, depth + devices, 0);
    for (const OpId before : graph.predecessors[op])
      for (DeviceId device = 1; device < devices; ++device)
        depth[device] = std::max(depth[device], depth_[before * devices + device] +
                                                    (placement[op] == device && placement[before] != device));
    if (placement[op] != kHost) depth[placement[op]] = std::max(depth[placement[op]], 1u);
    deepest = std::max(deepest, *std::max_element(depth, depth + devices));
  }
  std::vector<uint32_t> number((deepest + 1) * devices, graph::kNone);
  groups_ = 0;
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    const DeviceId device = placement[op];
    uint32_t& subgraph = number[depth_[op * devices + device] * devices + device];
    if (device == kHost || subgraph == graph::kNone) subgraph = groups_++;
    group_of_[op] = subgraph;
  }
}

place::Score Offload::operator()(std::span<const DeviceId> placement) {
  const auto& graph = problem_.graph();
  cut(placement);
  std::vector<std::vector<OpId>> members(groups_);
  std::vector<uint32_t> pending(groups_, 0);  // edges from other groups
  for (OpId op = 0; op < graph.num_ops(); ++op) {
    members[group_of_[op]].push_back(op);
    for (const OpId before : graph.predecessors[op]) pending[group_of_[op]] += group_of_[before] != group_of_[op];
  }
  std::vector<uint32_t> ready;
  for (uint32_t group = 0; group < groups_; ++group)
    if (pending[group] == 0) ready.push_back(group);
  std::vector<int64_t> end_ps(graph.num_ops(), 0);
  std::vector<uint32_t> sent_to(graph.num_ops(), graph::kNone);  // the group that an op's result was last charged to
  place::Score score;
  size_t ended = 0;
  while (!ready.empty()) {
    const uint32_t group = ready.back();
    ready.pop_back();
    const DeviceId device = placement[members[group].front()];
    int64_t start_ps = 0, busy_ps = 0;
    for (const OpId op : members[group]) {
      busy_ps += problem_.costs().time(op, device);
      bool leaves = false;
      for (const OpId next : graph.successors[op]) leaves |= group_of_[next] != group;
      if (device != kHost && leaves) busy_ps += result_ps_[op];
      for (const OpId before : graph.predecessors[op]) {
        if (group_of_[before] == group) continue;
        start_ps = std::max(start_ps, end_ps[before]);
        if (device != kHost && sent_to[before] != group) busy_ps += result_ps_[before];
        sent_to[before] = group;
      }
    }
    ended += members[group].size();
    score.makespan_ps = std::max(score.makespan_ps, start_ps + busy_ps);
    for (const OpId op : members[group]) {
      end_ps[op] = start_ps + busy_ps;
      for (const OpId next : graph.successors[op])
        if (group_of_[next] != group && --pending[group_of_[next]] == 0) ready.push_back(group_of_[next]);
    }
  }
  score.value = score.makespan_ps;
  const int64_t stuck = static_cast<int64_t>(graph.num_ops() - ended);
  score.overflow_bytes = overflow(placement) + stuck * problem_.cluster().devices.back().usable_bytes() / 100;
  return score;
}

int64_t Offload::overflow(std::span<const DeviceId> placement) const {
  std::vector<int64_t> held(problem_.devices(), 0);
  for (OpId op = 0; op < placement.size(); ++op) held[placement[op]] += problem_.costs().resident_bytes[op];
  int64_t sum = 0;
  for (DeviceId device = 1; device < problem_.devices(); ++device)
    sum += std::max<int64_t>(0, held[device] - problem_.cluster().devices[device].usable_bytes());
  return sum;
}

std::string split_json(const place::Problem& problem, std::span<const DeviceId> placement) {
  std::vector<std::string> nodes(problem.devices());
  for (OpId op = 0; op < placement.size(); ++op) {
    std::string& list = nodes[placement[op]];
    list += (list.empty() ? "" : ", ") + std::string(problem.graph().op_names[op].substr(1));
  }
  std::string accelerators;
  for (DeviceId device = 1; device < problem.devices(); ++device)
    accelerators += fmt::format("{}{{\"nodes\": [{}]}}", device > 1 ? ", " : "", nodes[device]);
  return fmt::format("{{\"fpgas\": [{}], \"cpus\": [{{\"nodes\": [{}]}}]}}\n", accelerators, nodes[kHost]);
}

}  // namespace allot::bench
