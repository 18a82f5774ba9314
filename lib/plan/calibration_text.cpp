// SPDX-License-Identifier: Apache-2.0
// What a calibration says of itself.
#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "cli/table.h"
#include "config/units.h"
#include "plan/calibration.h"

namespace allot::plan {
namespace {

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }
std::string time(double us) { return config::human_time(us * 1e-6); }

/// What the fitted devices make of the ops that were measured, each on the first device of its provider: comparable
/// with the sum over nodes.
double predicted_us(const Calibration& calibration, const MeasuredModel& model) {
  const auto& devices = calibration.cluster.devices;
  double sum = 0;
  for (graph::OpId op = 0; op < model.measured.us.size(); ++op) {
    const auto device = std::find_if(devices.begin(), devices.end(), [&](const auto& candidate) {
      return candidate.ort.provider == model.measured.provider[op];
    });
    if (model.measured.us[op] > 0 && device != devices.end())
      sum += static_cast<double>(cost::roofline_ps(model.input->problem->costs().ops[op], *device)) * 1e-6;
  }
  return sum;
}

std::string name_of(const MeasuredModel& model) {
  return base::printable(std::filesystem::path(model.input->path).filename().string(), 60);
}

std::string models_text(const Calibration& calibration) {
  cli::Table table({"model", "runs", "measured", "predicted", "ratio", "by name"});
  for (const auto& model : calibration.models) {
    const double predicted = predicted_us(calibration, model);
    table.row({name_of(model), fmt::format("{}", model.profile.runs), time(model.measured.us_in_all), time(predicted),
               fmt::format("{:.3f}", predicted / model.measured.us_in_all),
               percent(model.measured.us_by_name / model.measured.us_in_all)});
  }
  return table.str();
}

std::string classes_text(const cluster::Device& device, const Calibration::DeviceFit& fit) {
  cli::Table table({base::printable(device.name, 40), "samples", "overhead", "max", "half", "bandwidth"});
  for (int c = 0; c < cluster::kOpClasses; ++c) {
    if (fit.samples[c] == 0) continue;
    const auto& e = device.efficiency[c];
    table.row({std::string(cluster::name(static_cast<cluster::OpClass>(c))),
               fmt::format("{}{}", fit.samples[c], fit.samples[c] < cost::kFewest ? " (too few)" : ""),
               time(static_cast<double>(e.overhead_ps < 0 ? device.overhead_ps : e.overhead_ps) * 1e-6),
               fmt::format("{:.4f}", e.max), config::human_count(e.half_flops), fmt::format("{:.4f}", e.bandwidth)});
  }
  return table.str();
}

std::string errors_text(const char* label, const cost::FitErrors& errors) {
  return fmt::format("{}: {} ops, mean error {}, median {}, 95th percentile {}; sum {} of measured {}\n", label,
                     errors.samples, percent(errors.mean), percent(errors.median), percent(errors.p95),
                     time(errors.predicted_us), time(errors.measured_us));
}

void write_errors(base::JsonWriter& json, const char* key, const cost::FitErrors& errors) {
  json.key(key).begin_object(true).field("samples", errors.samples).field("mape", errors.mean);
  json.field("median", errors.median).field("p95", errors.p95).field("measured_us", errors.measured_us);
  json.field("predicted_us", errors.predicted_us).key("worst").begin_array(true);
  for (const auto& worst : errors.worst) {
    json.begin_object(true).field("op", worst.name).field("measured_us", worst.measured_us);
    json.field("predicted_us", worst.predicted_us).end_object();
  }
  json.end_array().end_object();
}

}  // namespace

std::string calibration_text(const Calibration& calibration) {
  std::string text = models_text(calibration);
  for (const auto& fit : calibration.devices) {
    const auto& device = calibration.cluster.devices[fit.device];
    text += "\n" + classes_text(device, fit);
    text += errors_text("as given", fit.before) + errors_text("fitted", fit.after);
    for (const auto& worst : fit.after.worst)
      text += fmt::format("  worst: {}: measured {}, predicted {}\n", base::printable(worst.name, 100),
                          time(worst.measured_us), time(worst.predicted_us));
  }
  return text;
}

std::string calibration_json(const Calibration& calibration) {
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.calibrated/1").key("models").begin_array();
  for (const auto& model : calibration.models) {
    json.begin_object(true).field("model", model.input->path).field("runs", model.profile.runs);
    json.field("plain_run_us", model.profile.plain_run_us)
        .field("run_us", model.profile.run_us)
        .field("nodes_us", model.measured.us_in_all)
        .field("predicted_us", predicted_us(calibration, model));
    json.field("nodes", model.measured.nodes).field("by_name", model.measured.by_name).end_object();
  }
  json.end_array().key("devices").begin_array();
  for (const auto& fit : calibration.devices) {
    json.begin_object().field("device", calibration.cluster.devices[fit.device].name);
    write_errors(json, "given", fit.before);
    write_errors(json, "fitted", fit.after);
    json.end_object();
  }
  return json.end_array().end_object().str();
}

}  // namespace allot::plan
