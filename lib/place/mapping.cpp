// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <numeric>

#include "place/bisect.h"
#include "place/methods.h"
#include "place/repair.h"
#include "place/shares.h"
#include "place/stop.h"
#include "place/unit_graph.h"

namespace allot::place {
namespace {

using Devices = std::vector<DeviceId>;

/// How far apart devices are: the time of a mean tensor, both ways, over its bytes.
class Distances {
 public:
  explicit Distances(const Problem& problem) : devices_(problem.devices()) {
    const auto& sizes = problem.costs().tensor_bytes;
    const double sum = std::accumulate(sizes.begin(), sizes.end(), 0.0);
    const auto bytes =
        std::max<int64_t>(1, sizes.empty() ? 1 : static_cast<int64_t>(sum / static_cast<double>(sizes.size())));
    for (DeviceId a = 0; a < devices_; ++a)
      for (DeviceId b = 0; b < devices_; ++b) {
        const double there = static_cast<double>(problem.cluster().transfer_ps(a, b, bytes));
        const double back = static_cast<double>(problem.cluster().transfer_ps(b, a, bytes));
        between_.push_back((there + back) / (2 * static_cast<double>(bytes)));
      }
  }
  double operator()(DeviceId a, DeviceId b) const { return between_[a * size_t{devices_} + b]; }
  /// Mean over all pairs.
  double operator()(const Devices& some, const Devices& others) const {
    double sum = 0;
    for (const DeviceId a : some)
      for (const DeviceId b : others) sum += (*this)(a, b);
    return sum / static_cast<double>(some.size() * others.size());
  }

 private:
  DeviceId devices_;
  std::vector<double> between_;
};

/// Two halves, each about one of the two devices that are farthest apart; who is as near to both fills the smaller one.
std::pair<Devices, Devices> split(const Devices& devices, const Distances& distance) {
  DeviceId a = devices[0], b = devices[1];
  for (const DeviceId x : devices)
    for (const DeviceId y : devices)
      if (distance(x, y) > distance(a, b)) a = x, b = y;
  std::pair<Devices, Devices> halves;
  Devices undecided;
  for (const DeviceId each : devices) {
    const double from_a = each == a ? -1 : distance(a, each), from_b = each == b ? -1 : distance(b, each);
    if (from_a == from_b)
      undecided.push_back(each);
    else
      (from_a < from_b ? halves.first : halves.second).push_back(each);
  }
  for (const DeviceId each : undecided)
    (halves.first.size() < (devices.size() + 1) / 2 ? halves.first : halves.second).push_back(each);
  return halves;
}

/// Units whose device is known to be one of a set.
struct Domain {
  Devices devices;
  std::vector<UnitId> units;
};

class Mapping {
 public:
  explicit Mapping(const Problem& problem)
      : problem_(problem), graph_(unit_graph(problem)), distance_(problem), shares_(time_shares(problem)) {}

  UnitPlacement run(const Budget& budget) {
    Domain all;
    all.devices.resize(problem_.devices());
    all.units.resize(problem_.graph().num_units());
    std::iota(all.devices.begin(), all.devices.end(), 0u);
    std::iota(all.units.begin(), all.units.end(), 0u);
    domains_.push_back(std::move(all));
    domain_of_.assign(problem_.graph().num_units(), 0);
    for (size_t next = 0; next < domains_.size(); ++next) {
      end_if_stopped(budget);
      if (domains_[next].devices.size() > 1) divide(next);
    }
    UnitPlacement placement(domain_of_.size());
    for (UnitId unit = 0; unit < placement.size(); ++unit) {
      const DeviceId device = domains_[domain_of_[unit]].devices.front();
      placement[unit] = problem_.allowed(unit, device) ? device : problem_.fastest(unit);
    }
    return placement;
  }

 private:
  /// Replaces a domain by two.
  void divide(size_t which) {
    const std::vector<UnitId> units = std::move(domains_[which].units);
    auto [first, second] = split(domains_[which].devices, distance_);
    double share = 0, total = 0;
    for (const DeviceId device : first) share += shares_[device];
    for (const DeviceId device : domains_[which].devices) total += shares_[device];
    const std::vector<int8_t> side = bisect(subgraph(which, units, first, second), share / total);
    Domain parts[2];
    parts[0].devices = std::move(first);
    parts[1].devices = std::move(second);
    for (size_t i = 0; i < units.size(); ++i) {
      parts[side[i]].units.push_back(units[i]);
      domain_of_[units[i]] = static_cast<uint32_t>(domains_.size() + static_cast<size_t>(side[i]));
    }
    for (Domain& part : parts) domains_.push_back(std::move(part));
  }

  /// The units of one domain; what they exchange with others pulls them towards these.
  CutGraph subgraph(size_t which, const std::vector<UnitId>& units, const Devices& first, const Devices& second) {
    CutGraph sub;
    const double apart = distance_(first, second);
    index_.resize(domain_of_.size());
    for (uint32_t i = 0; i < units.size(); ++i) index_[units[i]] = i;
    const auto any = [&](UnitId unit, const Devices& devices) {
      return std::any_of(devices.begin(), devices.end(), [&](DeviceId d) { return problem_.allowed(unit, d); });
    };
    std::vector<double> pull_of(domains_.size(), -1);  // a domain -> of a byte exchanged with it; computed when needed
    std::vector<char> known(domains_.size());
    for (const UnitId unit : units) {
      double pull = 0;
      for (size_t i = 0; i < graph_.neighbours[unit].size(); ++i) {
        const UnitId other = graph_.neighbours[unit][i];
        const auto bytes = static_cast<double>(graph_.bytes_of(unit)[i]);
        const uint32_t domain = domain_of_[other];
        if (domain == which) {
          sub.neighbours.push(index_[other]);
          sub.edge_cost.push_back(bytes * apart);
          continue;
        }
        if (!std::exchange(known[domain], true))
          pull_of[domain] = distance_(second, domains_[domain].devices) - distance_(first, domains_[domain].devices);
        pull += bytes * pull_of[domain];
      }
      sub.neighbours.end_row();
      sub.weight.push_back(mean_unit_time_ps(problem_, unit));
      sub.pull.push_back(pull);
      const bool here = any(unit, first), there = any(unit, second);
      sub.fixed.push_back(here == there ? -1 : static_cast<int8_t>(there));
    }
    return sub;
  }

  const Problem& problem_;
  UnitGraph graph_;
  Distances distance_;
  std::vector<double> shares_;
  std::deque<Domain> domains_;       // also those that were divided, without their units
  std::vector<uint32_t> domain_of_;  // by unit
  std::vector<uint32_t> index_;      // unit -> vertex in the present subgraph
};

}  // namespace

UnitPlacement place_mapping(const Problem& problem, const Budget& budget) {
  return repaired(problem, Mapping(problem).run(budget), budget);
}

}  // namespace allot::place
