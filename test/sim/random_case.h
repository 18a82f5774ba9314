// SPDX-License-Identifier: Apache-2.0
// Small problems drawn at random, full of ties: times and sizes of a few units, wires of a byte a picosecond.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "graph/generate.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

namespace allot::test {

struct RandomCase {
  graph::OpGraph graph;
  cluster::Cluster cluster;
  cost::CostTable costs;
  std::vector<cluster::DeviceId> placement;
};

inline bool chance(base::Rng& rng, double probability) { return rng.uniform() < probability; }

/// Each op reads up to three of the last `reach` tensors, drawn once: chains, or anything reads anything.
inline graph::OpGraph random_graph(base::Rng& rng, uint32_t ops) {
  const auto draw_bytes = [&] { return chance(rng, 0.2) ? 0 : rng.below(13); };
  OpGraphBuilder builder;
  std::vector<uint32_t> tensors, params;
  for (uint32_t i = rng.below(4); i > 0; --i) tensors.push_back(builder.input(draw_bytes()));
  for (uint32_t i = rng.below(5); i > 0; --i) params.push_back(builder.param(rng.below(20)));
  const uint32_t reach = 1 + rng.below(2 * ops);
  for (uint32_t op = 0; op < ops; ++op) {
    std::vector<uint32_t> reads, holds;
    for (uint32_t i = tensors.empty() ? 0 : rng.below(4); i > 0; --i) {
      const auto span = std::min<uint32_t>(reach, static_cast<uint32_t>(tensors.size()));
      reads.push_back(tensors[tensors.size() - 1 - rng.below(span)]);
    }
    if (!params.empty() && chance(rng, 0.3)) holds = {params[rng.below(static_cast<uint32_t>(params.size()))]};
    std::vector<int64_t> outputs(chance(rng, 0.8) ? 1 : rng.below(4));
    for (int64_t& bytes : outputs) bytes = draw_bytes();
    const uint32_t first = builder.op(reads, outputs, holds);
    for (uint32_t i = 0; i < outputs.size(); ++i) tensors.push_back(first + i);
  }
  for (const uint32_t tensor : tensors)
    if (chance(rng, 0.1)) builder.output(tensor);
  return builder.build();
}

/// Up to 5 devices with private wires, or with routes over up to three of a few shared links, some empty.
inline cluster::Cluster random_cluster(base::Rng& rng) {
  ClusterOptions options;
  options.devices = 1 + rng.below(5);
  options.latency_ps = chance(rng, 0.5) ? 0 : rng.below(4);
  options.full_duplex = chance(rng, 0.5);
  options.memory_bytes = chance(rng, 0.5) ? 1 << 20 : 20 + rng.below(100);
  options.align_bytes = chance(rng, 0.5) ? 1 : 1 + rng.below(8);
  if (chance(rng, 0.5)) options.io_device = rng.below(options.devices);
  options.contention = chance(rng, 0.7) ? cluster::Contention::link : cluster::Contention::free;
  auto result = simple_cluster(options);
  if (chance(rng, 0.5)) return result;
  result.num_channels = 1 + rng.below(4);
  result.links.clear();
  for (uint32_t link = 0; link < result.num_channels; ++link)
    result.links.push_back({"", 0.5e12 * (1 + rng.below(4)), rng.below(3), false, 1});
  for (auto& route : result.routes) {
    route = {.reachable = true, .links = {}, .channels = {}, .latency_ps = rng.below(3), .bandwidth_bytes_per_s = 1e15};
    for (uint32_t link = 0; link < result.num_channels; ++link) {
      if (route.channels.size() == 3 || chance(rng, 0.5)) continue;
      if (route.links.empty()) route.latency_ps = 0;
      route.links.push_back(link);
      route.channels.push_back(link);
      route.latency_ps += result.links[link].latency_ps;
      route.bandwidth_bytes_per_s = std::min(route.bandwidth_bytes_per_s, result.links[link].bandwidth_bytes_per_s);
    }
  }
  return result;
}

/// A device that can run `op`.
inline cluster::DeviceId random_device(base::Rng& rng, const cost::CostTable& costs, uint32_t op) {
  cluster::DeviceId device = rng.below(costs.devices);
  while (costs.time(op, device) == cost::kCannotRun) device = (device + 1) % costs.devices;
  return device;
}

inline RandomCase random_case(base::Rng& rng, uint32_t ops) {
  RandomCase result{random_graph(rng, ops), random_cluster(rng), {}, {}};
  const uint32_t devices = result.cluster.size();
  std::vector<int64_t> time_ps(size_t{ops} * devices);
  const uint32_t longest = 1 + rng.below(6);
  for (int64_t& time : time_ps) time = chance(rng, 0.1) ? cost::kCannotRun : rng.below(longest);
  for (uint32_t op = 0; op < ops; ++op) time_ps[op * devices + rng.below(devices)] = rng.below(longest);
  result.costs = simple_costs(result.graph, devices, std::move(time_ps));
  for (int64_t& bytes : result.costs.workspace_bytes) bytes = chance(rng, 0.3) ? rng.below(30) : 0;
  for (int64_t& bytes : result.costs.resident_bytes) bytes = chance(rng, 0.2) ? rng.below(10) : 0;
  const uint32_t block = chance(rng, 0.5) ? 1 : 1 + rng.below(10);  // neighbours on one device
  for (uint32_t op = 0; op < ops; ++op) {
    const bool stays = op % block != 0 && result.costs.time(op, result.placement.back()) != cost::kCannotRun;
    result.placement.push_back(stays ? result.placement.back() : random_device(rng, result.costs, op));
  }
  return result;
}

/// Any topological order: each time one of the ops that wait for nothing.
inline std::vector<uint32_t> random_order(base::Rng& rng, const graph::OpGraph& graph) {
  std::vector<uint32_t> waits, ready, order;
  for (uint32_t op = 0; op < graph.num_ops(); ++op) {
    waits.push_back(static_cast<uint32_t>(graph.predecessors[op].size()));
    if (waits[op] == 0) ready.push_back(op);
  }
  while (!ready.empty()) {
    std::swap(ready[rng.below(static_cast<uint32_t>(ready.size()))], ready.back());
    order.push_back(ready.back());
    ready.pop_back();
    for (const uint32_t next : graph.successors[order.back()])
      if (--waits[next] == 0) ready.push_back(next);
  }
  return order;
}

/// A layered graph of ops of 1 to 100 us on 2 to 5 unequal devices; transfers of 1 KB to 4 MB at 50 GB/s and 2 us.
inline RandomCase layered_case(base::Rng& rng, uint32_t ops) {
  const uint32_t devices = 2 + rng.below(4);
  ClusterOptions options{.devices = devices, .latency_ps = 2'000'000, .bytes_per_s = 50e9};
  options.memory_bytes = chance(rng, 0.5) ? int64_t{1} << 50 : int64_t{1} << 25;
  options.align_bytes = 256;
  if (chance(rng, 0.3)) options.io_device = rng.below(devices);
  RandomCase result{graph::layered({.ops = ops, .width = 1 + rng.below(16), .seed = rng.next_u64()}),
                    simple_cluster(options),
                    {},
                    {}};
  std::vector<int64_t> time_ps(size_t{ops} * devices);
  for (int64_t& time : time_ps) time = 1'000'000 + rng.below(99'000'000);
  result.costs = simple_costs(result.graph, devices, std::move(time_ps));
  const uint32_t block = 1 + rng.below(40);
  for (uint32_t op = 0; op < ops; ++op)
    result.placement.push_back(op % block == 0 ? rng.below(devices) : result.placement.back());
  return result;
}

}  // namespace allot::test
