// SPDX-License-Identifier: Apache-2.0
#include "measure/reward.h"

#include "measure/robust_mean.h"

namespace allot::measure {

Measurement Measurement::of(std::vector<double> seconds) {
  ALLOT_ASSERT(!seconds.empty());
  Measurement result;
  result.mean_seconds = robust_mean(seconds);
  result.seconds = std::move(seconds);
  return result;
}

Measurement Measurement::failed_by(const base::Error& error) {
  Measurement result;
  result.failure = error.what();
  result.failure_kind = error.kind();
  return result;
}

Measurement Runner::measure(const std::vector<cluster::DeviceId>& device_of_node) {
  try {
    return Measurement::of(run(device_of_node));
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::check_failed && error.kind() != base::ErrorKind::out_of_memory) throw;
    return Measurement::failed_by(error);
  }
}

}  // namespace allot::measure
