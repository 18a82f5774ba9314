// SPDX-License-Identifier: Apache-2.0
#include "place/sidecar.h"

namespace allot::place {
namespace {

double us(int64_t ps) { return static_cast<double>(ps) * 1e-6; }

}  // namespace

Metrics metrics_of(const Problem& problem, const sim::Outcome& outcome) {
  Metrics metrics;
  metrics.makespan_us = us(outcome.makespan_ps);
  metrics.crossings = outcome.crossings;
  metrics.bytes_moved = outcome.bytes_moved;
  metrics.overflow_bytes = outcome.overflow_bytes;
  metrics.critical_path_us = us(problem.bounds().critical_path_ps);
  metrics.work_bound_us = us(problem.bounds().work_ps);
  metrics.parallelism = problem.bounds().parallelism;
  for (DeviceId device = 0; device < problem.devices(); ++device) {
    const std::string& name = problem.cluster().devices[device].name;
    metrics.peak_bytes[name] = outcome.peak_bytes[device];
    metrics.param_bytes[name] = outcome.param_bytes[device];
    metrics.busy_us[name] = us(outcome.busy_ps[device]);
  }
  return metrics;
}

}  // namespace allot::place
