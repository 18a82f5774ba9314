// SPDX-License-Identifier: Apache-2.0
#include "measure/torch_runner.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

namespace allot::measure {
namespace {

using base::Error;
using base::ErrorKind;
using cluster::DeviceId;

/// Paths in requests are absolute: the worker need not share our folder.
std::string absolute(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

TorchRunner::TorchRunner(std::string model_path, const cluster::Cluster& cluster, RunSettings settings)
    : model_path_(std::move(model_path)), cluster_(cluster), settings_(std::move(settings)) {}

std::vector<double> TorchRunner::run(const std::vector<DeviceId>& device_of_node) {
  const Request asked = request(device_of_node);
  reply_ = worker_.run(asked, deadline_after(settings_.timeout_seconds));
  return reply_.seconds;
}

Request TorchRunner::request(const std::vector<DeviceId>& device_of_node) {
  const std::set<DeviceId> used(device_of_node.begin(), device_of_node.end());
  used_.assign(used.begin(), used.end());
  std::vector<uint32_t> number(cluster_.size());
  Request request;
  for (const DeviceId device : used_) {
    number[device] = static_cast<uint32_t>(request.devices.size());
    request.devices.push_back(run_device(cluster_.devices[device]));
  }
  for (const DeviceId device : device_of_node) request.placement.push_back(number[device]);
  request.model = absolute(model_path_);
  request.inputs = absolute(settings_.inputs);
  request.outputs = absolute(settings_.outputs);
  request.replace = settings_.replace;
  request.dims = settings_.dims;
  request.seed = settings_.seed;
  request.threads = threads_of(request.devices);
  request.training = settings_.training;
  request.warm_up = settings_.warm_up;
  request.repeat = settings_.repeat;
  request.check = settings_.check;
  request.timeline = settings_.timeline;
  return request;
}

/// Every CPU device of the cluster has its share of the cores, be the others used or not: that is what it was measured
/// with.
uint32_t TorchRunner::threads_of(const std::vector<RunDevice>& devices) {
  const auto is_worker = [&](const cluster::Device& device) { return settings_.emulate || device.kind == "cpu"; };
  const auto workers =
      static_cast<uint32_t>(std::count_if(cluster_.devices.begin(), cluster_.devices.end(), is_worker));
  const auto used = static_cast<uint32_t>(
      std::count_if(devices.begin(), devices.end(), [](const RunDevice& device) { return !device.cuda; }));
  const uint32_t all = settings_.threads ? settings_.threads : hello().cores;
  return std::max(1u, all / std::max(1u, workers)) * used;
}

RunDevice TorchRunner::run_device(const cluster::Device& device) {
  if (settings_.emulate || device.kind == "cpu") return {device.name, std::nullopt};
  const auto lacks = [&](const std::string& what) -> Error {
    return Error(ErrorKind::unavailable, device.name, what, "run every device as a CPU worker with --emulate");
  };
  if (device.kind != "cuda") throw lacks(fmt::format("LibTorch has no devices of kind {}", device.kind));
  uint32_t index = 0;
  if (const auto id = device.ort.provider_options.find("device_id"); id != device.ort.provider_options.end())
    std::from_chars(id->second.data(), id->second.data() + id->second.size(), index);
  const uint32_t there = hello().cuda_devices;
  if (index >= there)
    throw lacks(there == 0 ? "this machine, or its LibTorch, has no CUDA device"
                           : fmt::format("is CUDA device {}, of which this machine has {}", index, there));
  return {device.name, index};
}

}  // namespace allot::measure
