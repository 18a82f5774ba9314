// SPDX-License-Identifier: Apache-2.0
// Placement problems drawn at random.
#pragma once

#include <vector>

#include "base/rng.h"
#include "graph/generate.h"
#include "place/problem.h"
#include "support/simple_cluster.h"

namespace allot::test {

struct ProblemOptions {
  uint32_t ops = 60, width = 4, devices = 3;
  uint64_t seed = 0;
  int64_t memory_bytes = int64_t{1} << 50;
  double unequal = 0.5;     // devices differ in speed by up to this factor, each way
  double forbidden = 0.05;  // of (op, device) pairs; device 0 may always run
  double paired = 0.3;      // of ops share a unit with the next one
  std::optional<cluster::DeviceId> io_device = std::nullopt;
};

/// A layered graph of ops of 1 to 100 us; transfers of 1 KB to 4 MB at 50 GB/s and 2 us.
inline place::Problem random_problem(const ProblemOptions& options) {
  base::Rng rng(options.seed, 2);
  auto graph = graph::layered({.ops = options.ops, .width = options.width, .seed = options.seed});
  std::vector<int64_t> time_ps;
  for (uint32_t op = 0; op < options.ops; ++op) {
    const int64_t base_ps = 1'000'000 + rng.below(99'000'000);
    for (uint32_t device = 0; device < options.devices; ++device) {
      const double factor = 1 + options.unequal * (2 * rng.uniform() - 1);
      const bool never = device > 0 && rng.uniform() < options.forbidden;
      time_ps.push_back(never ? cost::kCannotRun : static_cast<int64_t>(static_cast<double>(base_ps) * factor));
    }
  }
  std::vector<uint32_t> label(options.ops);
  for (uint32_t op = 0; op < options.ops; ++op)
    label[op] = op > 0 && rng.uniform() < options.paired ? label[op - 1] : op;
  graph::set_units(graph, label);
  auto costs = simple_costs(graph, options.devices, std::move(time_ps));
  auto cluster = simple_cluster({.devices = options.devices,
                                 .latency_ps = 2'000'000,
                                 .bytes_per_s = 50e9,
                                 .memory_bytes = options.memory_bytes,
                                 .align_bytes = 256,
                                 .io_device = options.io_device});
  return place::Problem(std::move(graph), std::move(cluster), std::move(costs));
}

}  // namespace allot::test
