// SPDX-License-Identifier: Apache-2.0
#include "sim/order_evaluator.h"

#include <catch2/catch.hpp>
#include <map>
#include <numeric>

#include "base/error.h"
#include "sim/random_case.h"

using namespace allot;
using base::Rng;
using sim::OrderEvaluator;
using test::RandomCase;
using Order = std::vector<uint32_t>;
using Times = std::vector<int64_t>;

namespace {

/// The rules of order_evaluator.h, with searches instead of tables.
class Reference {
 public:
  explicit Reference(const RandomCase& c) : c_(c) {}

  OrderEvaluator::Timeline operator()(const Order& order) {
    result_.start_ps.assign(order.size(), 0);
    result_.end_ps.assign(order.size(), 0);
    result_.busy_ps.assign(c_.cluster.size(), 0);
    for (size_t i = 0; i < order.size(); ++i) take(order, i);
    for (const int64_t end : result_.end_ps) result_.makespan_ps = std::max(result_.makespan_ps, end);
    for (const Sent& sent : sent_) result_.makespan_ps = std::max(result_.makespan_ps, sent.end_ps);
    return result_;
  }

 private:
  struct Sent {
    uint32_t tensor, from, to;
    int64_t end_ps;
  };

  void take(const Order& order, size_t position) {
    const uint32_t op = order[position], device = c_.placement[op];
    int64_t start = 0;
    for (size_t i = 0; i < position; ++i)
      if (c_.placement[order[i]] == device) start = std::max(start, result_.end_ps[order[i]]);
    for (const uint32_t tensor : c_.graph.inputs[op]) start = std::max(start, arrival_ps(tensor, device));
    result_.start_ps[op] = start;
    result_.end_ps[op] = start + c_.costs.time(op, device);
    result_.busy_ps[device] += c_.costs.time(op, device);
    for (const uint32_t tensor : c_.graph.outputs[op])
      if (c_.graph.is_output[tensor] && c_.cluster.io_device) arrival_ps(tensor, *c_.cluster.io_device);
  }

  /// Sends the tensor unless it is there or under way.
  int64_t arrival_ps(uint32_t tensor, uint32_t device) {
    const uint32_t producer = c_.graph.producer[tensor];
    if (producer == graph::kNone && !c_.cluster.io_device) return 0;
    const uint32_t home = producer == graph::kNone ? *c_.cluster.io_device : c_.placement[producer];
    const int64_t made = producer == graph::kNone ? 0 : result_.end_ps[producer];
    if (home == device) return made;
    int64_t start = made;
    const auto& wanted = c_.cluster.route(home, device).channels;
    for (const Sent& earlier : sent_) {
      if (earlier.tensor == tensor && earlier.to == device) return earlier.end_ps;
      const auto& taken = c_.cluster.route(earlier.from, earlier.to).channels;
      const bool shares = std::find_first_of(wanted.begin(), wanted.end(), taken.begin(), taken.end()) != wanted.end();
      if (c_.cluster.simulation.contention == cluster::Contention::link && shares)
        start = std::max(start, earlier.end_ps);
    }
    sent_.push_back(
        {tensor, home, device, start + c_.cluster.transfer_ps(home, device, c_.costs.tensor_bytes[tensor])});
    return sent_.back().end_ps;
  }

  const RandomCase& c_;
  std::vector<Sent> sent_;
  OrderEvaluator::Timeline result_;
};

}  // namespace

TEST_CASE("the order evaluator equals its reference on 10,000 random cases in random orders") {
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    Rng rng(seed, 10);
    RandomCase c = test::random_case(rng, 1 + rng.below(seed % 100 == 0 ? 300 : 40));
    const bool by_id = test::chance(rng, 0.3);
    Order order = by_id ? Order{} : test::random_order(rng, c.graph);
    OrderEvaluator evaluator(c.graph, c.costs, c.cluster, order);
    if (by_id) order.resize(c.graph.num_ops()), std::iota(order.begin(), order.end(), 0u);
    for (int again = 0; again < 3; ++again) {  // what a run leaves behind must not reach the next
      const auto expected = Reference(c)(order);
      INFO("seed " << seed << " run " << again);
      REQUIRE(evaluator.run(c.placement) == expected.makespan_ps);
      const auto timeline = evaluator.timeline(c.placement);
      REQUIRE(timeline.makespan_ps == expected.makespan_ps);
      REQUIRE(timeline.start_ps == expected.start_ps);
      REQUIRE(timeline.end_ps == expected.end_ps);
      REQUIRE(timeline.busy_ps == expected.busy_ps);
      for (uint32_t op = 0; op < c.graph.num_ops(); ++op)
        if (test::chance(rng, 0.3)) c.placement[op] = test::random_device(rng, c.costs, op);
    }
  }
}

TEST_CASE("a device waits for the op whose turn it is, and channels serve in the order of reading") {
  test::OpGraphBuilder builder;
  const auto a = builder.op({}, {10}), b = builder.op({}, {20});
  builder.op({b});  // on device 1: asks for b first, although a is made before
  builder.op({a});
  builder.op({});  // could start at 0
  const auto graph = builder.build();
  const auto costs = test::uniform_costs(graph, 2, {3, 4, 1, 1, 1});
  const auto cluster = test::simple_cluster();
  OrderEvaluator evaluator(graph, costs, cluster);
  // b is made at 7 and arrives at 27; a follows it over the wire and arrives at 37.
  const auto timeline = evaluator.timeline(std::vector<uint32_t>{0, 0, 1, 1, 1});
  CHECK(timeline.start_ps == Times{0, 3, 27, 37, 38});
  CHECK(timeline.makespan_ps == 39);
  CHECK(timeline.busy_ps == Times{7, 3});
}

TEST_CASE("more kinds of routes than a table row holds") {
  test::OpGraphBuilder builder;
  const auto a = builder.op({}, {100});
  for (int i = 0; i < 7; ++i) builder.op({a});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster({.devices = 8});
  for (uint32_t to = 1; to < 8; ++to) cluster.routes[to].latency_ps = to * 1000;
  const auto costs = test::uniform_costs(graph, 8, Times(8, 1));
  const auto timeline = OrderEvaluator(graph, costs, cluster).timeline(std::vector<uint32_t>{0, 1, 2, 3, 4, 5, 6, 7});
  for (uint32_t op = 1; op < 8; ++op) CHECK(timeline.start_ps[op] == 1 + op * 1000 + 100);
}

TEST_CASE("the order evaluator refuses what cannot be run, and goes on after that") {
  test::OpGraphBuilder builder;
  builder.op({builder.op({})});
  const auto graph = builder.build();
  auto costs = test::uniform_costs(graph, 2, {1, 1});
  costs.time_ps[1] = cost::kCannotRun;
  auto cluster = test::simple_cluster();
  cluster.routes[1].reachable = false;
  OrderEvaluator evaluator(graph, costs, cluster);
  const auto kind = [](const auto& run) {
    try {
      run();
    } catch (const base::Error& error) {
      return error.kind();
    }
    return base::ErrorKind::check_failed;
  };
  const auto run = [&](Order placement) { return kind([&] { evaluator.run(placement); }); };
  CHECK(run({0, 2}) == base::ErrorKind::internal);
  CHECK(run({0}) == base::ErrorKind::internal);
  CHECK(run({1, 0}) == base::ErrorKind::internal);
  CHECK(run({0, 1}) == base::ErrorKind::unavailable);
  CHECK(evaluator.run(Order{0, 0}) == 2);
  for (const Order& order : {Order{1, 0}, Order{0, 0}, Order{0}, Order{0, 7}})
    CHECK(kind([&] { OrderEvaluator(graph, costs, cluster, order); }) == base::ErrorKind::internal);
}
