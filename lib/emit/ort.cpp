// SPDX-License-Identifier: Apache-2.0
#include "emit/ort.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/json.h"
#include "emit/annotation.h"

namespace allot::emit {
namespace {

using cluster::Device;
using cluster::DeviceId;

bool same_designator(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool share_a_provider(const Device& a, const Device& b) {
  return a.ort.provider == b.ort.provider || same_designator(a.ort.designator, b.ort.designator);
}

// ("CUDAExecutionProvider", {"device_id": "0"}). JSON's escapes are Python's too.
std::string python_provider(const Device& device) {
  std::string options;
  for (const auto& [key, value] : device.ort.provider_options)
    options += fmt::format("{}{}: {}", options.empty() ? "" : ", ", base::json_quote(key), base::json_quote(value));
  return fmt::format("({}, {{{}}})", base::json_quote(device.ort.provider), options);
}

std::string without_suffix(std::string provider) {
  constexpr std::string_view kSuffix = "ExecutionProvider";
  if (provider.ends_with(kSuffix)) provider.resize(provider.size() - kSuffix.size());
  return provider;
}

// The statement that adds a device's provider to `options`. Two providers have functions of their own; the names that
// the general one takes are mostly the providers' without suffix.
std::string cpp_provider(const Device& device) {
  std::string entries;
  for (const auto& [key, value] : device.ort.provider_options)
    entries += fmt::format("{}{{{}, {}}}", entries.empty() ? "" : ", ", base::json_quote(key), base::json_quote(value));
  std::string name = without_suffix(device.ort.provider);
  if (name == "CUDA" || name == "Tensorrt") {
    if (name == "Tensorrt") name = "TensorRT";
    return fmt::format(
        "  Ort::{0}ProviderOptions {1};\n  {1}.Update({{{2}}});\n"
        "  options.AppendExecutionProvider_{0}_V2(*{1});\n",
        name, name == "CUDA" ? "cuda" : "tensorrt", entries);
  }
  if (name == "WebGpu") name = "WebGPU";
  if (name == "Dml") name = "DML";
  return fmt::format("  options.AppendExecutionProvider({}, {{{}}});\n", base::json_quote(name), entries);
}

}  // namespace

std::vector<DeviceId> session_order(const cluster::Cluster& cluster, const std::vector<bool>& used) {
  std::vector<DeviceId> devices;
  for (DeviceId k = 0; k < cluster.size(); ++k)
    if (used[k]) devices.push_back(k);
  std::stable_partition(devices.begin(), devices.end(),
                        [&](DeviceId k) { return cluster.devices[k].ort.provider != kCpuProvider; });
  return devices;
}

std::string layer_assignment_settings(const cluster::Cluster& cluster, const std::vector<bool>& used) {
  if (!provider_conflicts(cluster, used).empty()) return "";
  std::string settings;
  for (const DeviceId k : session_order(cluster, used))
    settings +=
        fmt::format("{}{}(={})", settings.empty() ? "" : "; ", cluster.devices[k].ort.designator, annotation(k));
  return settings;
}

std::vector<std::string> provider_conflicts(const cluster::Cluster& cluster, const std::vector<bool>& used) {
  std::vector<std::string> names;
  for (DeviceId k = 0; k < cluster.size(); ++k) {
    const Device& device = cluster.devices[k];
    bool conflict = device.ort.provider.empty() || device.ort.designator.empty();
    for (DeviceId earlier = 0; earlier < k; ++earlier)
      conflict |= used[earlier] && share_a_provider(cluster.devices[earlier], device);
    if (used[k] && conflict) names.push_back(device.name);
  }
  return names;
}

std::string python_snippet(const cluster::Cluster& cluster, const std::vector<bool>& used,
                           const std::string& model_path) {
  const std::string settings = layer_assignment_settings(cluster, used);
  if (settings.empty()) return "";
  std::string providers;
  bool has_cpu = false;
  for (const DeviceId k : session_order(cluster, used)) {
    providers += fmt::format("    {},\n", python_provider(cluster.devices[k]));
    has_cpu |= cluster.devices[k].ort.provider == kCpuProvider;
  }
  if (!has_cpu) providers += fmt::format("    (\"{}\", {{}}),\n", kCpuProvider);  // for what the others do not support
  const std::string_view version = kMinOrtVersion;
  const size_t dot = version.find('.');
  return fmt::format(R"(import onnxruntime

# Older releases ignore the placement in silence.
assert tuple(map(int, onnxruntime.__version__.split(".")[:2])) >= ({}, {}), onnxruntime.__version__

options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.layer_assignment_settings", {})
session = onnxruntime.InferenceSession({}, options, providers=[
{}])
)",
                     version.substr(0, dot), version.substr(dot + 1), base::json_quote(settings),
                     base::json_quote(model_path), providers);
}

std::string cpp_snippet(const cluster::Cluster& cluster, const std::vector<bool>& used, const std::string& model_path) {
  const std::string settings = layer_assignment_settings(cluster, used);
  if (settings.empty()) return "";
  std::string providers;
  for (const DeviceId k : session_order(cluster, used))
    if (cluster.devices[k].ort.provider != kCpuProvider)  // which is always there, and always last
      providers += cpp_provider(cluster.devices[k]);
  const std::string_view version = kMinOrtVersion;
  return fmt::format(R"(// generated by allot
#include <onnxruntime_cxx_api.h>

// Older releases ignore the placement in silence.
static_assert(ORT_API_VERSION >= {}, "ONNX Runtime {} or later is needed");

Ort::Session open_placed(Ort::Env& env) {{
  Ort::SessionOptions options;
{}  options.AddConfigEntry("session.layer_assignment_settings", {});
  return Ort::Session(env, ORT_TSTR({}), options);
}}
)",
                     version.substr(version.find('.') + 1), version, providers, base::json_quote(settings),
                     base::json_quote(model_path));
}

std::string genai_snippet(const cluster::Cluster& cluster, const std::vector<bool>& used) {
  const std::string settings = layer_assignment_settings(cluster, used);
  if (settings.empty()) return "";
  base::JsonWriter json;
  json.begin_object().field("schema", "allot.ort_genai/1").field("min_version", kMinOrtVersion);
  json.key("session_options").begin_object().field("session.layer_assignment_settings", settings);
  json.key("provider_options").begin_array();
  for (const DeviceId k : session_order(cluster, used)) {
    const auto& ort = cluster.devices[k].ort;
    if (ort.provider == kCpuProvider) continue;
    json.begin_object(true).key(genai_provider(ort.provider)).begin_object(true);
    for (const auto& [key, value] : ort.provider_options) json.field(key, value);
    json.end_object().end_object();
  }
  return json.end_array().end_object().end_object().str();
}

std::string genai_provider(const std::string& provider) {
  std::string name = without_suffix(provider);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

}  // namespace allot::emit
