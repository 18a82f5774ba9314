// SPDX-License-Identifier: Apache-2.0
// What a trained policy makes of graphs that it has never seen, against plain annealing: a row a graph.
//   zero_shot_bench POLICY [--evaluations N] [--filter TEXT] [FOLDER...]
// Columns, as multiples of plain annealing with 100,000 evaluations (or N): the best constructive method; the policy's
// likeliest placement, the best of 64; annealing with 2,000 evaluations from each of these.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <fmt/core.h>

#include "base/log.h"
#include "bench/plain_annealing.h"
#include "bench/quality_graphs.h"
#include "place/placer.h"
#include "policy/policy.h"

namespace {

using namespace allot;

constexpr int64_t kSamples = 64;
constexpr uint64_t kPolish = 2000;

struct Columns {
  double constructive = 0, greedy = 0, sampled = 0, polished_constructive = 0, polished = 0;
};

double best_of(const place::Problem& problem, const std::vector<place::UnitPlacement>& placements,
               place::UnitPlacement* best = nullptr) {
  place::Evaluator evaluator(problem);
  double least = INFINITY;
  for (const auto& placement : placements) {
    const auto value = static_cast<double>(evaluator.score(placement).makespan_ps);
    if (value < least && best) *best = placement;
    least = std::min(least, value);
  }
  return least;
}

double annealed(const place::Problem& problem, const place::UnitPlacement& start) {
  place::Budget budget{.evaluations = kPolish, .threads = 1};
  budget.start = &start;
  return best_of(problem, {place::find_placer("anneal").place(problem, budget)});
}

Columns measure(const place::Problem& problem, const policy::Policy& policy, uint64_t evaluations) {
  const double plain = static_cast<double>(bench::plain_annealing(problem, evaluations, 0).makespan_ps);
  const policy::Instance instance(problem, policy.settings(), policy.vocabulary());
  const policy::Network& network = policy.network(instance);
  Columns columns;
  const auto constructive = place::compare(problem, "auto", {.seconds = 0, .threads = 1});
  place::UnitPlacement start = constructive.methods[constructive.best].placement;
  columns.constructive = best_of(problem, {start}) / plain;
  columns.polished_constructive = annealed(problem, start) / plain;
  const auto likeliest = network.placements(instance, network.sample(instance, {.greedy = true}));
  columns.greedy = best_of(problem, likeliest) / plain;
  auto placements = network.placements(instance, network.sample(instance, {.count = kSamples}));
  placements.push_back(likeliest[0]);
  columns.sampled = best_of(problem, placements, &start) / plain;
  columns.polished = annealed(problem, start) / plain;
  return columns;
}

policy::Policy untrained() {
  return {policy::preset("flat").network, policy::Vocabulary(std::vector<std::string>{}), {}, 1};
}

int run(int argc, char** argv) {
  uint64_t evaluations = 100'000;
  std::string filter;
  std::vector<std::string> folders;
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--evaluations" && i + 1 < argc)
      evaluations = std::strtoull(argv[++i], nullptr, 10);
    else if (argument == "--filter" && i + 1 < argc)
      filter = argv[++i];
    else
      folders.push_back(argument);
  }
  const std::string path = argv[1];
  const auto policy = path == "untrained" ? untrained() : policy::read_policy(path);
  auto cases = bench::generated_cases();
  for (const auto& folder : folders)
    for (auto& published : bench::published_cases(folder)) cases.push_back(std::move(published));
  fmt::print("{:44} {:>12} {:>8} {:>8} {:>12} {:>8}\n", "graph", "constructive", "greedy", "of 64", "and polished",
             "polished");
  Columns logs;
  int rows = 0;
  for (const auto& [name, problem] : cases) {
    if (name.find(filter) == std::string::npos) continue;
    const Columns c = measure(*problem, policy, evaluations);
    fmt::print("{:44} {:12.3f} {:8.3f} {:8.3f} {:12.3f} {:8.3f}\n", name, c.constructive, c.greedy, c.sampled,
               c.polished_constructive, c.polished);
    std::fflush(stdout);
    logs.constructive += std::log(c.constructive), logs.greedy += std::log(c.greedy),
        logs.sampled += std::log(c.sampled);
    logs.polished_constructive += std::log(c.polished_constructive), logs.polished += std::log(c.polished);
    ++rows;
  }
  const auto mean = [&](double log) { return std::exp(log / std::max(1, rows)); };
  fmt::print("{:44} {:12.3f} {:8.3f} {:8.3f} {:12.3f} {:8.3f}\n", "geometric mean", mean(logs.constructive),
             mean(logs.greedy), mean(logs.sampled), mean(logs.polished_constructive), mean(logs.polished));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2)
    return std::fputs("usage: zero_shot_bench POLICY [--evaluations N] [--filter TEXT] [FOLDER...]\n", stderr), 64;
  base::configure_log({.program = "zero_shot_bench", .level = base::LogLevel::quiet, .file = ""});
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "zero_shot_bench: %s\n", error.what()), 1;
  }
}
