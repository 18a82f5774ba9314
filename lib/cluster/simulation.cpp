// SPDX-License-Identifier: Apache-2.0
#include "cluster/simulation.h"

#include <utility>

namespace allot::cluster {
namespace {

constexpr int64_t kMicrosecond = 1'000'000;

using Named = std::pair<std::string, Simulation>;

const std::vector<Named>& preset_table() {
  static const std::vector<Named> table = {
      // Addanki et al. 2019: fitted to 8 K80 on one host, whose wires carried 7.6 GB/s.
      {"placeto",
       {.contention = Contention::bus,
        .send = Send::once,
        .op_gap_ps = 57 * kMicrosecond / 10,
        .transfer_gap_ps = 25 * kMicrosecond}},
      // Jeon et al. 2020: a device has one channel for what it sends and receives; each end holds its own.
      {"baechi", {.contention = Contention::port, .forwarding = Forwarding::pipelined}},
      // Yao et al. 2025: a transfer only takes time.
      {"doppler", {.contention = Contention::free}},
      // TensorFlow's VirtualScheduler: a channel for each ordered pair of devices, ready ops by time.
      {"grappler", {}},
      {"ort", {.semantics = Semantics::ort, .blocking_transfers = Blocking::both}},
  };
  return table;
}

template <typename Enum, size_t kCount>
std::string_view pick(Enum value, const std::string_view (&names)[kCount]) {
  return names[static_cast<size_t>(value)];
}

}  // namespace

std::string_view name(Semantics semantics) { return pick(semantics, {"dataflow", "ort"}); }
std::string_view name(Contention contention) { return pick(contention, {"free", "bus", "port", "link", "share"}); }
std::string_view name(Queue queue) { return pick(queue, {"fifo", "priority", "order"}); }
std::string_view name(Forwarding forwarding) { return pick(forwarding, {"cut_through", "staged", "pipelined"}); }
std::string_view name(Send send) { return pick(send, {"per_device", "once"}); }
std::string_view name(Blocking blocking) { return pick(blocking, {"false", "receiver", "true"}); }

std::optional<Simulation> simulation_preset(std::string_view name) {
  for (const auto& [preset, simulation] : preset_table())
    if (preset == name) return simulation;
  return std::nullopt;
}

std::vector<std::string> simulation_presets() {
  std::vector<std::string> names;
  for (const auto& [preset, unused] : preset_table()) names.push_back(preset);
  return names;
}

}  // namespace allot::cluster
