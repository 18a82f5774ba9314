// SPDX-License-Identifier: Apache-2.0
// How many placements a policy samples, simulates and learns from in a second: a JSON object.
//   policy_bench [SECONDS]     for each row, by default 3
#include <chrono>
#include <cstdlib>
#include <memory>

#include <fmt/core.h>

#include "base/json.h"
#include "graph/generate.h"
#include "policy/policy.h"
#include "policy/simulated_reward.h"
#include "policy/trainer.h"
#include "support/random_problem.h"

namespace {

using namespace allot;

constexpr uint32_t kDevices = 4;

place::Problem problem_of(uint32_t ops) {
  return test::random_problem({.ops = ops, .width = 8, .devices = kDevices, .forbidden = 0, .paired = 0});
}

/// What `body` counts, a second.
double rate(double seconds, const auto& body) {
  body();  // the first sets up
  const auto start = std::chrono::steady_clock::now();
  double count = 0, elapsed = 0;
  do {
    count += body();
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  } while (elapsed < seconds);
  return count / elapsed;
}

struct Rates {
  double sampled = 0, learned = 0;
};

/// Sampling and simulating alone, and whole updates with one gradient pass.
Rates measure(const place::Problem& problem, policy::Settings settings, double seconds) {
  settings.network.hidden = 128;
  settings.learning.imitation = settings.learning.polished = 0;
  settings.learning.elite_weight = 0;
  settings.learning.epochs = 1;
  settings.learning.learning_rate = 0;  // how fast, not how well: at their own rate, some published settings diverge
  const auto vocabulary = policy::Vocabulary::of({&problem.graph()});
  policy::Policy policy(settings.network, vocabulary, {0, kDevices, problem.graph().num_units()}, 1);
  std::vector<std::unique_ptr<policy::Task>> tasks;
  tasks.push_back(std::make_unique<policy::Task>("bench", problem, std::vector<std::vector<int64_t>>{},
                                                 settings.network, vocabulary,
                                                 std::make_unique<policy::SimulatedReward>(problem)));
  policy::Task& task = *tasks.front();
  policy::Trainer trainer(policy, settings.learning, std::move(tasks), {});
  trainer.seed();
  policy::Network& network = policy.network(task.instance);
  const policy::Learner learner(network, settings.learning, 0);
  uint32_t update = 0;
  Rates rates;
  rates.sampled = rate(seconds, [&] {
    double count = 0;
    for (const auto& shard : learner.draw(task.instance, 2, update++, policy.hierarchical(task.instance)))
      count += static_cast<double>(task.reward->judge(network.placements(task.instance, shard)).size());
    return count;
  });
  rates.learned = rate(seconds, [&] { return static_cast<double>(trainer.update().samples); });
  return rates;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
  const auto small = problem_of(256), large = problem_of(10'000);
  base::JsonWriter json;
  json.begin_object();
  const auto row = [&](const char* name, const place::Problem& problem, policy::Settings settings) {
    const Rates rates = measure(problem, settings, seconds);
    json.key(name)
        .begin_object(true)
        .field("sampled_per_s", rates.sampled)
        .field("learned_per_s", rates.learned)
        .end_object();
  };
  row("flat_256_boost", small, policy::preset("flat"));
  auto published = policy::preset("icml2017");
  published.learning.placements = 64;
  row("flat_256_icml2017", small, published);
  row("hierarchical_10000_boost", large, policy::preset("hierarchical"));
  row("hierarchical_10000_iclr2018", large, policy::preset("iclr2018"));
  json.end_object();
  fmt::print("{}", json.str());
}
