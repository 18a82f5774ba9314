// SPDX-License-Identifier: Apache-2.0
// Placements timed by any command of the user's.
#pragma once

#include <string>
#include <vector>

#include "measure/placed_file.h"
#include "measure/reward.h"

namespace allot::measure {

/// `command` is given to /bin/sh, each {model} in it replaced by the quoted path of the placed model. It runs once a
/// measurement, warms up and repeats as it sees fit, and prints seconds as its last line.
class CommandRunner : public Runner {
 public:
  /// `model`, which is annotated, and `cluster` must outlive it. Errors: usage when no {model} is in `command`.
  CommandRunner(std::string command, ir::Model& model, const cluster::Cluster& cluster, double timeout_seconds);

 protected:
  std::vector<double> run(const std::vector<cluster::DeviceId>& device_of_node) override;

 private:
  std::string command_;
  double timeout_seconds_;
  PlacedFile file_;
};

/// `text` as one word of the shell.
std::string shell_quote(const std::string& text);

/// The number that is the last line with anything on it. Errors: check_failed showing that line.
double last_number(const std::string& output);

}  // namespace allot::measure
