// SPDX-License-Identifier: Apache-2.0
#include "place/walker.h"

#include <algorithm>

#include "place/move_policy.h"

namespace allot::place {
namespace {

constexpr uint32_t kKeys = 0x77616C6B;  // stream of random numbers
constexpr double kCritical = 0.5;       // of the units drawn
constexpr double kBesideNeighbour = 0.5;
constexpr double kByPolicy = 0.7;  // of the moves drawn, where there is a policy: it must keep hearing of others, too
constexpr double kAlone = 0.6, kWithNeighbours = 0.2, kSwap = 0.1;  // of the moves; the rest are clusters
constexpr uint32_t kLargestCluster = 16;

/// Distinct units that exchange a tensor with each unit.
base::Csr<UnitId> neighbours(const graph::OpGraph& graph) {
  base::Csr<UnitId> result;
  std::vector<UnitId> row;
  for (UnitId unit = 0; unit < graph.num_units(); ++unit) {
    row.clear();
    for (const OpId op : graph.members[unit])
      for (const auto others : {graph.predecessors[op], graph.successors[op]})
        for (const OpId other : others)
          if (graph.unit_of[other] != unit) row.push_back(graph.unit_of[other]);
    std::sort(row.begin(), row.end());
    row.erase(std::unique(row.begin(), row.end()), row.end());
    result.add_row(row);
  }
  return result;
}

/// Every unit takes as long on one as on the other, and so does every transfer.
bool equal(const Problem& problem, DeviceId a, DeviceId b) {
  const auto& cluster = problem.cluster();
  if (cluster.devices[a].usable_bytes() != cluster.devices[b].usable_bytes()) return false;
  if (cluster.io_device == a || cluster.io_device == b) return false;
  const auto same = [](const cluster::Route& x, const cluster::Route& y) {
    return x.latency_ps == y.latency_ps && x.bandwidth_bytes_per_s == y.bandwidth_bytes_per_s;
  };
  for (DeviceId other = 0; other < problem.devices(); ++other)
    if (other != a && other != b && !same(cluster.route(a, other), cluster.route(b, other))) return false;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    if (problem.unit_time_ps(unit, a) != problem.unit_time_ps(unit, b)) return false;
  return true;
}

uint64_t mixed(uint64_t x) {  // the finaliser of SplitMix64
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

uint32_t below(base::Rng& rng, size_t bound) { return rng.below(static_cast<uint32_t>(bound)); }

}  // namespace

Walker::Walker(const Problem& problem, UnitPlacement placement)
    : problem_(problem), neighbours_(neighbours(problem.graph())), placement_(std::move(placement)) {
  base::Rng rng(0, kKeys);
  for (UnitId unit = 0; unit < placement_.size(); ++unit) {
    unit_key_.push_back(rng.next_u64());
    if (problem.choices(unit).size() > 1) movable_.push_back(unit);
  }
  for (DeviceId device = 0; device < problem.devices(); ++device) {
    DeviceId first = 0;
    while (first < device && !equal(problem, first, device)) ++first;
    device_key_.push_back(first < device ? device_key_[first] : rng.next_u64());
  }
  restart(UnitPlacement(placement_));
}

void Walker::restart(const UnitPlacement& placement) {
  placement_ = placement;
  contents_.assign(problem_.devices(), 0);
  for (UnitId unit = 0; unit < placement_.size(); ++unit) contents_[placement_[unit]] += unit_key_[unit];
}

void Walker::set_critical(std::span<const UnitId> units) {
  critical_.clear();
  for (const UnitId unit : units)
    if (problem_.choices(unit).size() > 1) critical_.push_back(unit);
}

std::span<const UnitMove> Walker::propose(base::Rng& rng) {
  moves_.clear();
  before_.clear();
  const auto [unit, device] = draw(rng);
  const double kind = rng.uniform();
  if (kind < kAlone) {
    put(unit, device);
  } else if (kind < kAlone + kWithNeighbours) {
    put(unit, device);
    for (const UnitId neighbour : neighbours_[unit])
      if (rng.next_u32() & 1) put(neighbour, device);
  } else if (kind < kAlone + kWithNeighbours + kSwap) {
    const UnitId other = movable_[below(rng, movable_.size())];
    const DeviceId here = placement_[unit], there = placement_[other];
    if (problem_.allowed(unit, there) && problem_.allowed(other, here)) put(unit, there), put(other, here);
  } else {
    put_cluster(unit, device, rng);
  }
  return moves_;
}

/// Grown from `unit` at random.
void Walker::put_cluster(UnitId unit, DeviceId device, base::Rng& rng) {
  const DeviceId from = placement_[unit];
  cluster_.assign(1, unit);
  for (uint32_t left = 2 + rng.below(kLargestCluster - 1); left > 0 && !cluster_.empty(); --left) {
    std::swap(cluster_[below(rng, cluster_.size())], cluster_.back());
    const UnitId next = cluster_.back();
    cluster_.pop_back();
    if (placement_[next] != from) continue;
    put(next, device);
    if (placement_[next] == from) continue;
    for (const UnitId neighbour : neighbours_[next])
      if (placement_[neighbour] == from) cluster_.push_back(neighbour);
  }
}

UnitMove Walker::draw(base::Rng& rng) const {
  if (policy_ && policy_->ready() && rng.uniform() < kByPolicy) return policy_->draw(rng);
  const UnitId unit = draw_unit(rng);
  return {unit, draw_device(unit, rng)};
}

UnitId Walker::draw_unit(base::Rng& rng) const {
  const auto& among = !critical_.empty() && rng.uniform() < kCritical ? critical_ : movable_;
  return among[below(rng, among.size())];
}

DeviceId Walker::draw_device(UnitId unit, base::Rng& rng) const {
  const auto neighbours = neighbours_[unit];
  if (!neighbours.empty() && rng.uniform() < kBesideNeighbour) {
    const DeviceId device = placement_[neighbours[below(rng, neighbours.size())]];
    if (problem_.allowed(unit, device)) return device;
  }
  const auto choices = problem_.choices(unit);
  return choices[below(rng, choices.size())];
}

void Walker::put(UnitId unit, DeviceId device) {
  if (placement_[unit] == device || !problem_.allowed(unit, device)) return;
  moves_.push_back({unit, device});
  before_.push_back(placement_[unit]);
  set(unit, device);
}

void Walker::set(UnitId unit, DeviceId device) {
  contents_[placement_[unit]] -= unit_key_[unit];
  contents_[device] += unit_key_[unit];
  placement_[unit] = device;
}

void Walker::undo() {
  for (size_t i = moves_.size(); i-- > 0;) set(moves_[i].unit, before_[i]);
  moves_.clear();
}

uint64_t Walker::fingerprint() const {
  uint64_t sum = 0;  // commutes: equal devices may change places
  for (DeviceId device = 0; device < contents_.size(); ++device) sum += mixed(contents_[device] ^ device_key_[device]);
  return sum;
}

}  // namespace allot::place
