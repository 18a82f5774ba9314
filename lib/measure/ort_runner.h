// SPDX-License-Identifier: Apache-2.0
// Placements run by ONNX Runtime, in a Python interpreter that has it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "measure/messages.h"
#include "measure/placed_file.h"
#include "measure/process.h"
#include "measure/reward.h"
#include "measure/run_settings.h"

namespace allot::measure {

class OrtRunner : public Runner {
 public:
  /// `python` is an interpreter whose onnxruntime has the cluster's providers. `model`, which is annotated, and
  /// `cluster` must outlive it.
  OrtRunner(std::string python, ir::Model& model, const cluster::Cluster& cluster, RunSettings settings);

  /// Of the last measurement that did not fail, if settings ask for it: the same file on the CPU provider alone.
  const std::optional<Check>& check() const { return check_; }
  const std::optional<SingleRun>& single() const { return single_; }

 protected:
  /// Errors: also unavailable without Python or onnxruntime, for providers that it lacks or of which one session would
  /// need two, and for a release that ignores placements.
  std::vector<double> run(const std::vector<cluster::DeviceId>& device_of_node) override;

 private:
  void start();
  std::string request(const std::vector<cluster::DeviceId>& device_of_node);
  void require_able(const std::vector<cluster::DeviceId>& devices, bool placed) const;
  std::vector<double> read(const std::string& answer);

  std::string python_;
  const cluster::Cluster& cluster_;
  RunSettings settings_;
  PlacedFile file_;
  std::unique_ptr<Process> process_;  // null, or alive as far as is known
  std::string version_;
  std::vector<std::string> providers_;
  std::optional<Check> check_;
  std::optional<SingleRun> single_;
};

/// The program that runs in the interpreter: frames in and out, as allot-worker's, with messages of its own.
extern const char* const kOrtScript;

}  // namespace allot::measure
