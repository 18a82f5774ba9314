// SPDX-License-Identifier: Apache-2.0
// What each built-in method promises.
#include <catch2/catch.hpp>
#include <map>

#include "place/idle_gaps.h"
#include "place/placer.h"
#include "support/op_graph_builder.h"
#include "support/random_problem.h"

using namespace allot;
using place::Budget;
using place::DeviceId;
using place::Problem;
using place::UnitPlacement;

namespace {

UnitPlacement place_with(const std::string& method, const Problem& problem, uint64_t evaluations = 200) {
  return place::find_placer(method).place(problem, {.evaluations = evaluations});
}

int64_t makespan(const Problem& problem, const UnitPlacement& placement) {
  return place::Evaluator(problem).score(placement).makespan_ps;
}

Problem make(const graph::OpGraph& graph, const cluster::Cluster& cluster, std::vector<int64_t> time_ps) {
  return Problem(graph, cluster, test::simple_costs(graph, cluster.size(), std::move(time_ps)));
}

/// `ops` ops one after another, each making `bytes`.
graph::OpGraph chain(uint32_t ops, int64_t bytes) {
  test::OpGraphBuilder builder;
  auto tensor = builder.op({}, {bytes});
  for (uint32_t i = 1; i < ops; ++i) tensor = builder.op({tensor}, {bytes});
  return builder.build();
}

int64_t first_free(const std::vector<std::pair<int64_t, int64_t>>& booked, int64_t ready, int64_t duration) {
  const auto clashes = [&](int64_t start) {
    return std::any_of(booked.begin(), booked.end(),
                       [&](const auto& slot) { return start < slot.second && slot.first < start + duration; });
  };
  // The first free time is the ready time or the end of something.
  std::vector<int64_t> times{ready};
  for (const auto& [begin, end] : booked) times.push_back(std::max(ready, end));
  std::sort(times.begin(), times.end());
  return *std::find_if_not(times.begin(), times.end(), clashes);
}

/// HEFT as in the paper, with lists that are searched from end to end.
class PlainHeft {
 public:
  explicit PlainHeft(const Problem& problem) : p_(problem), g_(problem.graph()), ranks_(g_.num_ops(), -1) {}

  UnitPlacement operator()() {
    std::vector<graph::OpId> order(g_.num_ops());
    for (graph::OpId op = 0; op < g_.num_ops(); ++op) order[op] = op;
    std::sort(order.begin(), order.end(),
              [&](auto a, auto b) { return rank(a) != rank(b) ? rank(a) > rank(b) : a < b; });
    UnitPlacement placement(g_.num_units(), graph::kNone);
    for (const graph::OpId op : order) {
      DeviceId& device = placement[g_.unit_of[op]];
      if (device == graph::kNone) {
        int64_t best = std::numeric_limits<int64_t>::max();
        DeviceId chosen = 0;
        for (DeviceId d = 0; d < p_.devices(); ++d) {
          if (!p_.allowed(g_.unit_of[op], d)) continue;
          const int64_t end = start(op, d, placement) + p_.unit_time_ps(g_.unit_of[op], d);
          if (end < best) best = end, chosen = d;
        }
        device = chosen;
      }
      const int64_t begin = start(op, device, placement);
      ends_[op] = begin + p_.costs().time(op, device);
      booked_[device].emplace_back(begin, ends_[op]);
    }
    return placement;
  }

 private:
  double mean_transfer(int64_t bytes) const {
    double sum = 0;
    for (DeviceId a = 0; a < p_.devices(); ++a)
      for (DeviceId b = 0; b < p_.devices(); ++b) sum += static_cast<double>(p_.cluster().transfer_ps(a, b, bytes));
    return sum / (p_.devices() * p_.devices());
  }
  double rank(graph::OpId op) {
    if (ranks_[op] >= 0) return ranks_[op];
    double longest = 0, mean = 0;
    for (const auto tensor : g_.outputs[op])
      for (const auto next : g_.consumers[tensor])
        longest = std::max(longest, mean_transfer(g_.tensor_bytes[tensor]) + rank(next));
    const auto choices = p_.choices(g_.unit_of[op]);
    for (const DeviceId device : choices) mean += static_cast<double>(p_.costs().time(op, device)) / choices.size();
    return ranks_[op] = mean + longest;
  }
  int64_t start(graph::OpId op, DeviceId device, const UnitPlacement& placement) {
    int64_t ready = 0;
    for (const auto tensor : g_.inputs[op]) {
      const auto producer = g_.producer[tensor];
      const DeviceId home =
          producer != graph::kNone ? placement[g_.unit_of[producer]] : p_.cluster().io_device.value_or(device);
      const int64_t made = producer != graph::kNone ? ends_[producer] : 0;
      ready = std::max(ready, made + p_.cluster().transfer_ps(home, device, g_.tensor_bytes[tensor]));
    }
    return first_free(booked_[device], ready, p_.costs().time(op, device));
  }

  const Problem& p_;
  const graph::OpGraph& g_;
  std::vector<double> ranks_;
  std::map<graph::OpId, int64_t> ends_;
  std::map<DeviceId, std::vector<std::pair<int64_t, int64_t>>> booked_;
};

}  // namespace

TEST_CASE("every method uses allowed devices only and places every unit") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto p = test::random_problem({.devices = 4, .seed = seed, .forbidden = 0.4});
    for (const auto& placer : place::placers()) {
      INFO(placer.name << " seed " << seed);
      const auto placement = place_with(placer.name, p, 30);
      REQUIRE(placement.size() == p.graph().num_units());
      for (place::UnitId unit = 0; unit < placement.size(); ++unit) REQUIRE(p.allowed(unit, placement[unit]));
    }
  }
}

TEST_CASE("every method places graphs of no ops and of one") {
  for (const uint32_t ops : {0u, 1u}) {
    const auto p = test::random_problem({.ops = ops});
    for (const auto& placer : place::placers()) CHECK(place_with(placer.name, p).size() == ops);
    CHECK(place::compare(p, "auto", {.evaluations = 10}).methods.size() >= 9);
  }
}

TEST_CASE("a chain stays on one device, the fastest, under every method that weighs costs") {
  const auto p = make(chain(20, 1000), test::simple_cluster({.devices = 3}), [] {
    std::vector<int64_t> time_ps;
    for (int op = 0; op < 20; ++op) time_ps.insert(time_ps.end(), {120, 100, 130});
    return time_ps;
  }());
  for (const auto* method : {"single", "heft", "m-etf", "anneal"}) {
    INFO(method);
    CHECK(place_with(method, p) == UnitPlacement(20, 1));
  }
  const auto best = place::compare(p, "auto", {.evaluations = 100});
  CHECK(best.methods[best.best].method == "single");
  CHECK(best.methods[best.best].score.makespan_ps == 2000);
}

TEST_CASE("single prefers the device that has the memory") {
  auto cluster = test::simple_cluster();
  cluster.devices[0].memory_bytes = 1500;  // the faster one
  const auto graph = chain(3, 1000);
  const auto p = make(graph, cluster, {1, 9, 1, 9, 1, 9});
  CHECK(place_with("single", p) == UnitPlacement{1, 1, 1});
  cluster.devices[0].memory_bytes = 2000;
  CHECK(place_with("single", make(graph, cluster, {1, 9, 1, 9, 1, 9})) == UnitPlacement{0, 0, 0});
}

TEST_CASE("single splits only what no device can run alone") {
  constexpr int64_t kNo = cost::kCannotRun;
  const auto p = make(chain(3, 1), test::simple_cluster(), {5, 3, 5, kNo, kNo, 3});
  CHECK(place_with("single", p) == UnitPlacement{1, 0, 1});
}

TEST_CASE("contiguous blocks follow the order and balance the work") {
  // 1+2+3+4 | 5+6 | 7+8 would be 10, 11, 15; the best cut of 1..8 into three is 1-5, 6-7, 8 = 15, 13, 8.
  std::vector<int64_t> time_ps;
  for (int64_t t = 1; t <= 8; ++t) time_ps.insert(time_ps.end(), 3, t * 1000);
  const auto placement = place_with("contiguous", make(chain(8, 1), test::simple_cluster({.devices = 3}), time_ps));
  CHECK(std::is_sorted(placement.begin(), placement.end()));
  std::map<DeviceId, int64_t> load;
  for (uint32_t unit = 0; unit < 8; ++unit) load[placement[unit]] += unit + 1;
  for (const auto& [device, sum] : load) CHECK(sum <= 15);
}

TEST_CASE("contiguous blocks respect memory") {
  test::OpGraphBuilder builder;
  auto tensor = builder.op({}, {1}, {builder.param(100)});
  for (int i = 1; i < 6; ++i) tensor = builder.op({tensor}, {1}, {builder.param(100)});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster({.devices = 2});
  cluster.devices[0].memory_bytes = 210;  // two parameters and the tensors of one op
  const auto p = make(graph, cluster, std::vector<int64_t>(12, 1000));
  CHECK(place_with("contiguous", p) == UnitPlacement{0, 0, 1, 1, 1, 1});
}

TEST_CASE("round robin deals units out among the devices that each may use") {
  constexpr int64_t kNo = cost::kCannotRun;
  const auto p = make(chain(4, 1), test::simple_cluster({.devices = 3}), {1, 1, 1, 1, 1, 1, 1, kNo, 1, 1, 1, 1});
  CHECK(place_with("round-robin", p) == UnitPlacement{0, 1, 0, 0});
}

TEST_CASE("heft equals a plain implementation that searches every gap") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    test::ProblemOptions options{.ops = 1 + static_cast<uint32_t>(seed), .width = 5, .devices = 3};
    options.seed = seed;
    options.paired = seed % 2 ? 0.3 : 0;
    if (seed % 3 == 0) options.io_device = 1;
    const auto p = test::random_problem(options);
    INFO("seed " << seed);
    REQUIRE(place_with("heft", p) == PlainHeft(p)());
  }
}

TEST_CASE("heft fills a gap that is long enough") {
  // 0 and 1 start on their own devices; 2 waits for both, and 3, which is short and last in rank, runs before 2.
  test::OpGraphBuilder builder;
  const auto a = builder.op({}, {1000}), b = builder.op({}, {1000});
  builder.op({a, b}, {1});
  builder.op({}, {1});
  const auto p = make(builder.build(), test::simple_cluster(), {900, 9000, 9000, 900, 5000, 5000, 800, 800});
  const auto placement = place_with("heft", p);
  CHECK(makespan(p, placement) == 900 + 1000 + 5000);
  CHECK(placement[3] == placement[2]);
}

TEST_CASE("idle gaps give the first time that is free, as a plain list would") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    base::Rng rng(seed);
    place::IdleGaps gaps;
    std::vector<std::pair<int64_t, int64_t>> booked;
    for (int i = 0; i < 60; ++i) {
      const int64_t ready = rng.below(200), duration = 1 + rng.below(12);
      const int64_t start = gaps.earliest(ready, duration);
      REQUIRE(start == first_free(booked, ready, duration));
      gaps.book(start, duration);
      booked.emplace_back(start, start + duration);
      const int64_t instant = gaps.earliest(ready, 0);
      REQUIRE(instant >= ready);
      for (const auto& [begin, end] : booked) REQUIRE_FALSE((begin < instant && instant < end));
      gaps.book(instant, 0);
    }
  }
}

TEST_CASE("m-etf keeps parallel branches apart and serial ones together") {
  const auto graph = graph::branches(3, 2, 5, 1);
  const std::vector<int64_t> time_ps(size_t{graph.num_ops()} * 2, 1000);
  const auto p = make(graph, test::simple_cluster(), time_ps);
  // 3 blocks of a split, 5 steps of two branches and a join: 7 ops deep, 21,000 and a transfer or two a block.
  CHECK(makespan(p, place_with("m-etf", p)) <= 21'012);
  CHECK(makespan(p, place_with("single", p)) == 36'000);
}

TEST_CASE("m-etf spreads parameters that no device can hold alone") {
  test::OpGraphBuilder builder;
  auto tensor = builder.op({}, {1}, {builder.param(100)});
  for (int i = 1; i < 9; ++i) tensor = builder.op({tensor}, {1}, {builder.param(100)});
  const auto graph = builder.build();
  const auto p = make(graph, test::simple_cluster({.devices = 3, .memory_bytes = 310}), std::vector<int64_t>(27, 1000));
  const auto score = place::Evaluator(p).score(place_with("m-etf", p));
  CHECK(score.overflow_bytes == 0);
  CHECK(place::Evaluator(p).score(place_with("single", p)).overflow_bytes > 0);
  CHECK(place::Evaluator(p).score(place_with("anneal", p)).overflow_bytes == 0);
}

TEST_CASE("m-etf puts what fits nowhere where the least is missing") {
  test::OpGraphBuilder builder;
  builder.op({}, {1}, {builder.param(1000)});
  const auto graph = builder.build();
  auto cluster = test::simple_cluster({.devices = 3, .memory_bytes = 100});
  cluster.devices[1].memory_bytes = 700;
  CHECK(place_with("m-etf", make(graph, cluster, {1, 5, 1})) == UnitPlacement{1});
}

TEST_CASE("list schedulers beat round robin where there is parallelism") {
  int64_t heft = 0, m_etf = 0, round_robin = 0, single = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const auto p = test::random_problem({.ops = 200, .width = 8, .devices = 4, .seed = seed, .unequal = 0.2});
    heft += makespan(p, place_with("heft", p));
    m_etf += makespan(p, place_with("m-etf", p));
    round_robin += makespan(p, place_with("round-robin", p));
    single += makespan(p, place_with("single", p));
  }
  CHECK(heft < 0.9 * round_robin);
  CHECK(m_etf < 0.9 * round_robin);
  CHECK(heft < 0.6 * single);
}

TEST_CASE("annealing improves on its starts, the more the longer") {
  int64_t starts = 0, brief = 0, longer = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const auto p = test::random_problem({.ops = 100, .width = 6, .devices = 3, .seed = seed});
    starts += makespan(p, place::find_placer("anneal").place(p, {.seconds = 0}));
    brief += makespan(p, place_with("anneal", p, 200));
    longer += makespan(p, place_with("anneal", p, 4000));
  }
  CHECK(brief <= starts);
  CHECK(longer < 0.97 * brief);
}

TEST_CASE("annealing finds room where the starts have none") {
  // Two branches whose tensors all live until the joint end: one device holds one branch.
  test::OpGraphBuilder builder;
  std::vector<graph::TensorId> tensors;
  for (int i = 0; i < 8; ++i) tensors.push_back(builder.op({}, {100}));
  builder.op(tensors, {1});
  const auto p =
      make(builder.build(), test::simple_cluster({.devices = 2, .memory_bytes = 810}), std::vector<int64_t>(18, 1000));
  CHECK(place::Evaluator(p).score(place_with("anneal", p, 2000)).overflow_bytes == 0);
}
