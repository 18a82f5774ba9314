// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <map>

#include "policy/learner.h"
#include "toy.h"

#include <catch2/catch.hpp>

using namespace allot;
using policy::Lesson;
using policy::Samples;
using test::bits;
using test::small_preset;
using test::Toy;
using Placement = place::UnitPlacement;

namespace {

at::Tensor flattened(const std::vector<at::Tensor>& gradients, const nn::Parameters& parameters) {
  std::vector<at::Tensor> flat;
  for (size_t i = 0; i < gradients.size(); ++i)
    flat.push_back(gradients[i].defined() ? gradients[i].reshape({-1})
                                          : at::zeros_like(parameters.all()[i].second).reshape({-1}));
  return at::cat(flat).to(at::kDouble).detach();
}

/// Different for every placement of three units on two devices, and mostly less on the first.
double known_cost(const Placement& placement) {
  constexpr double kCosts[8] = {0.1, 1.0, 1.3, 2.0, 0.9, 2.2, 1.8, 3.1};
  return kCosts[placement[0] * 4 + placement[1] * 2 + placement[2]];
}

/// All decisions there are: of three units on two devices, in two groups where there are groups.
std::vector<Samples> all_decisions(Toy& toy) {
  const auto binary = [](int64_t bits) {
    std::vector<int64_t> all;
    for (int64_t number = 0; number < int64_t{1} << bits; ++number)
      for (int64_t bit = 0; bit < bits; ++bit) all.push_back(number >> bit & 1);
    return at::tensor(all, at::kLong).reshape({-1, bits});
  };
  Samples samples;
  if (!toy.policy.hierarchical(toy.instance)) {
    samples.devices = binary(3);
    samples.draw.count = 8;
    return {samples};
  }
  std::vector<Samples> all;
  const auto groupings = binary(3);
  for (int64_t i = 0; i < 8; ++i) {
    samples.groups = groupings[i].contiguous();
    samples.devices = binary(2);
    samples.draw.count = 4;
    all.push_back(samples);
  }
  return all;
}

/// The gradient of the expected cost, decision by decision.
at::Tensor exact_gradient(Toy& toy) {
  at::Tensor expected = at::zeros({});
  for (const Samples& samples : all_decisions(toy)) {
    std::vector<float> costs;
    for (const auto& placement : toy.network().placements(toy.instance, samples))
      costs.push_back(static_cast<float>(known_cost(placement)));
    expected = expected + (toy.network().score(toy.instance, samples).joint().exp() * at::tensor(costs)).sum();
  }
  return flattened(
      torch::autograd::grad({expected}, toy.network().parameters().tensors(), {}, std::nullopt, false, true),
      toy.network().parameters());
}

/// The estimator on `groupings` drawn groupings of 4 placements each, or as many samples without groups.
at::Tensor estimated_gradient(Toy& toy, uint32_t groupings, uint32_t update, bool fresh_actions) {
  constexpr double kBaseline = 1.5;
  std::map<std::vector<int64_t>, Lesson>
      by_grouping;  // those of one grouping go into one shard: quicker, and the same sum
  for (uint32_t i = 0; i < groupings; ++i) {
    const policy::Draw draw{.seed = 11, .update = update, .first = i * 4, .count = 4};
    const Samples judged = toy.network().sample(toy.instance, draw);
    Samples scored = judged;
    if (fresh_actions) {
      policy::Draw other = draw;
      other.seed = 12;
      scored = toy.network().sample(toy.instance, other);
    }
    std::vector<int64_t> key;
    if (scored.groups.defined()) key.assign(scored.groups.data_ptr<int64_t>(), scored.groups.data_ptr<int64_t>() + 3);
    Lesson& lesson = by_grouping[key];
    if (lesson.shards.empty()) {
      lesson.shards = {scored};
      lesson.advantage.emplace_back();
      lesson.kept.emplace_back();
    } else {
      lesson.shards[0].devices = at::cat({lesson.shards[0].devices, scored.devices});
    }
    for (const auto& placement : toy.network().placements(toy.instance, judged)) {
      lesson.advantage[0].push_back(known_cost(placement) - kBaseline);
      lesson.kept[0].push_back(1);
    }
    lesson.shards[0].draw.count = lesson.shards[0].devices.size(0);
  }
  Lesson all;
  for (auto& [key, lesson] : by_grouping) {
    all.shards.push_back(lesson.shards[0]);
    all.advantage.push_back(lesson.advantage[0]);
    all.kept.push_back(lesson.kept[0]);
  }
  const policy::Learner learner(toy.network(), toy.settings.learning, 2);
  return flattened(learner.gradient(toy.instance, all), toy.network().parameters());
}

struct Agreement {
  double cosine = 0, standard_error = 0, bias = 0;  // the last two as parts of the exact gradient's norm
};

Agreement agreement(const char* preset, bool fresh_actions, uint32_t batches, uint32_t groupings) {
  const auto problem = test::chain_problem(3, 2);
  auto settings = small_preset(preset, 4, 2);
  settings.network.temperature = 0.2;  // sharp choices: what a group's device is must matter to the grouper
  Toy toy(problem, settings, 7);
  const at::Tensor exact = exact_gradient(toy);
  at::Tensor sum = at::zeros_like(exact), squares = at::zeros_like(exact);
  for (uint32_t batch = 0; batch < batches; ++batch) {
    const auto estimate = estimated_gradient(toy, groupings, batch, fresh_actions);
    sum += estimate;
    squares += estimate.square();
  }
  const double norm = exact.norm().item<double>(), n = batches;
  const auto mean = sum / n;
  const auto variance = (squares / n - mean.square()) / (n - 1);
  return {mean.dot(exact).item<double>() / (mean.norm().item<double>() * norm),
          variance.sum().sqrt().item<double>() / norm, (mean - exact).norm().item<double>() / norm};
}

}  // namespace

TEST_CASE("the gradient's estimate is the exact one's, for both networks at once") {
  for (const char* preset : {"icml2017", "iclr2018"}) {
    const Agreement found = agreement(preset, false, 20, 200);
    INFO(preset << ": cosine " << found.cosine << ", error " << found.standard_error << ", bias " << found.bias);
    CHECK(found.cosine >= 0.99);
    CHECK(found.standard_error <= 0.02);
    CHECK(found.bias <= 3 * found.standard_error);
    // Defect 1: credit goes to samples that were not judged. On average there is no gradient then.
    const Agreement defect = agreement(preset, true, 10, 60);
    CHECK(defect.bias > 0.5);
  }
}

TEST_CASE("costs that count devices and neighbours are brought to 0 within 200 updates") {
  constexpr uint32_t kOps = 32, kDevices = 4;
  const auto problem = test::chain_problem(kOps, kDevices);
  const auto elsewhere = [](const Placement& placement) {
    return static_cast<double>(
        std::count_if(placement.begin(), placement.end(), [](auto d) { return d != kDevices - 1; }));
  };
  const auto disagreements = [](const Placement& placement) {
    double count = 0;
    for (size_t i = 1; i < placement.size(); ++i) count += placement[i] != placement[i - 1];
    return count;
  };
  const auto updates_to_zero = [&](const test::KnownReward::Cost& cost, policy::Settings settings) {
    settings.learning.imitation = settings.learning.polished = 0;
    settings.learning.elite_weight = 0;
    settings.learning.cost = "identity";
    settings.learning.relative = false;
    settings.learning.learning_rate = 5e-3;
    settings.learning.groupings = 2;
    Toy toy(problem, settings);
    auto trainer = toy.trainer(std::make_unique<test::KnownReward>(cost), 2);
    trainer.seed();
    for (int update = 1; update <= 200; ++update) {
      trainer.update();
      if (update % 5 != 0) continue;
      const auto greedy = toy.network().sample(toy.instance, {.greedy = true});
      if (cost(toy.network().placements(toy.instance, greedy)[0]) == 0) return update;
    }
    return 201;
  };
  auto numbered = small_preset("flat", 16);  // equal devices are told apart by number alone
  numbered.network.devices = numbered.network.schedule = false;
  CHECK(updates_to_zero(elsewhere, numbered) <= 200);
  CHECK(updates_to_zero(disagreements, numbered) <= 200);
  CHECK(updates_to_zero(disagreements, small_preset("flat", 16)) <= 200);
}

TEST_CASE("what failed teaches nothing once failures are left out") {
  const auto problem = test::chain_problem(8, 2);
  for (const char* preset : {"icml2017", "iclr2018", "flat", "hierarchical"}) {
    auto settings = small_preset(preset);
    settings.learning.imitation = settings.learning.polished = 0;
    settings.learning.elite_weight = 0;
    settings.learning.executed_only_after = 2;
    Toy toy(problem, settings);
    auto trainer = toy.trainer(std::make_unique<test::KnownReward>([](const Placement&) { return -1.0; }));
    trainer.seed();
    const auto update = [&] { return trainer.update().baseline; };
    const std::string before = bits(toy.policy);
    update();
    const double baseline = update();
    const std::string after = bits(toy.policy);
    INFO(preset);
    if (std::string(preset) == "icml2017" || std::string(preset) == "iclr2018")
      CHECK(before == after);  // all as bad as expected
    CHECK(update() == baseline);
    CHECK(update() == baseline);
    CHECK(bits(toy.policy) == after);
    CHECK(trainer.updates() == 4);
  }
}

TEST_CASE("a failed sample beside others changes nothing") {
  const auto problem = test::chain_problem(8, 2);
  for (const char* preset : {"icml2017", "iclr2018", "flat", "hierarchical"}) {
    Toy toy(problem, small_preset(preset));
    const policy::Learner learner(toy.network(), toy.settings.learning, 1);
    const auto gradient = [&](double failed_advantage) {
      const auto samples = toy.network().sample(toy.instance, {.seed = 2, .count = 3});
      const Lesson lesson{{samples}, {{1.0, -2.0, failed_advantage}}, {{1, 1, 0}}, {}};
      return flattened(learner.gradient(toy.instance, lesson), toy.network().parameters());
    };
    CHECK(gradient(0.0).equal(gradient(50.0)));
    CHECK(gradient(0.0).norm().item<double>() > 0);
  }
}

TEST_CASE("what is imitated beside samples adds its own gradient, in one batch with them or not") {
  const auto problem = test::chain_problem(8, 2);
  for (const char* preset : {"flat", "hierarchical"}) {
    Toy toy(problem, small_preset(preset));
    auto samples = toy.network().sample(toy.instance, {.seed = 2, .count = 3});
    const auto imitated = toy.network().decisions(toy.instance, {Placement(8, 1)});
    const auto gradient = [&](double of_samples, double of_imitated) {
      const policy::Learner learner(toy.network(), toy.settings.learning, 1);
      Lesson lesson{{samples}, {{1.0, -2.0, 0.5}}, {{1, 1, 1}}, {}};
      if (of_samples == 0) lesson.kept = {{0, 0, 0}};
      if (of_imitated > 0) lesson.imitated = imitated, lesson.imitation_weight = of_imitated;
      return flattened(learner.gradient(toy.instance, lesson), toy.network().parameters());
    };
    const at::Tensor both = gradient(1, 0.3), alone = gradient(1, 0) + 0.3 * gradient(0, 1);
    INFO(preset);
    CHECK((both - alone).norm().item<double>() < 1e-5 * alone.norm().item<double>());
    CHECK((both - gradient(1, 0)).norm().item<double>() > 0.01 * alone.norm().item<double>());
    samples.draw.noise = 1e-9;  // apart from them
    CHECK((gradient(1, 0.3) - both).norm().item<double>() < 1e-5 * both.norm().item<double>());
  }
}

TEST_CASE("a seed gives the same run at any number of threads, and a resumed one goes on as if it had not ended") {
  const auto problem = test::random_problem({.ops = 40, .devices = 3});
  for (const auto& preset : policy::preset_names()) {
    auto settings = small_preset(preset);
    settings.learning.imitation = std::min<int64_t>(settings.learning.imitation, 1);
    if (settings.learning.groupings > 1) settings.learning.groupings = 3;
    const auto run = [&](unsigned threads, int before, int after) {
      Toy toy(problem, settings);
      auto trainer = toy.trainer(nullptr, threads);
      trainer.seed();
      for (int i = 0; i < before; ++i) trainer.update();
      if (after == 0) return bits(toy.policy) + std::to_string(trainer.tasks()[0]->baseline);
      Toy again(problem, settings, 99);
      auto resumed = again.trainer(nullptr, threads);
      resumed.seed();
      resumed.restore(trainer.state(), "memory");
      for (int i = 0; i < after; ++i) resumed.update();
      return bits(again.policy) + std::to_string(resumed.tasks()[0]->baseline);
    };
    const std::string one = run(1, 4, 0);
    INFO(preset);
    CHECK(run(3, 4, 0) == one);
    CHECK(run(2, 2, 2) == one);
    CHECK(run(1, 3, 0) != one);
  }
}
