// SPDX-License-Identifier: Apache-2.0
#include "place/objective.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "config/units.h"

namespace allot::place {
namespace {

using cluster::DeviceId;

constexpr std::array<std::string_view, 4> kNames = {"latency", "throughput", "devices", "memory"};
constexpr double kMillion = 1e6;

}  // namespace

std::string_view name(Objective objective) { return kNames[static_cast<size_t>(objective)]; }

std::string value_text(Objective objective, int64_t value) {
  switch (objective) {
    case Objective::devices:
      return std::to_string(value);
    case Objective::memory:
      return fmt::format("{:.1f} %", static_cast<double>(value) * 100 / kMillion);
    case Objective::latency:
    case Objective::throughput:
      break;
  }
  return config::human_time(static_cast<double>(value) * 1e-12);
}

std::vector<std::string> objective_names() { return {kNames.begin(), kNames.end()}; }

Objective parse_objective(std::string_view text) {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end())
    throw base::Error(base::ErrorKind::usage, "objective", fmt::format("unknown: '{}'", base::printable(text)),
                      base::suggestion(text, objective_names()));
  return static_cast<Objective>(found - kNames.begin());
}

SteadyInterval::SteadyInterval(const graph::OpGraph& graph, const cost::CostTable& costs,
                               const cluster::Cluster& cluster)
    : graph_(graph), costs_(costs), cluster_(cluster), wires_(cluster) {}

int64_t SteadyInterval::operator()(std::span<const DeviceId> placement) {
  device_ps_.assign(cluster_.size(), 0);
  channel_ps_.assign(wires_.lanes(), 0);
  for (graph::OpId op = 0; op < graph_.num_ops(); ++op) device_ps_[placement[op]] += costs_.time(op, placement[op]);
  for (graph::TensorId tensor = 0; tensor < graph_.num_tensors(); ++tensor) send_to_readers(tensor, placement);
  int64_t most = 0;
  for (const auto* loads : {&device_ps_, &channel_ps_})
    for (const int64_t load : *loads) most = std::max(most, load);
  return most;
}

/// Once to each device, as the simulator does.
void SteadyInterval::send_to_readers(graph::TensorId tensor, std::span<const DeviceId> placement) {
  const graph::OpId producer = graph_.producer[tensor];
  if (producer == graph::kNone && !cluster_.io_device) return;  // is everywhere
  const DeviceId home = producer == graph::kNone ? *cluster_.io_device : placement[producer];
  uint64_t targets = 0;
  for (const graph::OpId consumer : graph_.consumers[tensor]) targets |= uint64_t{1} << placement[consumer];
  if (graph_.is_output[tensor] && cluster_.io_device) targets |= uint64_t{1} << *cluster_.io_device;
  send(tensor, home, targets & ~(uint64_t{1} << home));
}

/// targets: a bit for each device, without `from`.
void SteadyInterval::send(graph::TensorId tensor, DeviceId from, uint64_t targets) {
  const auto& simulation = cluster_.simulation;
  const bool once = simulation.send == cluster::Send::once;
  int64_t slowest_ps = 0;
  for (; targets != 0; targets &= targets - 1) {
    const auto to = static_cast<DeviceId>(__builtin_ctzll(targets));
    const int64_t time_ps = cluster_.transfer_ps(from, to, costs_.tensor_bytes[tensor]);
    slowest_ps = std::max(slowest_ps, time_ps);
    for (const uint32_t channel : wires_.channels(from, to)) channel_ps_[channel] += time_ps;
    if (simulation.blocks_receivers()) device_ps_[to] += time_ps;
    if (simulation.blocks_senders() && !once) device_ps_[from] += time_ps;
  }
  if (simulation.blocks_senders() && once) device_ps_[from] += slowest_ps;
}

int64_t count_devices(std::span<const DeviceId> placement) {
  uint64_t used = 0;
  for (const DeviceId device : placement) used |= uint64_t{1} << device;
  return __builtin_popcountll(used);
}

int64_t largest_memory_share(const sim::Outcome& outcome, const cluster::Cluster& cluster) {
  double largest = 0;
  for (DeviceId device = 0; device < cluster.size(); ++device) {
    const double capacity = static_cast<double>(std::max<int64_t>(1, cluster.devices[device].usable_bytes()));
    largest = std::max(largest, static_cast<double>(outcome.peak_bytes[device]) / capacity);
  }
  return static_cast<int64_t>(largest * kMillion);
}

}  // namespace allot::place
