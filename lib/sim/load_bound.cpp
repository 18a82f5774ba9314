// SPDX-License-Identifier: Apache-2.0
#include "sim/load_bound.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace allot::sim {

using cluster::DeviceId;
using graph::OpId;
using graph::UnitId;

namespace {

constexpr uint64_t kVisits = 2'000'000;
constexpr uint64_t kLeastSteps = 16, kMostSteps = 400, kMostFailures = 4;
constexpr double kEnough = 1e-4;      // of the bound

class Dual {
 public:
  Dual(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
       std::span<const uint64_t> allowed)
      : devices_(cluster.size()), allowed_(allowed), times_(allowed.size() * devices_, 0), bytes_(allowed.size(), 0) {
    std::vector<char> counted(graph.num_params(), false);
    for (OpId op = 0; op < graph.num_ops(); ++op) {
      const UnitId unit = graph.unit_of[op];
      bytes_[unit] += static_cast<double>(costs.resident_bytes[op]);
      for (const graph::ParamId param : graph.params[op])
        if (!std::exchange(counted[param], true)) bytes_[unit] += static_cast<double>(graph.param_bytes[param]);
      for (DeviceId device = 0; device < devices_; ++device)
        if (may(unit, device)) times_[unit * devices_ + device] += static_cast<double>(costs.time(op, device));
    }
    for (DeviceId device = 0; device < devices_; ++device) {
      const cluster::Device& each = cluster.devices[device];
      streams_.push_back(std::max(1u, each.streams));
      memory_.push_back(static_cast<double>(std::max<int64_t>(0, each.usable_bytes())));
    }
    // Memory that could hold everything needs no price.
    const double everything = std::accumulate(bytes_.begin(), bytes_.end(), 0.0);
    scarce_ = *std::min_element(memory_.begin(), memory_.end()) < everything;
  }

  /// Subgradient ascent towards a level a little above the best value, which is lowered when it is out of reach.
  LoadBound solve() {
    start();
    double best_value = evaluate(), value = best_value, reach = best_value;
    std::vector<double> best = prices_, best_memory = memory_prices_;
    const uint64_t visits = std::max<uint64_t>(1, times_.size());
    const uint64_t steps = devices_ == 1 ? 0 : std::clamp(kVisits / visits, kLeastSteps, kMostSteps);
    for (uint64_t step = 0, failures = 0; step < steps && reach > best_value * kEnough; ++step) {
      climb(best_value + reach - value, best_value);
      value = evaluate();
      if (value > best_value) {
        reach = std::max(reach, 2 * (value - best_value));
        best_value = value, best = prices_, best_memory = memory_prices_, failures = 0;
      } else if (++failures == kMostFailures) {
        prices_ = best, memory_prices_ = best_memory;
        value = evaluate();
        reach /= 2, failures = 0;
      }
    }
    const double rounding = 1e-15 * static_cast<double>(bytes_.size() + 64);  // of the sums, at most
    LoadBound result{static_cast<int64_t>(std::ceil(std::clamp(best_value * (1 - rounding), 0.0, 4e18))), {}};
    for (DeviceId device = 0; device < devices_; ++device) result.price.push_back(best[device] / streams_[device]);
    return result;
  }

 private:
  bool may(UnitId unit, DeviceId device) const { return allowed_[unit] >> device & 1; }

  /// In proportion to speed: optimal where the devices differ by a constant factor.
  void start() {
    prices_.assign(devices_, 0);
    memory_prices_.assign(devices_, 0);
    std::vector<double> own(devices_, 0), least(devices_, 0);
    for (UnitId unit = 0; unit < bytes_.size(); ++unit) {
      double quickest = HUGE_VAL;
      for (DeviceId device = 0; device < devices_; ++device)
        if (may(unit, device)) quickest = std::min(quickest, times_[unit * devices_ + device]);
      for (DeviceId device = 0; device < devices_; ++device)
        if (may(unit, device)) own[device] += times_[unit * devices_ + device], least[device] += quickest;
    }
    for (DeviceId device = 0; device < devices_; ++device)
      prices_[device] = streams_[device] * (own[device] > 0 ? least[device] / own[device] : 1e-3) + 1e-12;
    normalise();
  }

  void normalise() {
    const double sum = std::accumulate(prices_.begin(), prices_.end(), 0.0);
    for (double& price : prices_) price /= sum;
  }

  /// The bound at the present prices; leaves what the cheapest choices would load each device with.
  double evaluate() {
    loads_.assign(devices_, 0);
    held_.assign(devices_, 0);
    std::vector<double> rate(devices_);
    for (DeviceId device = 0; device < devices_; ++device) rate[device] = prices_[device] / streams_[device];
    double value = 0;
    for (UnitId unit = 0; unit < bytes_.size(); ++unit) {
      double cheapest = HUGE_VAL;
      DeviceId at = 0;
      for (DeviceId device = 0; device < devices_; ++device) {
        if (!may(unit, device)) continue;
        const double cost = rate[device] * times_[unit * devices_ + device] + memory_prices_[device] * bytes_[unit];
        if (cost < cheapest) cheapest = cost, at = device;
      }
      value += cheapest;
      loads_[at] += times_[unit * devices_ + at] / streams_[at];
      held_[at] += bytes_[unit];
    }
    for (DeviceId device = 0; device < devices_; ++device) value -= memory_prices_[device] * memory_[device];
    return value;
  }

  /// A step along the subgradient that would gain `gain` were the bound linear. Memory prices are measured by the time
  /// that all memory of a device is worth.
  void climb(double gain, double worth) {
    const double mean = std::accumulate(loads_.begin(), loads_.end(), 0.0) / devices_;
    double norm = 0;
    std::vector<double> excess(devices_, 0);
    for (DeviceId device = 0; device < devices_; ++device) {
      if (scarce_ && memory_[device] > 0) excess[device] = worth * (held_[device] / memory_[device] - 1);
      if (excess[device] < 0 && memory_prices_[device] == 0) excess[device] = 0;
      norm += (loads_[device] - mean) * (loads_[device] - mean) + excess[device] * excess[device];
    }
    if (norm == 0) return;
    const double step = gain / norm;
    for (DeviceId device = 0; device < devices_; ++device) {
      prices_[device] = std::max(0.0, prices_[device] + step * (loads_[device] - mean)) + 1e-15;
      if (memory_[device] > 0)
        memory_prices_[device] =
            std::max(0.0, memory_prices_[device] + step * excess[device] * worth / memory_[device]);
    }
    normalise();
  }

  const DeviceId devices_;
  std::span<const uint64_t> allowed_;
  std::vector<double> times_;                   // [unit * devices + device]
  std::vector<double> bytes_;                   // by unit
  std::vector<double> streams_, memory_;        // by device
  bool scarce_ = false;                         // memory
  std::vector<double> prices_, memory_prices_;  // by device
  std::vector<double> loads_, held_;            // by device
};

}  // namespace

LoadBound load_bound(const graph::OpGraph& graph, const cost::CostTable& costs, const cluster::Cluster& cluster,
                     std::span<const uint64_t> allowed) {
  return Dual(graph, costs, cluster, allowed).solve();
}

}  // namespace allot::sim
