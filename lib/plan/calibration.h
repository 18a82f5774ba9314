// SPDX-License-Identifier: Apache-2.0
// Devices fitted to what ONNX Runtime measured: placer-embed --calibrate.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "config/binder.h"
#include "cost/calibrate.h"
#include "cost/match_profile.h"
#include "plan/input.h"

namespace allot::plan {

struct CalibrationOptions {
  std::string calibrate, calibrate_with, fitted, measured;

  void bind(config::Binder& binder);
  bool wanted() const { return !calibrate.empty(); }
  /// Files that are written.
  std::vector<std::string> outputs() const;
};

/// A model and what was measured of it.
struct MeasuredModel {
  std::unique_ptr<Input> input;  // for the target ort
  cost::Profile profile;
  cost::Measured measured;
};

struct Calibration {
  std::vector<MeasuredModel> models;  // the command's own first
  cluster::Cluster cluster;           // with fitted devices
  struct DeviceFit {
    cluster::DeviceId device;
    std::vector<size_t> samples;  // by OpClass
    cost::FitErrors before, after;
  };
  std::vector<DeviceFit> devices;
};

/// Reads the models and profiles, and fits every device whose execution provider ran enough ops: efficiencies,
/// overheads, and from copies to it the links of the host.
/// Errors: those of reading; config for a list that is none; unavailable when a provider that ran ops is no device's,
/// or tells only the host's part of their time.
Calibration calibrate(const std::string& model, const InputOptions& input, const CalibrationOptions& options);

/// Per device and class: samples, figures, errors; per model: measured and predicted time; the worst ops.
std::string calibration_text(const Calibration& calibration);
std::string calibration_json(const Calibration& calibration);

/// Writes --fitted (allot.cluster/1) and --measured (allot.costs/1 of the command's own model).
void write_calibration(const Calibration& calibration, const CalibrationOptions& options, base::Replace replace);

}  // namespace allot::plan
