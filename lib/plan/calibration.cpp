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

std::string provenance(const std::vector<MeasuredModel>& models, size_t samples) {
  std::string names;
  for (const auto& model : models) {
    const auto name = std::filesystem::path(model.input->path).filename().string();
    names += (names.empty() ? "" : ", ") + base::printable(name, 60);
  }
  return fmt::format("fitted to {} ops measured by ONNX Runtime in {}", samples, names);
}

/// latency + bytes / bandwidth of the copies to a device, by least squares of relative errors.
void fit_link(cluster::Cluster& cluster, DeviceId device, const std::vector<MeasuredModel>& models) {
  double w = 0, wx = 0, wxx = 0, wy = 0, wxy = 0;
  for (const auto& model : models)
    for (const auto& copy : model.measured.copies) {
      if (copy.type != "MemcpyFromHost" || copy.provider != cluster.devices[device].ort.provider) continue;
      if (copy.host_us <= 0 || copy.bytes <= 0) continue;
      const double weight = 1 / (copy.host_us * copy.host_us), x = static_cast<double>(copy.bytes);
      w += weight, wx += weight * x, wxx += weight * x * x, wy += weight * copy.host_us,
          wxy += weight * x * copy.host_us;
    }
  const double spread = w * wxx - wx * wx;
  const auto host =
      std::find_if(cluster.devices.begin(), cluster.devices.end(), [](const auto& d) { return d.kind == "cpu"; });
  const auto& links = cluster.route(static_cast<DeviceId>(host - cluster.devices.begin()), device).links;
  if (spread <= 1e-9 * w * wxx || links.size() != 1) return;
  const double us_per_byte = (w * wxy - wx * wy) / spread;
  if (us_per_byte <= 0) return;
  cluster::Link& link = cluster.links[links[0]];
  link.latency_ps = static_cast<int64_t>(std::max(0.0, (wy - us_per_byte * wx) / w) * kPsPerUs);
  link.bandwidth_bytes_per_s = 1e6 / us_per_byte;
  cluster = cluster::parse(cluster::dump(cluster), cluster.path);  // whose routes follow from its links
}

void fit_device(Calibration& result, DeviceId id) {
  const cluster::Device base = result.cluster.devices[id];
  const auto samples = samples_of(result.models, base);
  if (samples.size() < cost::kFewest) return;
  cost::Fit fit = cost::calibrate(base, samples);
  fit.device.source = provenance(result.models, samples.size());
  if (base.kind != "cpu") fit.device.overhead_ps = launch_ps(result.models, base);
  result.devices.push_back({.device = id,
                            .samples = std::move(fit.samples),
                            .before = cost::fit_errors(base, samples),
                            .after = cost::fit_errors(fit.device, samples)});
  result.cluster.devices[id] = std::move(fit.device);
  if (base.kind != "cpu") fit_link(result.cluster, id, result.models);
}

}  // namespace

void CalibrationOptions::bind(config::Binder& binder) {
  binder.text("calibrate", calibrate, "fit the cluster's devices to this profile of MODEL by ONNX Runtime").cli_only =
      true;
  binder.text("calibrate_with", calibrate_with, "and to those of other models, listed here (allot.calibration/1)")
      .cli_only = true;
  binder.text("fitted", fitted, "write the fitted cluster here (allot.cluster/1)").cli_only = true;
  binder.text("measured", measured, "write the measured times of MODEL here (allot.costs/1)").cli_only = true;
}

std::vector<std::string> CalibrationOptions::outputs() const {
  std::vector<std::string> paths;
  for (const auto& path : {fitted, measured})
    if (!path.empty()) paths.push_back(path);
  return paths;
}

Calibration calibrate(const std::string& model, const InputOptions& input, const CalibrationOptions& options) {
  Calibration result;
  result.models.push_back(read(model, options.calibrate, input));
  if (!options.calibrate_with.empty()) read_list(options.calibrate_with, input, result.models);
  result.cluster = load_cluster(input);
  for (const auto& measured : result.models) require_known(measured.profile, result.cluster);
  match(result.models);
  for (DeviceId device = 0; device < result.cluster.size(); ++device) fit_device(result, device);
  if (result.devices.empty())
    throw Error(ErrorKind::unavailable, base::printable(options.calibrate),
                fmt::format("no device was measured on {} ops or more", cost::kFewest), "profile a larger model");
  return result;
}

}  // namespace allot::plan
