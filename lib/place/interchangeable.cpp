// SPDX-License-Identifier: Apache-2.0
#include "place/interchangeable.h"

#include <algorithm>

namespace allot::place {
namespace {

/// Whether no two pairs of devices share a channel, so that the order of asking never depends on device numbers.
bool private_wires(const cluster::Cluster& cluster) {
  if (cluster.simulation.blocks_receivers()) return false;
  if (cluster.simulation.contention == cluster::Contention::free) return true;
  if (cluster.simulation.contention != cluster::Contention::link) return false;
  constexpr uint32_t kNobody = ~uint32_t{0};
  std::vector<uint32_t> owner(cluster.num_channels, kNobody);
  for (DeviceId from = 0; from < cluster.size(); ++from) {
    for (DeviceId to = 0; to < cluster.size(); ++to) {
      const uint32_t pair = std::min(from, to) * cluster.size() + std::max(from, to);
      for (const uint32_t channel : cluster.route(from, to).channels) {
        if (owner[channel] != kNobody && owner[channel] != pair) return false;
        owner[channel] = pair;
      }
    }
  }
  return true;
}

bool alike(const cluster::Route& a, const cluster::Route& b) {
  return a.reachable == b.reachable && a.channels.size() == b.channels.size() && a.latency_ps == b.latency_ps &&
         a.bandwidth_bytes_per_s == b.bandwidth_bytes_per_s;
}

bool alike(const Problem& problem, DeviceId a, DeviceId b) {
  const auto& cluster = problem.cluster();
  const cluster::Device &x = cluster.devices[a], &y = cluster.devices[b];
  if (cluster.io_device == a || cluster.io_device == b) return false;
  if (x.usable_bytes() != y.usable_bytes() || x.memory_bytes != y.memory_bytes || x.align_bytes != y.align_bytes ||
      x.streams != y.streams || x.copy_engines != 0 || y.copy_engines != 0)
    return false;
  for (OpId op = 0; op < problem.graph().num_ops(); ++op)
    if (problem.costs().time(op, a) != problem.costs().time(op, b)) return false;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    if (problem.allowed(unit, a) != problem.allowed(unit, b)) return false;
  for (DeviceId other = 0; other < problem.devices(); ++other) {
    if (other == a || other == b) continue;
    if (!alike(cluster.route(a, other), cluster.route(b, other))) return false;
    if (!alike(cluster.route(other, a), cluster.route(other, b))) return false;
  }
  return alike(cluster.route(a, b), cluster.route(b, a));
}

}  // namespace

std::vector<DeviceId> interchangeable(const Problem& problem) {
  const auto& rules = problem.cluster().simulation;
  const bool symmetric = rules.semantics == cluster::Semantics::dataflow && private_wires(problem.cluster());
  std::vector<DeviceId> first(problem.devices());
  for (DeviceId device = 0; device < problem.devices(); ++device) {
    first[device] = device;
    for (DeviceId other = 0; symmetric && other < device; ++other)
      if (first[other] == other && alike(problem, other, device)) {
        first[device] = other;
        break;
      }
  }
  return first;
}

}  // namespace allot::place
