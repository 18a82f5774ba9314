// SPDX-License-Identifier: Apache-2.0
// The simulator against a slow reference on random cases, and properties of any run.
#include "sim/reference.h"

#include <catch2/catch.hpp>

#include "base/rng.h"
#include "sim/bounds.h"
#include "sim/outcome_text.h"
#include "sim/random_case.h"

using namespace allot;
using base::Rng;
using cluster::Contention;
using cluster::DeviceId;
using cluster::Forwarding;
using cluster::Queue;
using test::chance;

namespace {

struct Case : test::RandomCase {
  std::vector<int64_t> priority;
};

uint32_t draw_ops(Rng& rng, uint64_t seed) {
  if (seed % 1000 == 999) return 200 + rng.below(1801);
  if (seed % 10 == 9) return 31 + rng.below(170);
  return 2 + rng.below(29);
}

cluster::Simulation draw_simulation(Rng& rng) {
  if (chance(rng, 0.3)) return *cluster::simulation_preset(cluster::simulation_presets()[rng.below(4)]);
  cluster::Simulation s;
  s.contention = static_cast<Contention>(rng.below(5));
  s.queue = static_cast<Queue>(rng.below(3));
  if (chance(rng, 0.5)) s.in_place = true;
  if (chance(rng, 0.3)) s.op_gap_ps = rng.below(4);
  if (s.contention == Contention::share) return s;
  if (chance(rng, 0.3)) s.transfer_gap_ps = rng.below(4);
  if (chance(rng, 0.4)) s.blocking_transfers = static_cast<cluster::Blocking>(rng.below(3));
  if (chance(rng, 0.3))
    s.send = cluster::Send::once;
  else
    s.forwarding = static_cast<Forwarding>(rng.below(3));
  return s;
}

/// Other rules than the usual, and ops that may share blocks with their inputs.
void draw_rules(Rng& rng, Case& c) {
  c.cluster.simulation = draw_simulation(rng);
  for (cluster::Device& device : c.cluster.devices) {
    if (chance(rng, 0.3)) device.streams = 1 + rng.below(3);
    if (chance(rng, 0.3) && c.cluster.simulation.contention != Contention::share) device.copy_engines = rng.below(3);
    if (chance(rng, 0.2)) device.fragmentation = 1 + 0.25 * rng.below(3);
  }
  if (chance(rng, 0.5))
    for (uint32_t op = 0; op < c.graph.num_ops(); ++op) c.priority.push_back(rng.below(6));
  // In order, only priorities that fall along every edge can be kept.
  if (c.cluster.simulation.queue == Queue::order)
    for (uint32_t op = c.graph.num_ops(); op-- > 0 && !c.priority.empty();)
      for (const uint32_t reader : c.graph.successors[op])
        c.priority[op] = std::max(c.priority[op], c.priority[reader]);
  if (chance(rng, 0.5)) return;
  c.costs.ops.resize(c.graph.num_ops());
  for (cost::OpCost& op : c.costs.ops)
    op.op_class = chance(rng, 0.3)   ? cluster::OpClass::alias
                  : chance(rng, 0.5) ? cluster::OpClass::elementwise
                                     : cluster::OpClass::matmul;
  if (chance(rng, 0.5))  // so that many tensors are of one size
    for (int64_t& bytes : c.costs.tensor_bytes) bytes = 4 * (bytes / 4);
}

Case draw_case(uint64_t seed) {
  Rng rng(seed, 1);
  const uint32_t ops = draw_ops(rng, seed);
  Case result{test::random_case(rng, ops), {}};
  for (auto& device : result.cluster.devices)
    if (chance(rng, 0.2)) device.align_bytes = 4, device.reserved_bytes = 5;
  if (seed % 3 != 0) draw_rules(rng, result);
  return result;
}

/// Bounds that hold under any rules, and those of work-conserving devices with one stream.
void check_properties(const Case& c, const sim::Outcome& outcome) {
  const auto& rules = c.cluster.simulation;
  const bool one_stream = std::all_of(c.cluster.devices.begin(), c.cluster.devices.end(),
                                      [](const auto& device) { return device.streams == 1; });
  const auto bounds = sim::bounds(c.graph, c.costs);
  CHECK(outcome.makespan_ps >= bounds.critical_path_ps);
  if (one_stream) CHECK(outcome.makespan_ps >= bounds.best());
  int64_t all = 0;
  for (DeviceId device = 0; device < c.cluster.size(); ++device) {
    CHECK(outcome.makespan_ps * c.cluster.devices[device].streams >= outcome.busy_ps[device]);
    all += outcome.busy_ps[device] + rules.op_gap_ps * c.graph.num_ops();
  }
  for (const auto& transfer : outcome.transfers) all += transfer.end_ps - transfer.start_ps + rules.transfer_gap_ps;
  CHECK(outcome.makespan_ps <= all);
  for (uint32_t op = 0; op < c.graph.num_ops(); ++op) {
    const DeviceId device = c.placement[op];
    CHECK(outcome.stream[op] < c.cluster.devices[device].streams);
    CHECK(outcome.peak_bytes[device] >= outcome.param_bytes[device] + c.costs.workspace_bytes[op]);
  }
}

/// The chain fills the run, and each step is what the next one needed.
void check_critical(const Case& c, const sim::Outcome& outcome) {
  using Wait = sim::CriticalStep::Wait;
  const auto& steps = outcome.critical;
  const auto& rules = c.cluster.simulation;
  REQUIRE(!steps.empty());
  CHECK(steps.front().start_ps == 0);
  CHECK(steps.front().wait == Wait::none);
  CHECK(steps.back().end_ps == outcome.makespan_ps);
  for (size_t i = 1; i < steps.size(); ++i) {
    const auto &before = steps[i - 1], &step = steps[i];
    const bool before_is_op = before.op != graph::kNone, is_op = step.op != graph::kNone;
    INFO("step " << i << " wait " << int(step.wait));
    const int64_t rest = step.start_ps - before.end_ps;
    if (step.wait == Wait::data) {
      CHECK(rest == 0);
      if (is_op && before_is_op) CHECK(c.placement[before.op] == c.placement[step.op]);
      if (!before_is_op) CHECK(before.to == step.device);
      const uint32_t producer = is_op ? step.op : c.graph.producer[step.tensor];
      if (!is_op) CHECK(before.op == producer);
      const auto inputs = c.graph.inputs[producer];
      if (is_op && !before_is_op) CHECK(std::count(inputs.begin(), inputs.end(), before.tensor) == 1);
    } else {
      CHECK(step.wait != Wait::none);
      if (step.wait == Wait::wire) CHECK((!is_op && !before_is_op));
      // What it waited for may have been a leg, while others of that transfer went on.
      const int64_t gap = before_is_op ? rules.op_gap_ps : rules.transfer_gap_ps;
      CHECK((rest >= 0 && rest <= gap));
      if (before_is_op || rules.forwarding == Forwarding::cut_through) CHECK((rest == 0 || rest == gap));
      // A turn in Queue::order, or one transfer to several devices, may have waited for what happened elsewhere.
      if (before_is_op && rules.queue != Queue::order && rules.send == cluster::Send::per_device)
        CHECK((before.device == step.device || before.device == step.to));
    }
  }
}

}  // namespace

TEST_CASE("every field equals the slow reference on 10,000 random cases") {
  int overflowing = 0, other_rules_matter = 0;
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    Case c = draw_case(seed);
    const sim::Outcome expected = test::ReferenceRun(c.graph, c.costs, c.cluster, c.placement, c.priority)();
    sim::Simulator simulator(c.graph, c.costs, c.cluster);
    const sim::Outcome& outcome =
        simulator.run(c.placement, {.memory = true, .timeline = true, .critical = true, .priority = c.priority});
    INFO("seed " << seed);
    if (test::full_text(outcome) != test::full_text(expected))
      FAIL(test::full_text(outcome) << "\nreference:\n" << test::full_text(expected));
    check_properties(c, outcome);
    check_critical(c, outcome);
    overflowing += !outcome.fits();
    const int64_t makespan_ps = outcome.makespan_ps;
    c.cluster.simulation = {};
    other_rules_matter += sim::Simulator(c.graph, c.costs, c.cluster).run(c.placement).makespan_ps != makespan_ps;
  }
  CHECK(other_rules_matter > 2000);
  CHECK(overflowing > 1000);  // the cases do exercise running out of memory
  CHECK(overflowing < 9000);
}

TEST_CASE("without memory or timeline the other fields stay the same, run after run") {
  for (uint64_t seed = 1; seed < 2000; seed += 7) {
    const Case c = draw_case(seed);
    sim::Simulator simulator(c.graph, c.costs, c.cluster);
    const sim::Outcome full = simulator.run(c.placement, {.memory = true, .timeline = true, .priority = c.priority});
    const sim::Outcome lean = simulator.run(c.placement, {.memory = false, .timeline = false, .priority = c.priority});
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
    CHECK(test::full_text(simulator.run(c.placement, {.memory = true, .timeline = true, .priority = c.priority})) ==
          test::full_text(full));
  }
}

TEST_CASE("one device takes exactly the sum of the durations") {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Case c = draw_case(seed);
    c.cluster.io_device.reset();
    c.cluster.devices[0].streams = 1;
    c.cluster.simulation.op_gap_ps = 0;
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
