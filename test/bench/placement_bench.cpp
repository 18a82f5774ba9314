// SPDX-License-Identifier: Apache-2.0
// How long a model takes from file to problem, and one exact simulation of it: placement_bench MODEL.onnx -> JSON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>

#include "plan/input.h"

namespace {

using namespace allot;

/// Milliseconds of the quickest of `runs` calls: others on the machine can only add to it.
template <typename Body>
double fastest_ms(int runs, const Body& body) {
  double best = 1e300;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    body();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

int measure(const char* path) {
  std::unique_ptr<plan::Input> input;
  const double load_ms = fastest_ms(5, [&] { input = plan::load(path, {}); });
  const auto& problem = *input->problem;

  // Units alternate between devices: many transfers, hence the most work for the simulator.
  place::UnitPlacement placement(problem.graph().num_units());
  for (graph::UnitId unit = 0; unit < placement.size(); ++unit) {
    const auto choices = problem.choices(unit);
    placement[unit] = choices[unit % choices.size()];
  }
  place::Evaluator evaluator(problem);
  const double simulate_ms = fastest_ms(20, [&] { evaluator.score(placement); });
  std::printf("{\"schema\": \"allot.bench/1\", \"ops\": %zu, \"load_ms\": %.3f, \"simulate_ms\": %.4f}\n",
              static_cast<size_t>(problem.graph().num_ops()), load_ms, simulate_ms);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: placement_bench MODEL.onnx\n"), 64;
  try {
    return measure(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "placement_bench: %s\n", error.what());
    return 1;
  }
}
