// SPDX-License-Identifier: Apache-2.0
// The ops of a model timed on this machine's processor: placer-embed --measure (onnx-and-cost 6.6).
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "measure/op_times.h"
#include "measure/robust_mean.h"
#include "measure/worker.h"
#include "plan/calibration.h"

namespace allot::plan {
namespace {

using base::Error;
using base::ErrorKind;
using cluster::DeviceId;

constexpr uint32_t kWarmUp = 5, kCopyRepeat = 10;
constexpr double kTimeoutSeconds = 3600;
constexpr double kMostDispatchUs = 3;  // of a node

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  return "unknown processor";
}

std::vector<DeviceId> cpu_devices(const cluster::Cluster& cluster) {
  std::vector<DeviceId> devices;
  for (DeviceId device = 0; device < cluster.size(); ++device)
    if (cluster.devices[device].kind == "cpu") devices.push_back(device);
  if (devices.empty())
    throw Error(ErrorKind::config, base::printable(cluster.path), "has no device of kind cpu to measure",
                "name a cluster that has one with --cluster");
  return devices;
}

/// A run on as many workers as there are `devices`, which share `threads`.
measure::Request request(const Input& input, size_t devices, uint32_t threads, uint64_t seed) {
  measure::Request request;
  request.model = std::filesystem::absolute(input.path).lexically_normal().string();
  for (size_t i = 0; i < devices; ++i) request.devices.push_back({fmt::format("worker{}", i), std::nullopt});
  for (size_t i = 0; i < input.model.graph.nodes.size(); ++i)
    request.placement.push_back(static_cast<uint32_t>(i % devices));
  request.dims = bound_dims(input);
  request.seed = seed;
  request.threads = threads;
  request.warm_up = kWarmUp;
  request.check = request.timeline = false;
  return request;
}

/// Hexadecimal, by op: equal for ops of one operator, attributes, and types of inputs and outputs.
std::vector<std::string> keys(const Input& input) {
  std::vector<std::string> keys;
  for (const uint64_t hash : graph::op_hashes(input.planning, input.graph(), 0))
    keys.push_back(fmt::format("{:016x}", hash));
  return keys;
}

/// By node, so that all add up to the run. Dispatch, which no node was charged with, is the same for each; what is
/// beyond that came from others on the machine and lengthened what is long.
std::vector<double> node_times(const Input& input, const measure::Reply& reply) {
  const auto count = static_cast<double>(reply.nodes.size());
  std::vector<double> us(input.model.graph.nodes.size());
  double sum = 0;
  for (const auto& node : reply.nodes) sum += node.median_us;
  const double whole = measure::median(reply.seconds) * 1e6;
  const double dispatch = std::clamp((whole - sum) / count, 0.0, kMostDispatchUs);
  const double scale = sum > 0 ? (whole - dispatch * count) / sum : 0;
  for (const auto& node : reply.nodes) us[node.node] += dispatch + scale * node.median_us;
  return us;
}

/// By op: a node that became several is divided as predicted. What has no time of its own, fused into others or a
/// matter of the shape alone, takes none.
std::vector<double> op_times(const Input& input, const cluster::Device& device, const measure::Reply& reply) {
  const auto nodes = node_times(input, reply);
  const auto node_of = [&](graph::OpId op) { return input.planning.original_node(input.graph().node[op]); };
  const auto weight = [&](graph::OpId op) {
    return 1 + static_cast<double>(cost::roofline_ps(input.problem->costs().ops[op], device));
  };
  std::vector<double> weights(nodes.size()), us(input.graph().num_ops());
  for (graph::OpId op = 0; op < us.size(); ++op) weights[node_of(op)] += weight(op);
  for (graph::OpId op = 0; op < us.size(); ++op) us[op] = nodes[node_of(op)] * weight(op) / weights[node_of(op)];
  return us;
}

/// The mean over ops of one key, so that they add up to the run.
void add_ops(measure::OpTimes& times, const std::vector<std::string>& keys, const std::vector<double>& us) {
  std::map<std::string, std::pair<double, double>> sums;
  for (size_t op = 0; op < us.size(); ++op) sums[keys[op]].first += us[op], sums[keys[op]].second += 1;
  for (const auto& [key, sum] : sums) times.op_us[key] = sum.first / sum.second;
}

void add_copies(measure::OpTimes& times, const measure::Reply& reply) {
  std::map<int64_t, std::vector<double>> us;
  for (const auto& transfer : reply.transfers) us[transfer.bytes].push_back(transfer.median_us);
  for (const auto& [bytes, list] : us) times.copy_us[bytes] = measure::median(list);
}

/// Runs what `times` does not know. Returns whether anything was run.
bool run_unknown(const Input& input, const std::vector<DeviceId>& devices, measure::Worker& worker, uint32_t threads,
                 const CalibrationOptions& options, uint64_t seed, measure::OpTimes& times) {
  const auto op_keys = keys(input);
  const auto known = [&](const std::string& key) { return times.op_us.contains(key); };
  const bool ops = !std::all_of(op_keys.begin(), op_keys.end(), known),
             copies = devices.size() > 1 && times.copy_us.empty();
  if (ops) {
    auto asked = request(input, 1, threads, seed);
    asked.repeat = static_cast<uint32_t>(options.measure_repeat);
    const auto reply = worker.run(asked, measure::deadline_after(kTimeoutSeconds));
    add_ops(times, op_keys, op_times(input, input.problem->cluster().devices[devices[0]], reply));
  }
  if (copies) {
    auto asked = request(input, 2, 2 * threads, seed);
    asked.repeat = kCopyRepeat;
    add_copies(times, worker.run(asked, measure::deadline_after(kTimeoutSeconds)));
  }
  return ops || copies;
}

/// Workers copy what they receive themselves.
void block_receivers(cluster::Cluster& cluster) {
  auto& rules = cluster.simulation;
  const bool can_block = rules.contention != cluster::Contention::share;  // shared bandwidth knows no queues
  if (can_block && !rules.blocks_receivers()) rules.blocking_transfers = cluster::Blocking::receiver;
}

/// As if a profile had told it.
MeasuredModel measured_model(std::unique_ptr<Input> input, const measure::OpTimes& times, const cluster::Device& device,
                             uint32_t runs) {
  MeasuredModel model;
  const size_t ops = input->graph().num_ops();
  input->built.fusion.main_of.resize(ops);  // nothing is fused that could not be taken apart
  std::iota(input->built.fusion.main_of.begin(), input->built.fusion.main_of.end(), graph::OpId{0});
  for (graph::OpId op = 0; op < ops; ++op)
    input->built.fusion.kernel.push_back(input->graph().type_names[input->graph().type[op]]);
  for (const auto& key : keys(*input)) model.measured.us.push_back(times.op_us.at(key));
  model.measured.provider.assign(ops, device.ort.provider);
  model.measured.nodes = model.measured.by_name = static_cast<uint32_t>(ops);
  model.measured.us_in_all = std::accumulate(model.measured.us.begin(), model.measured.us.end(), 0.0);
  model.measured.us_by_name = model.profile.run_us = model.profile.plain_run_us = model.measured.us_in_all;
  model.profile.runs = runs;
  model.input = std::move(input);
  return model;
}

}  // namespace

Calibration measure_ops(const std::string& model, const InputOptions& options, const CalibrationOptions& calibration,
                        uint32_t threads, uint64_t seed) {
  InputOptions inference = options;
  inference.costs.clear();
  inference.target = "any";
  inference.workload.workload = "inference";
  auto input = load(model, inference);
  const auto devices = cpu_devices(input->problem->cluster());
  measure::Worker worker;
  const measure::Hello hello = worker.hello();
  const auto share = std::max<uint32_t>(1, (threads ? threads : hello.cores) / static_cast<uint32_t>(devices.size()));
  measure::OpTimes times{.device = fmt::format("{}, {} threads", processor(), share),
                         .libtorch = hello.libtorch,
                         .op_us = {},
                         .copy_us = {}};
  const std::string folder = calibration.measure_cache.empty() ? measure::default_cache() : calibration.measure_cache;
  if (!folder.empty()) times.read(folder);
  const bool anew = run_unknown(*input, devices, worker, share, calibration, seed, times);
  if (!anew) base::info("{}: knows all ops of {}", base::printable(times.path(folder)), base::printable(model));
  if (anew && !folder.empty()) times.write(folder);

  Calibration result;
  result.runtime = hello.libtorch.empty() ? "LibTorch" : "LibTorch " + hello.libtorch;
  result.command = "--measure";
  result.cluster = input->problem->cluster();
  result.models.push_back(measured_model(std::move(input), times, result.cluster.devices[devices[0]],
                                         anew ? static_cast<uint32_t>(calibration.measure_repeat) : 0));
  fit_devices(result);
  std::vector<CopyTime> copies;
  for (const auto& [bytes, us] : times.copy_us) copies.push_back({static_cast<double>(bytes), us});
  for (const DeviceId from : devices)
    for (const DeviceId to : devices)
      if (from < to) fit_link(result.cluster, from, to, copies);
  block_receivers(result.cluster);
  return result;
}

}  // namespace allot::plan
