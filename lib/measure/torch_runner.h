// SPDX-License-Identifier: Apache-2.0
// Placements run on LibTorch by allot-worker.
#pragma once

#include <string>
#include <vector>

#include "measure/reward.h"
#include "measure/run_settings.h"
#include "measure/worker.h"

namespace allot::measure {

class TorchRunner : public Runner {
 public:
  /// `cluster` must outlive it. Devices of kind cpu are CPU workers, each with an equal share of the cores; those of
  /// kind cuda the CUDA device that ort's device_id names.
  TorchRunner(std::string model_path, const cluster::Cluster& cluster, RunSettings settings);

  /// All that the last measurement that did not fail says; its devices are those of used().
  const Reply& reply() const { return reply_; }
  /// Devices of the cluster that the last measured placement used, ascending: only they take part in a run.
  const std::vector<cluster::DeviceId>& used() const { return used_; }
  const Hello& hello() { return worker_.hello(); }

 protected:
  /// Errors: also unavailable for a device that this machine lacks.
  std::vector<double> run(const std::vector<cluster::DeviceId>& device_of_node) override;

 private:
  Request request(const std::vector<cluster::DeviceId>& device_of_node);
  RunDevice run_device(const cluster::Device& device);
  uint32_t threads_of(const std::vector<RunDevice>& devices);

  std::string model_path_;
  const cluster::Cluster& cluster_;
  RunSettings settings_;
  Worker worker_;
  Reply reply_;
  std::vector<cluster::DeviceId> used_;
};

}  // namespace allot::measure
