// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include "place/chain.h"
#include "place/match.h"

using namespace allot;
using namespace allot::place;
using namespace allot::test;
using graph::kNone;

TEST_CASE("metrics_of says what a placement costs") {
  const Problem problem = chain_problem(chain(3), two_devices());
  const Metrics metrics = metrics_of(problem, Evaluator(problem).outcome({0, 1, 1}));
  CHECK(metrics.makespan_us == Approx(10'000 + 1'000 + 2'000 + 2'000));
  CHECK(metrics.busy_us.at("cpu0") == Approx(10'000));
  CHECK(metrics.busy_us.at("gpu0") == Approx(4'000));
  CHECK(metrics.crossings == 1);
  CHECK(metrics.bytes_moved == 1'000'000);
  CHECK(metrics.overflow_bytes == 0);
  CHECK(metrics.critical_path_us == Approx(6'000));
  CHECK(metrics.work_bound_us == Approx(5'000));
  CHECK(metrics.parallelism == Approx(1));
}

TEST_CASE("a stored placement comes back on the same graph") {
  const Problem problem = chain_problem(chain(5), two_devices());
  const Restored restored = restore(problem, numbered(5), stored(problem, {0, 1, 0, 0, 1}));
  CHECK(restored.placement == UnitPlacement{0, 1, 0, 0, 1});
  CHECK(restored.unmatched.empty());
  CHECK(restored.vanished.empty());
}

TEST_CASE("renamed ops are found by their fingerprint") {
  const Problem before = chain_problem(chain(4), two_devices()), after = chain_problem(chain(4, "x_"), two_devices());
  const Restored restored = restore(after, numbered(4), stored(before, {0, 1, 1, 0}));
  CHECK(restored.placement == UnitPlacement{0, 1, 1, 0});
  CHECK(restored.unmatched.empty());
}

TEST_CASE("new ops are unmatched, old ones vanish") {
  const Problem before = chain_problem(chain(3), two_devices()), after = chain_problem(chain(5), two_devices());
  const Restored longer = restore(after, numbered(5), stored(before, {1, 1, 0}));
  CHECK(longer.placement == UnitPlacement{1, 1, 0, kNone, kNone});
  CHECK(longer.unmatched == std::vector<OpId>{3, 4});
  const Restored shorter = restore(before, numbered(3), stored(after, {1, 1, 0, 0, 1}));
  CHECK(shorter.placement == UnitPlacement{1, 1, 0});
  CHECK(shorter.vanished == std::vector<std::string>{"op_3", "op_4"});
}

TEST_CASE("a device that is gone places nothing") {
  const Problem before = chain_problem(chain(3), two_devices());
  const Problem after = chain_problem(chain(3), two_devices("16GiB", "gpu7"));
  const Restored restored = restore(after, numbered(3), stored(before, {0, 1, 0}));
  CHECK(restored.placement == UnitPlacement{0, kNone, 0});
  CHECK(restored.unmatched.empty());
}

TEST_CASE("a unit goes where its first op with a usable device was") {
  const Problem before = chain_problem(chain(4), two_devices());
  graph::OpGraph merged = chain(4);
  graph::set_units(merged, {0, 0, 1, 1});
  const Problem after = chain_problem(std::move(merged), two_devices());
  Sidecar sidecar = stored(before, {1, 0, 0, 1});
  CHECK(restore(after, numbered(4), sidecar).placement == UnitPlacement{1, 0});
  sidecar.placement[2].device = "gone";
  CHECK(restore(after, numbered(4), sidecar).placement == UnitPlacement{1, 1});
}

TEST_CASE("ops in bodies of control flow are not looked up") {
  const Problem problem = chain_problem(chain(1), two_devices());
  Sidecar sidecar = stored(problem, {0});
  sidecar.placement.insert(sidecar.placement.begin(), {"loop/body", "op_0", "A", "gpu0", "f0", 0, {"t_0"}});
  const Restored restored = restore(problem, numbered(1), sidecar);
  CHECK(restored.placement == UnitPlacement{0});
  CHECK(restored.vanished.empty());
}

TEST_CASE("ops match by name and type, then by fingerprint, the k-th to the k-th") {
  using Rows = std::vector<uint32_t>;
  const std::vector<OpIdentity> stored_ops = {{"a", "A", "1"}, {"b", "B", "2"}, {"c", "A", "3"}, {"d", "A", "3"}};
  CHECK(match_ops(stored_ops, stored_ops) == Rows{0, 1, 2, 3});
  CHECK(match_ops({{"b", "B", "9"}}, stored_ops) == Rows{1});
  CHECK(match_ops({{"b", "A", "9"}}, stored_ops) == Rows{kNone});  // the name went to another operator
  CHECK(match_ops({{"x", "A", "3"}, {"y", "A", "3"}, {"z", "A", "3"}}, stored_ops) == Rows{2, 3, kNone});
  CHECK(match_ops({{"x", "A", "3"}, {"c", "A", "3"}}, stored_ops) == Rows{3, 2});
  CHECK(match_ops({{"", "A", ""}, {"", "B", ""}}, {{"", "A", ""}}) == Rows{kNone, kNone});
  CHECK(match_ops({{"a", "A", "1"}, {"a", "A", "1"}}, stored_ops) == Rows{0, kNone});
  CHECK(match_ops({}, stored_ops).empty());
}

TEST_CASE("no stored op is used twice, and equal ones never stay apart") {
  rc::check([] {
    const auto ops_gen = [](std::vector<std::string>& texts) {
      std::vector<OpIdentity> ops;
      const int count = *rc::gen::inRange(0, 20);
      texts.reserve(static_cast<size_t>(count) * 2);
      for (int i = 0; i < count; ++i) {
        texts.push_back(std::to_string(*rc::gen::inRange(0, 12)));
        texts.push_back(std::to_string(*rc::gen::inRange(0, 4)));
        ops.push_back({texts[texts.size() - 2], "A", texts.back()});
      }
      return ops;
    };
    std::vector<std::string> texts_a, texts_b;
    const auto today = ops_gen(texts_a), before = ops_gen(texts_b);
    const auto counterpart = match_ops(today, before);
    std::vector<char> used(before.size());
    for (size_t i = 0; i < today.size(); ++i) {
      if (counterpart[i] == kNone) continue;
      const OpIdentity& other = before[counterpart[i]];
      RC_ASSERT(!used[counterpart[i]]);
      used[counterpart[i]] = true;
      RC_ASSERT(other.output == today[i].output || other.fingerprint == today[i].fingerprint);
    }
    for (size_t i = 0; i < today.size(); ++i)
      for (size_t j = 0; j < before.size(); ++j)
        if (counterpart[i] == kNone && !used[j]) RC_ASSERT(today[i].fingerprint != before[j].fingerprint);
  });
}
