// SPDX-License-Identifier: Apache-2.0
#include "plan/calibration.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "config/yaml.h"

namespace allot::plan {
namespace {

using base::Error;
using base::ErrorKind;
using cluster::DeviceId;
using config::Node;

constexpr double kPsPerUs = 1e6;

MeasuredModel read(const std::string& model, const std::string& profile, InputOptions options) {
  options.target = "ort";
  options.costs.clear();
  return {.input = load(model, options), .profile = cost::read_profile(profile), .measured = {}};
}

std::vector<std::string> texts(const Node& entry, std::string_view key) {
  std::vector<std::string> result;
  if (const Node* list = entry.find(key))
    for (const Node& item : list->items()) result.push_back(item.text());
  return result;
}

/// The models and profiles of a list (`allot.calibration/1`); paths in it are relative to its folder.
void read_list(const std::string& path, const InputOptions& options, std::vector<MeasuredModel>& models) {
  const Node document = config::load_yaml(path);
  const Node* schema = document.is_map() ? document.find("schema") : nullptr;
  if (!schema || schema->text() != "allot.calibration/1")
    document.fail("is not a list of profiles", "begin it with schema: allot.calibration/1");
  document.require_keys({"schema", "models"});
  const auto folder = std::filesystem::path(path).parent_path();
  for (const Node& entry : document.at("models").items()) {
    entry.require_keys({"model", "profile", "dim", "input_shape"});
    InputOptions own = options;
    own.dim = texts(entry, "dim");
    own.input_shape = texts(entry, "input_shape");
    models.push_back(
        read((folder / entry.at("model").text()).string(), (folder / entry.at("profile").text()).string(), own));
  }
}

void match(std::vector<MeasuredModel>& models) {
  std::vector<cost::Profile*> profiles;
  for (auto& model : models) profiles.push_back(&model.profile);
  cost::take_off_profiling(profiles);
  for (auto& [input, profile, measured] : models)
    measured = cost::match_profile(profile, input->graph(), input->built.fusion);
}

/// Every provider that ran ops has a device, and tells how long that device took.
void require_known(const cost::Profile& profile, const cluster::Cluster& cluster) {
  for (const cost::ProfiledNode& node : profile.nodes) {
    const auto device = std::find_if(cluster.devices.begin(), cluster.devices.end(),
                                     [&](const auto& d) { return d.ort.provider == node.provider; });
    if (device == cluster.devices.end())
      throw Error(ErrorKind::unavailable, base::printable(profile.path),
                  fmt::format("ran on {}, which is no device's", base::printable(node.provider)),
                  "name it in the cluster with ort: {provider: ...}");
    const bool copy = node.type.starts_with("Memcpy");
    const auto reports = [&](const auto& other) { return other.provider == node.provider && other.device_us >= 0; };
    if (device->kind == "cpu" || copy || std::any_of(profile.nodes.begin(), profile.nodes.end(), reports)) continue;
    throw Error(
        ErrorKind::unavailable, base::printable(profile.path),
        fmt::format("tells only how long the host took to launch the ops of {}", base::printable(node.provider)),
        "profile with a provider that reports its kernels");
  }
}

std::vector<cost::Sample> samples_of(const std::vector<MeasuredModel>& models, const cluster::Device& device) {
  std::vector<cost::Sample> samples;
  for (const auto& [input, profile, measured] : models)
    for (graph::OpId op = 0; op < measured.us.size(); ++op)
      if (measured.us[op] > 0 && measured.provider[op] == device.ort.provider)
        samples.push_back({input->problem->costs().ops[op], measured.us[op],
                           fmt::format("{} ({}) of {}", input->graph().op_names[op], input->built.fusion.kernel[op],
                                       std::filesystem::path(input->path).filename().string())});
  return samples;
}

/// What a launch costs the host: what it spends on nodes whose kernels run elsewhere.
int64_t launch_ps(const std::vector<MeasuredModel>& models, const cluster::Device& device) {
  std::vector<double> us;
  for (const auto& model : models)
    for (const auto& node : model.profile.nodes)
      if (node.provider == device.ort.provider && node.device_us >= 0) us.push_back(node.host_us);
  if (us.empty()) return device.overhead_ps;
  std::nth_element(us.begin(), us.begin() + static_cast<std::ptrdiff_t>(us.size() / 2), us.end());
  return static_cast<int64_t>(us[us.size() / 2] * kPsPerUs);
}

std::string provenance(const Calibration& calibration, size_t samples) {
  std::string names;
  for (const auto& model : calibration.models) {
    const auto name = std::filesystem::path(model.input->path).filename().string();
    names += (names.empty() ? "" : ", ") + base::printable(name, 60);
  }
  return fmt::format("fitted to {} ops measured by {} in {}", samples, calibration.runtime, names);
}

/// Of copies to a device from the host.
void fit_host_link(cluster::Cluster& cluster, DeviceId device, const std::vector<MeasuredModel>& models) {
  std::vector<CopyTime> copies;
  for (const auto& model : models)
    for (const auto& copy : model.measured.copies)
      if (copy.type == "MemcpyFromHost" && copy.provider == cluster.devices[device].ort.provider)
        copies.push_back({static_cast<double>(copy.bytes), copy.host_us});
  const auto host =
      std::find_if(cluster.devices.begin(), cluster.devices.end(), [](const auto& d) { return d.kind == "cpu"; });
  fit_link(cluster, static_cast<DeviceId>(host - cluster.devices.begin()), device, copies);
}

void fit_device(Calibration& result, DeviceId id) {
  const cluster::Device base = result.cluster.devices[id];
  const auto samples = samples_of(result.models, base);
  if (samples.size() < cost::kFewest) return;
  cost::Fit fit = cost::calibrate(base, samples);
  fit.device.source = provenance(result, samples.size());
  if (base.kind != "cpu") fit.device.overhead_ps = launch_ps(result.models, base);
  result.devices.push_back({.device = id,
                            .samples = std::move(fit.samples),
                            .before = cost::fit_errors(base, samples),
                            .after = cost::fit_errors(fit.device, samples)});
  result.cluster.devices[id] = std::move(fit.device);
  if (base.kind != "cpu") fit_host_link(result.cluster, id, result.models);
}

}  // namespace

void CalibrationOptions::bind(config::Binder& binder) {
  binder.text("calibrate", calibrate, "fit the cluster's devices to this profile of MODEL by ONNX Runtime").cli_only =
      true;
  binder.text("calibrate_with", calibrate_with, "and to those of other models, listed here (allot.calibration/1)")
      .cli_only = true;
  binder.flag("measure", measure, "time the ops of MODEL on this machine's processor instead, by LibTorch").cli_only =
      true;
  binder.text("measure_cache", measure_cache,
              "folder that keeps their times; default: allot in XDG_CACHE_HOME or ~/.cache");
  binder.integer("measure_repeat", measure_repeat, "runs that each time is the median of", 3, 1'000'000);
  binder.text("fitted", fitted, "write the fitted cluster here (allot.cluster/1)").cli_only = true;
  binder.text("measured", measured, "write the measured times of MODEL here (allot.costs/1)").cli_only = true;
}

bool CalibrationOptions::wanted() const {
  if (measure && !calibrate.empty())
    throw Error(ErrorKind::usage, "--measure", "measures anew what --calibrate has measured", "leave one of them out");
  return measure || !calibrate.empty();
}

std::vector<std::string> CalibrationOptions::outputs() const {
  std::vector<std::string> paths;
  for (const auto& path : {fitted, measured})
    if (!path.empty()) paths.push_back(path);
  return paths;
}

Calibration calibrate(const std::string& model, const InputOptions& input, const CalibrationOptions& options) {
  Calibration result;
  result.runtime = "ONNX Runtime";
  result.command = "--calibrate";
  result.models.push_back(read(model, options.calibrate, input));
  if (!options.calibrate_with.empty()) read_list(options.calibrate_with, input, result.models);
  result.cluster = load_cluster(input);
  for (const auto& measured : result.models) require_known(measured.profile, result.cluster);
  match(result.models);
  fit_devices(result);
  return result;
}

void fit_devices(Calibration& calibration) {
  for (DeviceId device = 0; device < calibration.cluster.size(); ++device) fit_device(calibration, device);
  if (calibration.devices.empty())
    throw Error(ErrorKind::unavailable, base::printable(calibration.models.front().input->path),
                fmt::format("no device was measured on {} ops or more", cost::kFewest), "measure a larger model");
}

void fit_link(cluster::Cluster& cluster, DeviceId from, DeviceId to, const std::vector<CopyTime>& copies) {
  double w = 0, wx = 0, wxx = 0, wy = 0, wxy = 0;
  for (const auto& [x, us] : copies) {
    if (us <= 0 || x <= 0) continue;
    const double weight = 1 / (us * us);
    w += weight, wx += weight * x, wxx += weight * x * x, wy += weight * us, wxy += weight * x * us;
  }
  const double spread = w * wxx - wx * wx;
  const auto& links = cluster.route(from, to).links;
  if (spread <= 1e-9 * w * wxx || links.size() != 1) return;
  const double us_per_byte = (w * wxy - wx * wy) / spread;
  if (us_per_byte <= 0) return;
  cluster::Link& link = cluster.links[links[0]];
  link.latency_ps = static_cast<int64_t>(std::max(0.0, (wy - us_per_byte * wx) / w) * kPsPerUs);
  link.bandwidth_bytes_per_s = 1e6 / us_per_byte;
  cluster = cluster::parse(cluster::dump(cluster), cluster.path);  // whose routes follow from its links
}

}  // namespace allot::plan
