// SPDX-License-Identifier: Apache-2.0
// The simulator against a slow reference on random cases, and properties of any run.
#include "sim/reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <catch2/catch.hpp>

#include "base/rng.h"
#include "sim/bounds.h"
#include "support/op_graph_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using base::Rng;
using cluster::DeviceId;

namespace {

struct Case {
  graph::OpGraph graph;
  cluster::Cluster cluster;
  cost::CostTable costs;
  std::vector<DeviceId> placement;
};

bool chance(Rng& rng, double probability) { return rng.uniform() < probability; }

uint32_t draw_ops(Rng& rng, uint64_t seed) {
  if (seed % 1000 == 999) return 200 + rng.below(1801);
  if (seed % 10 == 9) return 31 + rng.below(170);
  return 2 + rng.below(29);
}

/// Tensors of 0 to 12 bytes over wires of a byte a picosecond: many events fall on one instant.
int64_t draw_bytes(Rng& rng) { return chance(rng, 0.2) ? 0 : rng.below(13); }

graph::OpGraph draw_graph(Rng& rng, uint32_t ops) {
  test::OpGraphBuilder builder;
  std::vector<uint32_t> tensors, params;
  for (uint32_t i = rng.below(4); i > 0; --i) tensors.push_back(builder.input(draw_bytes(rng)));
  for (uint32_t i = rng.below(5); i > 0; --i) params.push_back(builder.param(rng.below(20)));
  const uint32_t reach = 1 + rng.below(2 * ops);  // short: chains; long: anything reads anything
  for (uint32_t op = 0; op < ops; ++op) {
    std::vector<uint32_t> reads, holds;
    for (uint32_t i = tensors.empty() ? 0 : rng.below(4); i > 0; --i) {
      const auto span = std::min<uint32_t>(reach, static_cast<uint32_t>(tensors.size()));
      reads.push_back(tensors[tensors.size() - 1 - rng.below(span)]);
    }
    if (!params.empty() && chance(rng, 0.3)) holds = {params[rng.below(static_cast<uint32_t>(params.size()))]};
    std::vector<int64_t> outputs(chance(rng, 0.8) ? 1 : rng.below(4));
    for (int64_t& bytes : outputs) bytes = draw_bytes(rng);
    const uint32_t first = builder.op(reads, outputs, holds);
    for (uint32_t i = 0; i < outputs.size(); ++i) tensors.push_back(first + i);
  }
  for (const uint32_t tensor : tensors)
    if (chance(rng, 0.1)) builder.output(tensor);
  return builder.build();
}

/// Private wires, or routes over up to three of a few shared links, some empty.
cluster::Cluster draw_cluster(Rng& rng) {
  test::ClusterOptions options;
  options.devices = 1 + rng.below(5);
  options.latency_ps = chance(rng, 0.5) ? 0 : rng.below(4);
  options.full_duplex = chance(rng, 0.5);
  options.memory_bytes = chance(rng, 0.5) ? 1 << 20 : 20 + rng.below(100);
  options.align_bytes = chance(rng, 0.5) ? 1 : 1 + rng.below(8);
  if (chance(rng, 0.5)) options.io_device = rng.below(options.devices);
  options.contention = chance(rng, 0.7) ? cluster::Contention::link : cluster::Contention::free;
  auto result = test::simple_cluster(options);
  for (auto& device : result.devices)
    if (chance(rng, 0.2)) device.align_bytes = 4, device.reserved_bytes = 5;
  if (chance(rng, 0.5)) return result;
  result.num_channels = 1 + rng.below(4);
  for (auto& route : result.routes) {
    route.channels.clear();
    for (uint32_t channel = 0; channel < result.num_channels; ++channel)
      if (route.channels.size() < 3 && chance(rng, 0.5)) route.channels.push_back(channel);
    route.latency_ps = rng.below(3);
    route.bandwidth_bytes_per_s = 0.5e12 * (1 + rng.below(4));
  }
  return result;
}

Case draw_case(uint64_t seed) {
  Rng rng(seed, 1);
  const uint32_t ops = draw_ops(rng, seed);
  Case result{draw_graph(rng, ops), draw_cluster(rng), {}, {}};
  const uint32_t devices = result.cluster.size();
  std::vector<int64_t> time_ps(size_t{ops} * devices);
  const uint32_t longest = 1 + rng.below(6);  // few distinct durations: ties
  for (int64_t& time : time_ps) time = chance(rng, 0.1) ? cost::kCannotRun : rng.below(longest);
  for (uint32_t op = 0; op < ops; ++op) time_ps[op * devices + rng.below(devices)] = rng.below(longest);
  result.costs = test::simple_costs(result.graph, devices, std::move(time_ps));
  for (int64_t& bytes : result.costs.workspace_bytes) bytes = chance(rng, 0.3) ? rng.below(30) : 0;
  for (int64_t& bytes : result.costs.resident_bytes) bytes = chance(rng, 0.2) ? rng.below(10) : 0;
  const uint32_t block = chance(rng, 0.5) ? 1 : 1 + rng.below(10);  // neighbours on one device
  DeviceId device = 0;
  for (uint32_t op = 0; op < ops; ++op) {
    if (op % block == 0) device = rng.below(devices);
    while (result.costs.time(op, device) == cost::kCannotRun) device = (device + 1) % devices;
    result.placement.push_back(device);
  }
  return result;
}

std::string text(const sim::Outcome& outcome) {
  std::string out =
      fmt::format("makespan {} busy {} peak {} params {} crossings {} io {} moved {} overflow {} start {} end {}",
                  outcome.makespan_ps, fmt::join(outcome.busy_ps, ","), fmt::join(outcome.peak_bytes, ","),
                  fmt::join(outcome.param_bytes, ","), outcome.crossings, outcome.io_transfers, outcome.bytes_moved,
                  outcome.overflow_bytes, fmt::join(outcome.start_ps, ","), fmt::join(outcome.end_ps, ","));
  for (const auto& t : outcome.transfers)
    out += fmt::format(" [t{} {}->{} {}-{} io {}]", t.tensor, t.from, t.to, t.start_ps, t.end_ps, t.io);
  for (const auto& oom : outcome.out_of_memory)
    out += fmt::format(" (d{} at {} over {} op {})", oom.device, oom.time_ps, oom.over_bytes, oom.op);
  return out;
}

void check_properties(const Case& c, const sim::Outcome& outcome) {
  const auto bounds = sim::bounds(c.graph, c.costs);
  CHECK(outcome.makespan_ps >= bounds.best());
  int64_t all = 0;
  for (const int64_t busy : outcome.busy_ps) {
    CHECK(outcome.makespan_ps >= busy);
    all += busy;
  }
  int64_t transfers = 0;
  for (const auto& transfer : outcome.transfers) transfers += transfer.end_ps - transfer.start_ps;
  CHECK(outcome.makespan_ps <= all + transfers);
}

}  // namespace

TEST_CASE("every field equals the slow reference on 10,000 random cases") {
  int overflowing = 0;
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    const Case c = draw_case(seed);
    const sim::Outcome expected = test::ReferenceRun(c.graph, c.costs, c.cluster, c.placement)();
    sim::Simulator simulator(c.graph, c.costs, c.cluster);
    const sim::Outcome& outcome = simulator.run(c.placement, {.memory = true, .timeline = true});
    INFO("seed " << seed);
    if (text(outcome) != text(expected)) FAIL(text(outcome) << "\nreference:\n" << text(expected));
    check_properties(c, outcome);
    overflowing += !outcome.fits();
  }
  CHECK(overflowing > 1000);  // the cases do exercise running out of memory
  CHECK(overflowing < 9000);
}

TEST_CASE("without memory or timeline the other fields stay the same, run after run") {
  for (uint64_t seed = 1; seed < 2000; seed += 7) {
    const Case c = draw_case(seed);
    sim::Simulator simulator(c.graph, c.costs, c.cluster);
    const sim::Outcome full = simulator.run(c.placement, {.memory = true, .timeline = true});
    const sim::Outcome lean = simulator.run(c.placement, {.memory = false, .timeline = false});
    INFO("seed " << seed);
    CHECK(lean.makespan_ps == full.makespan_ps);
    CHECK(lean.busy_ps == full.busy_ps);
    CHECK(lean.crossings == full.crossings);
    CHECK(lean.io_transfers == full.io_transfers);
    CHECK(lean.bytes_moved == full.bytes_moved);
    CHECK(lean.peak_bytes == std::vector<int64_t>(c.cluster.size(), 0));
    CHECK(lean.param_bytes == lean.peak_bytes);
    CHECK(lean.overflow_bytes == 0);
    CHECK((lean.start_ps.empty() && lean.end_ps.empty() && lean.transfers.empty()));
    CHECK(text(simulator.run(c.placement, {.memory = true, .timeline = true})) == text(full));
  }
}

TEST_CASE("one device takes exactly the sum of the durations") {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Case c = draw_case(seed);
    c.cluster.io_device.reset();
    int64_t sum = 0;
    for (uint32_t op = 0; op < c.graph.num_ops(); ++op) {
      int64_t& time = c.costs.time_ps[op * c.cluster.size()];
      if (time == cost::kCannotRun) time = 3;
      sum += time;
    }
    sim::Simulator simulator(c.graph, c.costs, c.cluster);
    const auto& outcome = simulator.run(std::vector<DeviceId>(c.graph.num_ops(), 0));
    CHECK(outcome.makespan_ps == sum);
    CHECK(outcome.crossings == 0);
  }
}
