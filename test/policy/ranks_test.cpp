// SPDX-License-Identifier: Apache-2.0
// Training over ranks, which are threads here.
#include <ATen/TensorOperators.h>

#include "toy.h"

#include <catch2/catch.hpp>

#include "dist/local_ranks.h"
#include "policy/rank_wire.h"

using namespace allot;
using test::bits;
using test::small_preset;
using test::Toy;

namespace {

/// What a rank knows after some updates and a search.
struct End {
  std::string policy;
  std::vector<double> curve;
  place::UnitPlacement best;
  uint64_t evaluations = 0;
  bool operator==(const End&) const = default;
};

End learn_on(const place::Problem& problem, const policy::Settings& settings, dist::Team* team) {
  Toy toy(problem, settings);
  auto trainer = toy.trainer(nullptr, 1, team);
  trainer.seed();
  End end;
  for (int i = 0; i < 4; ++i) {
    const auto report = trainer.update();
    end.curve.insert(end.curve.end(), {report.mean_cost, report.baseline, report.learning.entropy,
                                       static_cast<double>(report.evaluations), report.learning.gradient_norm});
  }
  trainer.search({{.task = 0, .evaluations = 300}});
  end.policy = bits(toy.policy);
  end.best = trainer.tasks()[0]->elites.best().placement;
  end.evaluations = trainer.tasks()[0]->evaluations;
  return end;
}

}  // namespace

TEST_CASE("ranks learn together what one learns alone, bit by bit") {
  const auto problem = test::random_problem({.ops = 40, .devices = 3});
  for (const char* preset : {"flat", "hierarchical", "icml2017"}) {
    auto settings = small_preset(preset);
    settings.learning.imitation = std::min<int64_t>(settings.learning.imitation, 1);
    settings.learning.polished = 3;
    if (settings.learning.groupings > 1) settings.learning.groupings = 3;
    const End alone = learn_on(problem, settings, nullptr);
    CHECK(alone.evaluations > 300);
    for (const uint32_t ranks : {2, 3}) {
      std::vector<End> ends(ranks);
      test::run_ranks(ranks, [&](auto& self, auto&) {
        dist::Team team(self);
        team.run([&] { return ends[self.rank()] = learn_on(problem, settings, &team), 0; });
      });
      INFO(preset << " on " << ranks);
      for (const End& end : ends) {
        CHECK(end.curve == alone.curve);
        CHECK((end == alone));
      }
    }
  }
}

TEST_CASE("by time, each rank walks a way of its own, and all get the best") {
  const auto problem = test::random_problem({.ops = 60, .devices = 3, .seed = 4});
  const auto settings = small_preset("flat");
  std::vector<End> ends(2);
  std::vector<double> seconds(2);
  test::run_ranks(2, [&](auto& self, auto&) {
    dist::Team team(self);
    Toy toy(problem, settings);
    auto trainer = toy.trainer(nullptr, 1, &team);
    trainer.seed();
    // The first one's limits count.
    const auto took = trainer.search(self.rank() == 0 ? std::vector{policy::SearchLimits{0, 0, 0.2}}
                                                      : std::vector<policy::SearchLimits>{});
    seconds[self.rank()] = took.at(0).second;
    ends[self.rank()].best = trainer.tasks()[0]->elites.best().placement;
    ends[self.rank()].evaluations = trainer.tasks()[0]->evaluations;
  });
  CHECK((ends[0] == ends[1]));
  CHECK(seconds[0] == seconds[1]);
  CHECK(seconds[0] >= 0.19);
}

TEST_CASE("what ranks send is what they get") {
  const auto problem = test::chain_problem(6, 2);
  Toy toy(problem, small_preset("hierarchical"));
  const policy::Samples samples = toy.network().sample(toy.instance, {.seed = 2, .first = 5, .count = 3});
  const train::Checkpoint checkpoint = toy.policy.checkpoint();
  dist::WireWriter out;
  policy::write(out, samples);
  policy::write(out, at::Tensor());
  policy::write(out, place::UnitPlacement{1, 0, 1});
  policy::write(out, checkpoint);
  const std::string bytes = out.take();
  dist::WireReader in(bytes);
  const policy::Samples read = policy::read_samples(in);
  CHECK(read.draw.first == 5);
  CHECK(read.devices.equal(samples.devices));
  CHECK(read.groups.equal(samples.groups));
  CHECK(read.log_probability.equal(samples.log_probability));
  CHECK(read.group_log_probability.equal(samples.group_log_probability));
  CHECK_FALSE(policy::read_tensor(in).defined());
  CHECK(policy::read_placement(in) == place::UnitPlacement{1, 0, 1});
  const train::Checkpoint same = policy::read_checkpoint(in);
  CHECK(same.metadata == checkpoint.metadata);
  CHECK(bits(policy::Policy::from(same, "memory")) == bits(toy.policy));
  CHECK(in.at_end());
}

TEST_CASE("controllers of a parameter server bring a cost to 0, and their gradients are as stale as they should be") {
  constexpr uint32_t kOps = 16, kDevices = 4, kFewestUpdates = 40, kMostUpdates = 400;
  const auto problem = test::chain_problem(kOps, kDevices);
  const auto elsewhere = [](const place::UnitPlacement& placement) {
    return static_cast<double>(
        std::count_if(placement.begin(), placement.end(), [](auto d) { return d != kDevices - 1; }));
  };
  auto settings = small_preset("flat", 16);
  settings.network.devices = settings.network.schedule = false;  // equal devices are told apart by number alone
  settings.learning.imitation = settings.learning.polished = 0;
  settings.learning.elite_weight = 0;
  settings.learning.cost = "identity";
  settings.learning.relative = false;
  settings.learning.learning_rate = 5e-3;
  settings.learning.groupings = 2;
  const auto learn = [&](uint32_t ranks, policy::Settings with) {
    std::vector<policy::UpdateReport> reports;
    double greedy = -1;
    test::run_ranks(ranks, [&](auto& self, auto&) {
      dist::Team team(self);
      Toy toy(problem, with, 1 + self.rank());  // the server's parameters count
      auto trainer = toy.trainer(std::make_unique<test::KnownReward>(elsewhere), 1, &team, false);
      trainer.seed();
      if (trainer.is_controller()) {
        trainer.control();
      } else {
        const auto cost = [&] {
          const auto sample = toy.network().sample(toy.instance, {.greedy = true});
          return elsewhere(toy.network().placements(toy.instance, sample)[0]);
        };
        while (trainer.updates() < kFewestUpdates || (trainer.updates() < kMostUpdates && cost() > 0))
          reports.push_back(trainer.update());
        greedy = cost();
        trainer.end_control();
      }
      team.gather({});
    });
    CHECK(greedy == 0);
    return reports;
  };
  const auto one = learn(2, settings);
  for (const auto& report : one) CHECK(report.staleness == 0);
  const auto several = learn(4, settings);
  double staleness = 0;
  std::vector<int> of_rank(4);
  for (size_t i = 0; i < several.size(); ++i) {
    CHECK(several[i].update == i);
    staleness += several[i].staleness;
    ++of_rank.at(several[i].rank);
  }
  staleness /= static_cast<double>(several.size());
  CHECK(of_rank[0] == 0);
  CHECK(std::count(of_rank.begin(), of_rank.end(), 0) <= 2);  // more than one controller, however busy the machine
  CHECK(staleness > 0);
  settings.learning.algorithm = "reinforce";
  CHECK(learn(3, settings).size() <= kMostUpdates);
}
