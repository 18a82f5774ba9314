// SPDX-License-Identifier: Apache-2.0
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "policy/decoder.h"
#include "policy/groups.h"
#include "policy/network.h"
#include "toy.h"

#include <catch2/catch.hpp>

using namespace allot;
using policy::Draw;
using test::small_preset;
using test::Toy;

namespace {

double largest(const at::Tensor& difference) { return difference.numel() ? difference.abs().max().item<double>() : 0; }

/// How far the score of what was drawn is from its probability when it was drawn, with all groups' scores.
double mismatch(const policy::Network& network, const policy::Instance& instance, const policy::Samples& drawn,
                const policy::Samples& scored) {
  if (scored.devices.size(1) != drawn.devices.size(1)) return 1e9;  // not even as many groups
  const auto scores = network.score(instance, scored);
  double worst = largest(scores.log_probability - drawn.log_probability);
  if (scores.group_log_probability.defined())
    worst = std::max(worst, largest(scores.group_log_probability - drawn.group_log_probability));
  return worst;
}

}  // namespace

TEST_CASE("scores of samples are their probabilities when they were drawn, in every mode") {
  const auto problem = test::random_problem({.ops = 40, .devices = 3});
  for (const auto& name : policy::preset_names()) {
    for (const double noise : {0.0, 0.4}) {
      Toy toy(problem, small_preset(name));
      const Draw draw{
          .seed = 5, .update = 2, .first = 3, .count = 6, .noise = noise, .noise_relative = name == "grappler"};
      const auto samples = toy.network().sample(toy.instance, draw);
      INFO(name << " noise " << noise);
      CHECK(samples.devices.size(0) == 6);
      CHECK(mismatch(toy.network(), toy.instance, samples, samples) < 1e-5);
      // Defect 1: actions are drawn anew for the gradient. They are others, and so is their probability.
      Draw other = draw;
      other.update = 3;
      CHECK(mismatch(toy.network(), toy.instance, samples, toy.network().sample(toy.instance, other)) > 1e-3);
      for (const auto& placement : toy.network().placements(toy.instance, samples))
        for (graph::UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
          REQUIRE(problem.allowed(unit, placement[unit]));
    }
  }
}

TEST_CASE("a sample is the same whatever is drawn beside it, and greedy ones are the likeliest") {
  const auto problem = test::random_problem({.ops = 30, .devices = 4});
  for (const char* name : {"flat", "icml2017"}) {
    Toy toy(problem, small_preset(name));
    const auto many = toy.network().sample(toy.instance, {.seed = 9, .count = 8});
    const auto few = toy.network().sample(toy.instance, {.seed = 9, .first = 5, .count = 2});
    CHECK(many.devices.narrow(0, 5, 2).equal(few.devices));
    const auto greedy = toy.network().sample(toy.instance, {.count = 2, .greedy = true});
    CHECK(greedy.devices[0].equal(greedy.devices[1]));
    CHECK(greedy.log_probability.min().item<double>() >= -std::log(4) - 1e-6);  // a choice of several is 1 / 4 at least
  }
}

TEST_CASE("given placements are decisions that mean them") {
  const auto problem = test::random_problem({.ops = 40, .devices = 3});
  for (const char* name : {"flat", "hierarchical", "iclr2018"}) {
    Toy toy(problem, small_preset(name, 16, 256));
    const auto placement = toy.network().placements(toy.instance, toy.network().sample(toy.instance, {.seed = 4}))[0];
    const auto decisions = toy.network().decisions(toy.instance, {placement});
    REQUIRE(decisions.size() == 1);
    CHECK(toy.network().placements(toy.instance, decisions[0])[0] == placement);
    CHECK(std::isfinite(toy.network().score(toy.instance, decisions[0]).joint().item<double>()));
  }
}

TEST_CASE("policies that know devices by their features do not tell equal ones apart") {
  const auto problem = test::random_problem({.ops = 30, .devices = 3, .unequal = 0, .forbidden = 0});
  Toy toy(problem, small_preset("flat"));
  const auto samples = toy.network().sample(toy.instance, {.count = 4});
  auto swapped = samples;
  swapped.devices = (samples.devices + 1).remainder(3);
  const auto difference =
      toy.network().score(toy.instance, samples).joint() - toy.network().score(toy.instance, swapped).joint();
  CHECK(largest(difference) < 1e-4);
}

TEST_CASE("the encoder's backward states are those of their own steps") {
  const auto backward_half_changes_at = [](bool defect) {
    auto settings = small_preset("iclr2018").network;
    settings.defects.misaligned_memory = defect;
    nn::Parameters parameters(1);
    const policy::Decoder decoder(parameters, "d", 4, 2, settings);
    auto elements = at::ones({5, 4});
    const auto before = decoder.encoder_outputs(elements);
    elements[0].fill_(-1);  // read last from behind: only the backward state of step 0 can know
    const auto change = (decoder.encoder_outputs(elements) - before).narrow(1, 8, 8).abs().sum(1);
    std::vector<int64_t> where;
    for (int64_t step = 0; step < 5; ++step)
      if (change[step].item<double>() > 1e-9) where.push_back(step);
    return where;
  };
  CHECK(backward_half_changes_at(false) == std::vector<int64_t>{0});
  CHECK(backward_half_changes_at(true) == std::vector<int64_t>{4});
}

TEST_CASE("all predecessors of an operation are known, up to six") {
  test::OpGraphBuilder builder;
  std::vector<graph::TensorId> made;
  for (int i = 0; i < 3; ++i) made.push_back(builder.op({}, {8}));
  builder.output(builder.op(made, {8}));
  auto graph = builder.build();
  auto costs = test::uniform_costs(graph, 2, {1, 1, 1, 1});
  const place::Problem problem(std::move(graph), test::simple_cluster(), std::move(costs));
  const auto predecessors = [&](bool defect) {
    auto settings = policy::preset("grappler").network;
    settings.defects.last_predecessor = defect;
    const policy::Instance instance(problem, settings, {});
    const auto row = instance.neighbours[3].contiguous();
    return std::vector<float>(row.data_ptr<float>(), row.data_ptr<float>() + 6);
  };
  CHECK(predecessors(false) == std::vector<float>{0, 1, 2, -1, -1, -1});
  CHECK(predecessors(true) == std::vector<float>{2, -1, -1, -1, -1, -1});
}

TEST_CASE("group embeddings keep counts of types apart from sums of shapes") {
  const auto problem = test::chain_problem(6, 2);
  const auto counts = [&](bool defect) {
    auto settings = small_preset("iclr2018", 8, 2);
    settings.network.defects.overlapping_shapes = defect;
    Toy toy(problem, settings);
    nn::Parameters parameters(1);
    const policy::GroupEmbedder embedder(parameters, "g", toy.settings.network, toy.policy.vocabulary().size(), 0, 2);
    const policy::Grouping grouping(toy.instance, at::tensor(std::vector<int64_t>{0, 0, 0, 0, 1, 1}, at::kLong), 2,
                                    true);
    const auto sequence = embedder(toy.instance, grouping, {});
    return std::vector<float>{sequence.elements[0][1].item<float>(), sequence.elements[1][1].item<float>()};
  };
  CHECK(counts(false) == std::vector<float>{4, 2});  // of type 1, the only one
  CHECK(counts(true) != std::vector<float>{4, 2});
}

TEST_CASE("before it is trained, a policy that knows schedules is a list scheduler that errs now and then") {
  // Independent ops on equal devices: each goes where it ends first.
  constexpr uint32_t kOps = 24, kDevices = 3;
  test::OpGraphBuilder builder;
  const graph::TensorId input = builder.input(8);
  std::vector<int64_t> time_ps;
  for (uint32_t op = 0; op < kOps; ++op) {
    builder.output(builder.op({input}, {8}));
    time_ps.push_back(1'000'000 * (1 + op % 5));
  }
  auto graph = builder.build();
  auto costs = test::uniform_costs(graph, kDevices, time_ps);
  const place::Problem problem(std::move(graph), test::simple_cluster({.devices = kDevices}), std::move(costs));
  const auto shares = [&](const place::UnitPlacement& placement) {
    std::vector<int64_t> load(kDevices);
    for (uint32_t op = 0; op < kOps; ++op) load[placement[op]] += time_ps[op];
    return static_cast<double>(*std::max_element(load.begin(), load.end())) /
           (static_cast<double>(std::accumulate(load.begin(), load.end(), int64_t{0})) / kDevices);
  };
  const Toy toy(problem, small_preset("flat"));
  const auto& network = toy.policy.network(toy.instance);
  const auto greedy = network.placements(toy.instance, network.sample(toy.instance, {.greedy = true}))[0];
  CHECK(shares(greedy) < 1.05);  // longest first: Graham, 1969
  size_t equal = 0;
  for (const auto& drawn : network.placements(toy.instance, network.sample(toy.instance, {.seed = 1, .count = 32}))) {
    CHECK(shares(drawn) < 1.5);
    equal += drawn == greedy;
  }
  CHECK(equal < 4);

  auto blind = small_preset("flat");
  blind.network.schedule = false;
  const Toy other(problem, blind);
  const auto& knows_nothing = other.policy.network(other.instance);
  const auto drawn = knows_nothing.sample(other.instance, {.seed = 1, .count = 32});
  double mean = 0;
  for (const auto& placement : knows_nothing.placements(other.instance, drawn)) mean += shares(placement) / 32;
  CHECK(mean > 1.2);
}

TEST_CASE("nothing is drawn from what are no probabilities") {
  const auto rows = at::tensor({0.0f, -INFINITY, -INFINITY, std::nanf("")}).reshape({2, 2});
  CHECK(policy::choose(rows.narrow(0, 0, 1), std::vector{0.5}).item<int64_t>() == 0);
  CHECK_THROWS_WITH(policy::choose(rows, std::vector{0.5, 0.5}), Catch::Contains("its probabilities are not numbers"));
}
