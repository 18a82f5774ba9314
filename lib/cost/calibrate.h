// SPDX-License-Identifier: Apache-2.0
// The figures of a device fitted to measured ops (onnx-and-cost 6.6).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cluster/cluster.h"
#include "cost/op_cost.h"

namespace allot::cost {

/// An op that was measured on the device.
struct Sample {
  OpCost cost;
  double us = 0;
  std::string name;  // of op and model, for reports
};

/// How well predictions meet measurements: |predicted - measured| / measured.
struct FitErrors {
  size_t samples = 0;
  double mean = 0, median = 0, p95 = 0;
  double measured_us = 0, predicted_us = 0;  // sums
  struct Worst {
    std::string name;
    double measured_us, predicted_us;
  };
  std::vector<Worst> worst;  // at most 10, by |log(predicted / measured)|, of ops over 5 us
};
FitErrors fit_errors(const cluster::Device& device, std::span<const Sample> samples);

struct Fit {
  cluster::Device device;
  std::vector<size_t> samples;  // by OpClass; classes of fewer than kFewest keep their shape and move with the others
};
constexpr size_t kFewest = 8;

/// Overhead, largest efficiency, half_flops and bandwidth of each op class that minimise the Huber loss of
/// log(predicted / measured), ops weighted by the square root of their time, by coordinate search; overheads are drawn
/// to that of the device, the geometric mean of all classes. Peaks become those that the best class reaches, so that
/// efficiencies stay fractions. Processors get the locality of caches. Deterministic. `base` gives precisions, memory
/// and the starting point.
Fit calibrate(const cluster::Device& base, std::span<const Sample> samples);

}  // namespace allot::cost
