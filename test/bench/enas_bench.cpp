// SPDX-License-Identifier: Apache-2.0
// What it costs to run a child within its supergraph: over running the child alone, and to switch to another one.
// Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "base/json.h"
#include "enas/derive.h"
#include "enas/generate.h"
#include "enas/shared_network.h"
#include "enas/validate.h"
#include "exec/program.h"
#include "nn/threads.h"

using namespace allot;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

enas::Supergraph macro(int64_t layers) {
  enas::GenerateOptions options;
  options.space = "macro";
  options.layers = layers;
  options.channels = 8;
  options.input = "1x12x12";
  enas::Generated generated = enas::generate(options, 1);
  return {std::make_shared<const ir::Model>(std::move(generated.model)), std::move(generated.space)};
}

/// The quickest of many runs of each, in turns, so that what disturbs meets both.
struct Pair {
  double within = 1e9, alone = 1e9;
};
Pair compare(const enas::SubNetwork& sub, const exec::Program& alone, const at::Tensor& x) {
  Pair best;
  const std::vector<exec::Value> values = {x};
  for (int run = 0; run < 400; ++run) {
    Clock::time_point start = Clock::now();
    sub.variant.run(values);
    best.within = std::min(best.within, seconds_since(start));
    start = Clock::now();
    alone.run(values);
    best.alone = std::min(best.alone, seconds_since(start));
  }
  return best;
}

}  // namespace

int main() {
  nn::compute_alone();
  const at::NoGradGuard no_gradients;
  const enas::Supergraph supergraph = macro(12);
  enas::SharedNetwork shared(supergraph, {});
  const auto sub = shared.get(enas::random_assignment(supergraph.space(), 1, 1, 0, 0));
  exec::CompileOptions options;
  options.fuse = false;
  const exec::Program alone(enas::derive(supergraph, sub->child), options);
  const Pair pair = compare(*sub, alone, at::ones({16, 1, 12, 12}));

  // Twice as many layers have about 1,000 nodes: each architecture is new.
  const enas::Supergraph large = macro(24);
  enas::SharedNetwork many(large, {});
  std::vector<double> times;
  for (uint32_t i = 0; i < 100; ++i) {
    const enas::Assignment assignment = enas::random_assignment(large.space(), 1, 1, 1, i);
    const Clock::time_point start = Clock::now();
    many.get(assignment);
    times.push_back(seconds_since(start));
  }
  std::nth_element(times.begin(), times.begin() + 50, times.end());
  base::JsonWriter json;
  std::fputs(json.begin_object()
                 .field("active_nodes", sub->variant.steps())
                 .field("overhead", pair.within / pair.alone - 1)
                 .field("nodes", large.values().nodes.size())
                 .field("switch_ms", 1000 * times[50])
                 .end_object()
                 .str()
                 .c_str(),
             stdout);
  return 0;
}
