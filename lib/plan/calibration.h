// SPDX-License-Identifier: Apache-2.0
// Devices fitted to what was measured: placer-embed --calibrate (by ONNX Runtime) and --measure (by LibTorch).
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
  bool measure = false;
  std::string measure_cache;  // "" = allot in XDG_CACHE_HOME or ~/.cache
  int64_t measure_repeat = 30;

  void bind(config::Binder& binder);
  /// Errors: usage when both ways to measure are asked for.
  bool wanted() const;
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
  std::string runtime, command;       // that measured, "ONNX Runtime"; that was given, "--calibrate"
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

/// Times each distinct op (type, attributes, types of inputs and outputs) on one CPU worker, with the share of cores
/// that a CPU device of the cluster has, and copies between two if the cluster has two; fits the CPU devices and the
/// links between them. Times are kept in --measure-cache by op, processor, threads and LibTorch; where all are known,
/// nothing is run. `threads`: of all workers together, 0 = all cores. Errors: those of reading, and of the worker:
/// unavailable without it; config when the cluster has no CPU device.
Calibration measure_ops(const std::string& model, const InputOptions& input, const CalibrationOptions& options,
                        uint32_t threads, uint64_t seed);

/// Fits every device whose execution provider ran enough of the models' ops, and with copies from the host its link.
/// Errors: unavailable when there is none.
void fit_devices(Calibration& calibration);

struct CopyTime {
  double bytes, us;
};
/// latency + bytes / bandwidth, by least squares of relative errors, becomes the link between two devices. Nothing
/// happens where sizes do not tell, or the way between them is not one link.
void fit_link(cluster::Cluster& cluster, cluster::DeviceId from, cluster::DeviceId to,
              const std::vector<CopyTime>& copies);

/// Per device and class: samples, figures, errors; per model: measured and predicted time; the worst ops.
std::string calibration_text(const Calibration& calibration);
std::string calibration_json(const Calibration& calibration);

/// Writes --fitted (allot.cluster/1) and --measured (allot.costs/1 of the command's own model).
void write_calibration(const Calibration& calibration, const CalibrationOptions& options, base::Replace replace);

}  // namespace allot::plan
