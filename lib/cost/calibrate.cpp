// SPDX-License-Identifier: Apache-2.0
#include "cost/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "cost/cost_table.h"

namespace allot::cost {
namespace {

using cluster::Device;
using cluster::Efficiency;
using cluster::kOpClasses;

constexpr double kPsPerUs = 1e6;

double predicted_us(const OpCost& cost, const Device& device) {
  return static_cast<double>(roofline_ps(cost, device)) / kPsPerUs;
}

/// Large where predictions are far off, but no single op dominates.
double huber(double x) {
  constexpr double kLinear = 0.3;
  x = std::abs(x);
  return x < kLinear ? x * x / 2 : kLinear * (x - kLinear / 2);
}

/// One class of one device: what is fitted, and how well it fits.
class ClassFit {
 public:
  ClassFit(Device& device, int op_class, const std::vector<const Sample*>& samples)
      : device_(device),
        op_class_(static_cast<cluster::OpClass>(op_class)),
        efficiency_(device.efficiency[static_cast<size_t>(op_class)]),
        samples_(samples),
        is_product_(std::any_of(samples.begin(), samples.end(), [](auto* s) { return s->cost.mac_flops > 0; })) {}

  /// From several overheads, since time that does not depend on size and time that does trade for one another.
  void run() {
    const Efficiency start = efficiency_;
    Efficiency best = start;
    double least = std::numeric_limits<double>::infinity();
    for (const int64_t overhead_ps : {200'000, 1'000'000, 4'000'000}) {
      efficiency_ = start;
      efficiency_.overhead_ps = overhead_ps;
      descend({16.0, 4.0, 2.0, 1.4});
      if (loss_ >= least) continue;
      least = loss_;
      best = efficiency_;
    }
    efficiency_ = best;
    descend({1.15, 1.05, 1.02, 1.005});
  }

 private:
  void descend(std::initializer_list<double> factors) {
    loss_ = loss();
    for (const double factor : factors)
      while (improve(factor)) {
      }
  }

  double loss() const {
    constexpr double kShortestUs = 0.1, kLongUs = 1000;  // beyond, an op counts no more
    double sum = 0;
    for (const Sample* sample : samples_) {
      const double predicted = std::max(kShortestUs, predicted_us(sample->cost, device_));
      sum += std::sqrt(std::min(kLongUs, sample->us)) * huber(std::log(predicted / std::max(kShortestUs, sample->us)));
    }
    return sum + away_from_device();
  }

  /// An op that does no work should take the device's overhead, and that of its class be like it, unless enough samples
  /// say otherwise.
  double away_from_device() const {
    const double idle_us = predicted_us({.mac_flops = is_product_ ? 1.0 : 0.0, .op_class = op_class_}, device_);
    const auto away = [&](double us) {
      constexpr double kShortestUs = 0.05;
      return std::log((us + kShortestUs) / (static_cast<double>(device_.overhead_ps) / kPsPerUs + kShortestUs));
    };
    const double idle = away(idle_us), overhead = away(static_cast<double>(efficiency_.overhead_ps) / kPsPerUs);
    return idle * idle + overhead * overhead;
  }

  bool improve(double factor) {
    bool any = false;
    for (double* value : {&efficiency_.max, &efficiency_.bandwidth, &efficiency_.half_flops})
      for (const double f : {factor, 1 / factor}) any |= attempt(*value, *value * f);
    for (const double f : {factor, 1 / factor}) {
      const auto scaled = static_cast<int64_t>(static_cast<double>(efficiency_.overhead_ps) * f);
      any |= attempt(efficiency_.overhead_ps, std::clamp<int64_t>(scaled, 10'000, 1'000'000'000));
    }
    return any;
  }

  template <typename T>
  bool attempt(T& value, T next) {
    constexpr double kGain = 1 - 1e-9;
    const T before = value;
    value = next;
    const double now = loss();
    if (now < loss_ * kGain) {
      loss_ = now;
      return true;
    }
    value = before;
    return false;
  }

  Device& device_;
  const cluster::OpClass op_class_;
  Efficiency& efficiency_;
  const std::vector<const Sample*>& samples_;
  const bool is_product_;
  double loss_ = 0;
};

/// Peaks become what the best class reaches: efficiencies stay fractions.
void normalise(Device& device) {
  double best = 0, bandwidth = 0;
  for (const Efficiency& e : device.efficiency) {
    best = std::max(best, e.max);
    bandwidth = std::max(bandwidth, e.bandwidth);
  }
  device.vector_flops *= best;
  for (double& flops : device.matrix_flops) flops *= best;
  device.bandwidth_bytes_per_s *= bandwidth;
  constexpr double kSmallest = 1e-6;
  for (Efficiency& e : device.efficiency) {
    e.max = std::max(kSmallest, e.max / best);
    e.bandwidth = std::max(kSmallest, e.bandwidth / bandwidth);
  }
}

/// Classes with too few samples keep their shape and move with the others.
void move_along(Device& device, const Device& base, const std::vector<size_t>& samples) {
  double log_max = 0, log_bandwidth = 0, log_overhead = 0;
  int fitted = 0;
  for (int c = 0; c < kOpClasses; ++c) {
    if (samples[c] < kFewest) continue;
    log_max += std::log(device.efficiency[c].max / base.efficiency[c].max);
    log_bandwidth += std::log(device.efficiency[c].bandwidth / base.efficiency[c].bandwidth);
    log_overhead += std::log(static_cast<double>(device.efficiency[c].overhead_ps));
    ++fitted;
  }
  if (fitted == 0) return;
  device.overhead_ps = static_cast<int64_t>(std::exp(log_overhead / fitted));
  for (int c = 0; c < kOpClasses; ++c) {
    if (samples[c] >= kFewest) continue;
    device.efficiency[c].max *= std::exp(log_max / fitted);
    device.efficiency[c].bandwidth *= std::exp(log_bandwidth / fitted);
  }
}

}  // namespace

Fit calibrate(const Device& base, std::span<const Sample> samples) {
  Fit fit{.device = base, .samples = std::vector<size_t>(kOpClasses)};
  constexpr double kLocality = 0.2;  // of processors with caches; networks at hand differ too little to fit it well
  if (base.kind == "cpu" && base.locality == 0) fit.device.locality = kLocality;
  std::array<std::vector<const Sample*>, kOpClasses> by_class;
  for (const Sample& sample : samples) by_class[static_cast<size_t>(sample.cost.op_class)].push_back(&sample);
  for (int c = 0; c < kOpClasses; ++c) fit.samples[c] = by_class[c].size();
  for (int pass = 0; pass < 2; ++pass) {  // the second with peaks in the right range
    const Device start = fit.device;
    for (int c = 0; c < kOpClasses; ++c)
      if (fit.samples[c] >= kFewest) ClassFit(fit.device, c, by_class[c]).run();
    move_along(fit.device, start, fit.samples);
    normalise(fit.device);
  }
  return fit;
}

FitErrors fit_errors(const Device& device, std::span<const Sample> samples) {
  FitErrors errors;
  std::vector<double> relative;
  constexpr double kLongUs = 5;
  for (const Sample& sample : samples) {
    const double predicted = predicted_us(sample.cost, device);
    errors.measured_us += sample.us;
    errors.predicted_us += predicted;
    if (sample.us > 0) relative.push_back(std::abs(predicted - sample.us) / sample.us);
    if (sample.us >= kLongUs) errors.worst.push_back({sample.name, sample.us, predicted});
  }
  errors.samples = relative.size();
  if (relative.empty()) return errors;
  for (const double error : relative) errors.mean += error / static_cast<double>(relative.size());
  std::sort(relative.begin(), relative.end());
  errors.median = relative[relative.size() / 2];
  errors.p95 = relative[std::min(relative.size() - 1, relative.size() * 95 / 100)];
  const auto off = [](const FitErrors::Worst& w) {
    return std::abs(std::log(std::max(w.predicted_us, 1e-6) / w.measured_us));
  };
  std::stable_sort(errors.worst.begin(), errors.worst.end(), [&](auto& a, auto& b) { return off(a) > off(b); });
  constexpr size_t kWorst = 10;
  errors.worst.resize(std::min(errors.worst.size(), kWorst));
  return errors;
}

}  // namespace allot::cost
