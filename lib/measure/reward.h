// SPDX-License-Identifier: Apache-2.0
// How long a placement takes when it is run: the one interface behind which all sources of measured times are.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cluster/cluster.h"

namespace allot::measure {

struct Measurement {
  double mean_seconds = 0;      // robust_mean() of `seconds`; 0 where it failed
  std::vector<double> seconds;  // of each repeat
  std::string failure;          // why there is no time: a crash, too little memory, too late; "" = it ran
  base::ErrorKind failure_kind = base::ErrorKind::check_failed;  // or out_of_memory

  bool failed() const { return !failure.empty(); }
  /// Of `seconds` that were measured. Errors: internal for none.
  static Measurement of(std::vector<double> seconds);
  static Measurement failed_by(const base::Error& error);
};

class Runner {
 public:
  virtual ~Runner() = default;
  /// Runs the model with its main-graph nodes [nodes] on these devices. What the placement is to blame for is a failed
  /// measurement. Errors: what no placement would change: a program that is missing, a model that cannot be run.
  Measurement measure(const std::vector<cluster::DeviceId>& device_of_node);

 protected:
  /// Errors: also check_failed and out_of_memory, which measure() makes failed measurements of.
  virtual std::vector<double> run(const std::vector<cluster::DeviceId>& device_of_node) = 0;
};

}  // namespace allot::measure
