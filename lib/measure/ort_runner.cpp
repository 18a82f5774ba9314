// SPDX-License-Identifier: Apache-2.0
#include "measure/ort_runner.h"

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "base/json_object.h"
#include "emit/ort.h"

namespace allot::measure {
namespace {

using base::Error;
using base::ErrorKind;
using base::JsonObject;
using base::JsonSource;
using cluster::DeviceId;

constexpr const char* kName = "ONNX Runtime";
constexpr const char* kInstall = "install onnxruntime there, or name another interpreter with --python";
constexpr double kSecondsToStart = 120;

std::pair<int, int> release(const std::string& version) {
  int major = 0, minor = 0;
  std::sscanf(version.c_str(), "%d.%d", &major, &minor);
  return {major, minor};
}

std::string absolute(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

OrtRunner::OrtRunner(std::string python, ir::Model& model, const cluster::Cluster& cluster, RunSettings settings)
    : python_(std::move(python)), cluster_(cluster), settings_(std::move(settings)), file_(model, cluster) {
  if (!settings_.outputs.empty())
    base::check_output(settings_.outputs, settings_.replace ? base::Replace::any : base::Replace::own);
}

std::vector<double> OrtRunner::run(const std::vector<DeviceId>& device_of_node) {
  if (!process_) start();
  const std::string question = request(device_of_node);
  std::string answer;
  try {
    const Deadline deadline = deadline_after(settings_.timeout_seconds);
    process_->send(question, deadline);
    answer = process_->receive(deadline);
  } catch (...) {
    process_.reset();
    throw;
  }
  return read(answer);
}

void OrtRunner::start() {
  auto process = std::make_unique<Process>(kName, std::vector<std::string>{python_, "-c", kOrtScript}, true);
  JsonSource source{"greeting of ONNX Runtime", "", kInstall};
  try {
    source.text = process->receive(deadline_after(kSecondsToStart));
  } catch (const Error& error) {
    throw Error(ErrorKind::unavailable, base::printable(python_), error.message(), kInstall);
  }
  const nlohmann::json document = base::parse_json(source.text, source.path);
  const JsonObject hello(source, document, "", {"version", "providers"});
  version_ = hello.text("version");
  providers_ = hello.texts("providers");
  process_ = std::move(process);
}

void OrtRunner::require_able(const std::vector<DeviceId>& devices, bool placed) const {
  for (const DeviceId device : devices) {
    const std::string& provider = cluster_.devices[device].ort.provider;
    if (std::find(providers_.begin(), providers_.end(), provider) == providers_.end())
      throw Error(
          ErrorKind::unavailable, cluster_.devices[device].name,
          fmt::format("this ONNX Runtime ({}) has no {}, but {}", version_, provider, fmt::join(providers_, ", ")),
          "install its package for that provider");
  }
  if (placed && release(version_) < release(emit::kMinOrtVersion))
    throw Error(ErrorKind::unavailable, kName, fmt::format("{} ignores placements", version_),
                fmt::format("install {} or later", emit::kMinOrtVersion));
}

std::string OrtRunner::request(const std::vector<DeviceId>& device_of_node) {
  std::vector<bool> used(cluster_.size());
  for (const DeviceId device : device_of_node) used[device] = true;
  const std::string settings = emit::layer_assignment_settings(cluster_, used);
  if (settings.empty())
    throw Error(ErrorKind::unavailable, fmt::format("{}", fmt::join(emit::provider_conflicts(cluster_, used), ", ")),
                "one session of ONNX Runtime has one device of each provider", "run it with --runner torch");
  const auto devices = emit::session_order(cluster_, used);
  require_able(devices, devices.size() > 1);
  base::JsonWriter json(0);
  json.begin_object().field("model", file_.write(device_of_node)).field("settings", settings);
  json.key("providers").begin_array();
  const auto add = [&](const std::string& provider, const std::map<std::string, std::string>& options) {
    json.begin_array().value(provider).begin_object();
    for (const auto& [key, value] : options) json.field(key, value);
    json.end_object().end_array();
  };
  bool has_cpu = false;
  for (const DeviceId device : devices) {
    const auto& ort = cluster_.devices[device].ort;
    add(ort.provider, ort.provider_options);
    has_cpu |= ort.provider == emit::kCpuProvider;
  }
  if (!has_cpu) add(emit::kCpuProvider, {});  // for what the others do not support
  json.end_array().key("dims").begin_object();
  for (const auto& [symbol, size] : settings_.dims) json.field(symbol, size);
  json.end_object().field("inputs", absolute(settings_.inputs)).field("outputs", absolute(settings_.outputs));
  json.field("seed", settings_.seed).field("threads", settings_.threads);
  json.field("warm_up", settings_.warm_up).field("repeat", settings_.repeat);
  return json.field("check", settings_.check).end_object().str();
}

std::vector<double> OrtRunner::read(const std::string& answer) {
  const JsonSource source{"answer of ONNX Runtime", answer};
  const nlohmann::json document = base::parse_json(answer, source.path);
  if (document.is_object() && document.contains("error")) {
    const JsonObject failed(source, document, "", {"error", "what"});
    const auto kind = failed.text("error") == "out_of_memory" ? ErrorKind::out_of_memory : ErrorKind::check_failed;
    throw Error(kind, kName, base::printable(failed.text("what"), 1000));
  }
  const JsonObject root(source, document, "", {"seconds"}, {"single", "check"});
  single_.reset(), check_.reset();
  if (root.has("single")) single_ = {SingleRun{emit::kCpuProvider, root.list_of_numbers("single")}};
  if (root.has("check")) check_ = read_check(root);
  return root.list_of_numbers("seconds");
}

}  // namespace allot::measure
