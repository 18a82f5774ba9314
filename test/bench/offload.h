// SPDX-License-Identifier: Apache-2.0
// The latency of Tarnawski et al. (NeurIPS 2020): accelerators run whole subgraphs as blocking calls from the host.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "place/problem.h"

namespace allot::bench {

/// Scores a placement: device 0 is a host with any number of cores, each other device an accelerator.
/// What an accelerator holds is cut into the fewest subgraphs that no path leaves and enters again. A subgraph starts
/// when all it reads is ready, and takes its reads, its ops and its results one after another. An op on the host starts
/// when all it reads is ready. Overflow counts resident bytes; each op in a cycle among subgraphs, or behind one,
/// counts as a hundredth of a memory, so that a search does not take the time that never passes for a gain.
class Offload {
 public:
  explicit Offload(const place::Problem& problem);
  /// placement [num_ops]
  place::Score operator()(std::span<const place::DeviceId> placement);

 private:
  void cut(std::span<const place::DeviceId> placement);
  int64_t overflow(std::span<const place::DeviceId> placement) const;

  const place::Problem& problem_;
  std::vector<int64_t> result_ps_;  // by op: moves its result between the host and an accelerator
  std::vector<uint32_t> group_of_;  // by op: a number for each op on the host and each subgraph
  uint32_t groups_ = 0;
  std::vector<uint32_t> depth_;  // [op * devices + device]: subgraphs of the device on a path to the op
};

/// Fills one accelerator after another with blocks of units in topological order; what no accelerator can hold or run,
/// and what is left when all are full, stays on the host. A block is a set of units that reach one another, so that
/// nothing returns to a subgraph that it left. The best of a few orders, deep and wide. After: the authors' greedy
/// start.
place::UnitPlacement fill_accelerators(const place::Problem& problem);

/// The published form of a split: {"fpgas": [{"nodes": [...]}...], "cpus": [...]}, from op names "n12".
std::string split_json(const place::Problem& problem, std::span<const place::DeviceId> placement);

}  // namespace allot::bench
