// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <numeric>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/rng.h"
#include "enas/controller.h"
#include "ir/builder.h"
#include "nn/threads.h"
#include "spaces.h"

#include <catch2/catch.hpp>

using namespace allot;

namespace {

enas::Variable variable(const std::string& name, enas::Kind kind, size_t labels, int64_t least = 1, int64_t most = 1) {
  enas::Variable result;
  result.name = name;
  result.kind = kind;
  for (size_t i = 0; i < labels; ++i) result.labels.push_back(fmt::format("a{}", i));
  result.least = least;
  result.most = most;
  return result;
}

/// One Sum for each variable, all of them always active; the model is never run.
enas::Supergraph space_of(std::vector<enas::Variable> variables) {
  ir::Builder graph("g", 18);
  const ir::Str x = graph.input("x", ir::DataType::float32, {1});
  enas::Space space;
  std::vector<ir::Str> sums = {x};
  for (const enas::Variable& each : variables) {
    std::vector<ir::Str> inputs(each.size(), x);
    inputs.push_back(x);
    sums.push_back(graph.add("Sum", inputs));
    enas::Binding binding;
    binding.node = std::string(sums.back());
    binding.variable = each.name;
    for (uint32_t i = 0; i < each.size(); ++i) binding.alternatives.push_back({i});
    space.bindings.push_back(std::move(binding));
  }
  graph.add("Sum", sums);
  graph.nodes().back().outputs[0] = "y";
  graph.output("y", ir::DataType::float32, {1});
  space.variables = std::move(variables);
  ir::Model model = graph.finish();
  return {std::make_shared<const ir::Model>(std::move(model)), std::move(space)};
}

std::vector<enas::Assignment> all_of(const enas::Space& space) {
  std::vector<enas::Assignment> all;
  for (uint64_t i = 0; i < *enas::size_of(space).exact; ++i) all.push_back(enas::assignment_at(space, i));
  return all;
}

/// One number out of all gradients.
std::vector<double> flat(const std::vector<at::Tensor>& gradients) {
  std::vector<double> values;
  for (const at::Tensor& gradient : gradients) {
    if (!gradient.defined()) continue;
    const at::Tensor wide = gradient.to(at::kDouble).flatten().contiguous();
    values.insert(values.end(), wide.const_data_ptr<double>(), wide.const_data_ptr<double>() + wide.numel());
  }
  return values;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  const double dot = std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  return dot / std::sqrt(std::inner_product(a.begin(), a.end(), a.begin(), 0.0) *
                         std::inner_product(b.begin(), b.end(), b.begin(), 0.0));
}

/// Larger weights than a fresh controller's, so that it is far from uniform.
enas::PolicyOptions opinionated() {
  enas::PolicyOptions options;
  options.hidden = 16;
  options.init = 1;
  options.temperature = 1;
  return options;
}

std::vector<at::Tensor> gradients_of(const enas::Controller& controller, const at::Tensor& value) {
  std::vector<at::Tensor> gradients =
      torch::autograd::grad({value}, controller.parameters().tensors(), {}, false, false, true);
  for (size_t i = 0; i < gradients.size(); ++i)
    if (!gradients[i].defined()) gradients[i] = at::zeros_like(controller.parameters().tensors()[i]);
  return gradients;
}

}  // namespace

TEST_CASE("probabilities of all architectures add up to 1, and draws follow them") {
  nn::compute_alone();
  enas::Variable repeated = variable("two", enas::Kind::k_of, 3, 2, 2);
  repeated.repeats = true;
  const enas::Supergraph supergraph =
      space_of({variable("one", enas::Kind::one_of, 3), variable("some", enas::Kind::subset, 3, 1, 2), repeated,
                variable("pair", enas::Kind::k_of, 4, 2, 2)});
  const enas::Controller controller(opinionated(), supergraph, 3);
  const at::NoGradGuard no_gradients;
  const auto all = all_of(supergraph.space());
  REQUIRE(all.size() == 3 * 6 * 6 * 6);
  const at::Tensor p = controller.log_probability(controller.trace(all)).to(at::kDouble).exp();
  CHECK(p.sum().item<double>() == Approx(1).margin(1e-5));

  const enas::Supergraph plain = space_of({variable("a", enas::Kind::one_of, 3), variable("b", enas::Kind::one_of, 2),
                                           variable("c", enas::Kind::one_of, 4)});
  const enas::Controller simple(opinionated(), plain, 4);
  const auto children = all_of(plain.space());
  const at::Tensor expected = simple.log_probability(simple.trace(children)).to(at::kDouble).exp();
  CHECK(expected.sum().item<double>() == Approx(1).margin(1e-6));
  std::map<std::string, int64_t> counts;
  constexpr int64_t kDraws = 50'000;
  for (uint32_t step = 0; step < 50; ++step)
    for (const enas::Assignment& each : simple.sample(kDraws / 50, 0, step))
      ++counts[enas::text_of(plain.space(), each)];
  double chi2 = 0;
  for (size_t i = 0; i < children.size(); ++i) {
    const double mean = kDraws * expected.const_data_ptr<double>()[i];
    chi2 += std::pow(static_cast<double>(counts[enas::text_of(plain.space(), children[i])]) - mean, 2) / mean;
  }
  CHECK(chi2 < 49.7);  // of 23 degrees of freedom, p = 0.001
}

TEST_CASE("the mean of sampled gradients is the gradient of the expected reward") {
  nn::compute_alone();
  enas::Variable later = variable("d", enas::Kind::one_of, 2);
  later.anchors = {"p", "q"};
  enas::Variable first = variable("a", enas::Kind::one_of, 3);
  first.anchor = "p";
  const enas::Supergraph supergraph = space_of({first, variable("s", enas::Kind::subset, 2, 0, 2), later});
  const enas::Controller controller(opinionated(), supergraph, 5);
  const auto all = all_of(supergraph.space());
  base::Rng rng(11);
  std::map<std::string, double> table;
  std::vector<double> rewards;
  for (const enas::Assignment& each : all)
    rewards.push_back(table[enas::text_of(supergraph.space(), each)] = rng.uniform());
  const at::Tensor p = controller.log_probability(controller.trace(all)).exp();
  const std::vector<double> exact =
      flat(gradients_of(controller, -(p * at::tensor(rewards, at::kDouble).to(at::kFloat)).sum()));
  for (const double baseline : {0.0, 0.5}) {
    std::vector<double> mean(exact.size(), 0);
    constexpr uint32_t kSteps = 50;
    for (uint32_t step = 0; step < kSteps; ++step) {
      const enas::Trace trace = controller.draw(4000, 0, step);
      std::vector<double> drawn;
      for (const enas::Assignment& each : trace.assignments)
        drawn.push_back(table.at(enas::text_of(supergraph.space(), each)));
      enas::PolicyOptions options = opinionated();
      const at::Tensor advantage = at::tensor(drawn, at::kDouble).to(at::kFloat) - baseline;
      const std::vector<double> one =
          flat(gradients_of(controller, -(advantage * controller.log_probability(trace)).mean()));
      for (size_t i = 0; i < mean.size(); ++i) mean[i] += one[i] / kSteps;
    }
    CHECK(cosine(mean, exact) > 0.99);
  }
}

TEST_CASE("REINFORCE's loss is the one above, and its entropy term has the exact gradient") {
  nn::compute_alone();
  const enas::Supergraph supergraph =
      space_of({variable("a", enas::Kind::one_of, 3), variable("b", enas::Kind::one_of, 4)});
  enas::PolicyOptions options = opinionated();
  options.entropy = 0;
  options.entropy_mode = "loss";
  const enas::Controller plain(options, supergraph, 5);
  const std::vector<double> rewards = {0.1, 0.9, 0.4};
  const enas::Trace trace = plain.draw(3, 0, 0);
  const at::Tensor advantage = at::tensor(rewards, at::kDouble).to(at::kFloat) - 0.25;
  const at::Tensor expected = -(advantage * plain.log_probability(trace)).mean();
  CHECK(plain.loss(trace, rewards, 0.25).item<double>() == Approx(expected.item<double>()));

  options.entropy = 1;
  const enas::Controller with(options, supergraph, 5);
  // Over many samples the entropy that traces tell is that of the whole distribution: its gradients agree.
  const auto all = all_of(supergraph.space());
  const at::Tensor log_p = with.log_probability(with.trace(all));
  const std::vector<double> exact = flat(gradients_of(with, (log_p.exp() * log_p).sum()));
  std::vector<double> mean(exact.size(), 0);
  for (uint32_t step = 0; step < 20; ++step) {
    const enas::Trace draws = with.draw(2000, 0, step);
    const at::Tensor p = with.log_probability(draws);
    // d/dθ E[H(token | before)] has a second term, through where the sum is taken: by the score function.
    const at::Tensor h = with.entropy(draws);
    const std::vector<double> one = flat(gradients_of(with, -(h + (h.detach() - h.detach().mean()) * p).mean()));
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += one[i] / 20;
  }
  CHECK(cosine(mean, exact) > 0.99);
}

TEST_CASE("a planted architecture is found by default settings") {
  nn::compute_alone();
  std::vector<enas::Variable> tokens;
  for (int i = 0; i < 12; ++i) tokens.push_back(variable(fmt::format("t{}", i), enas::Kind::one_of, 6));
  const enas::Supergraph supergraph = space_of(tokens);
  const uint64_t seeds = std::getenv("ALLOT_TEST_FULL") ? 10 : 2;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    INFO(seed);
    base::Rng rng(seed, 77);
    enas::Assignment planted;
    for (int i = 0; i < 12; ++i) planted.push_back({rng.below(6)});
    enas::Controller controller({}, supergraph, seed);
    const auto judge = [&](const std::vector<enas::Assignment>& assignments) {
      std::vector<double> rewards;
      for (const enas::Assignment& each : assignments) {
        double right = 0;
        for (size_t v = 0; v < 12; ++v) right += each[v] == planted[v] ? 1.0 / 12 : 0;
        rewards.push_back(right);
      }
      return rewards;
    };
    uint32_t update = 0;
    bool found = false;
    for (; update < 2000 && !found; ++update) {
      controller.learn(10, update, judge);
      if (update % 50 != 49) continue;
      // The most frequent value of every token.
      std::vector<std::map<uint32_t, int>> counts(12);
      for (const enas::Assignment& each : controller.sample(100, 5, update))
        for (size_t v = 0; v < 12; ++v) ++counts[v][each[v][0]];
      found = true;
      for (size_t v = 0; v < 12; ++v)
        for (const auto& [value, count] : counts[v])
          found &= value == planted[v][0] || count < counts[v][planted[v][0]];
    }
    CHECK(found);
  }
}

TEST_CASE("without rewards the prior alone decides how many layers are skipped to") {
  nn::compute_alone();
  enas::GenerateOptions options = test::small("macro");
  options.layers = 6;
  const enas::Supergraph supergraph = test::supergraph_of(options);
  enas::PolicyOptions policy;
  policy.entropy = 0;
  enas::Controller controller(policy, supergraph, 2);
  const auto nothing = [](const std::vector<enas::Assignment>& assignments) {
    return std::vector<double>(assignments.size(), 0);
  };
  for (uint32_t update = 0; update < 300; ++update) controller.learn(5, update, nothing);
  double bits = 0, chosen = 0;
  for (const enas::Assignment& each : controller.sample(500, 3, 0))
    for (size_t v = 0; v < each.size(); ++v)
      if (supergraph.space().variables[v].kind == enas::Kind::subset) {
        bits += static_cast<double>(supergraph.space().variables[v].size());
        chosen += static_cast<double>(each[v].size());
      }
  CHECK(chosen / bits == Approx(0.40).margin(0.02));
}

TEST_CASE("ppo and evolution raise rewards, fair takes turns, exhaustive takes all") {
  nn::compute_alone();
  const enas::Supergraph supergraph = test::supergraph_of(test::small("nb201"));
  const auto judge = [](const std::vector<enas::Assignment>& assignments) {
    std::vector<double> rewards;
    for (const enas::Assignment& each : assignments) {
      double right = 0;
      for (const enas::Choice& choice : each) right += choice[0] == 3 ? 1.0 / 6 : 0;
      rewards.push_back(right);
    }
    return rewards;
  };
  for (const char* kind : {"ppo", "evolution"}) {
    enas::PolicyOptions options;
    options.kind = kind;
    const auto policy = enas::make_policy(options, supergraph, 1);
    const auto mean = [&] {
      const std::vector<double> rewards = judge(policy->candidates(50, 9));
      return std::accumulate(rewards.begin(), rewards.end(), 0.0) / static_cast<double>(rewards.size());
    };
    const double before = mean();
    for (uint32_t update = 0; update < 60; ++update) policy->learn(10, update, judge);
    INFO(kind);
    CHECK(mean() > before + 0.2);
  }
  enas::PolicyOptions fair;
  fair.kind = "fair";
  std::map<uint32_t, int> counts;
  for (const enas::Assignment& each : enas::make_policy(fair, supergraph, 1)->sample(25, 0, 0)) ++counts[each[0][0]];
  for (const auto& [value, count] : counts) CHECK(count == 5);
  CHECK(counts.size() == 5);
  enas::PolicyOptions exhaustive;
  exhaustive.kind = "exhaustive";
  CHECK(enas::make_policy(exhaustive, supergraph, 1)->candidates(1, 0).size() == 15625);
  const enas::Supergraph large = test::supergraph_of(test::small("micro"));
  CHECK_THROWS_WITH(enas::make_policy(exhaustive, large, 1), Catch::Contains("too many to enumerate"));
}
