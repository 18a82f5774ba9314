// SPDX-License-Identifier: Apache-2.0
#include "cluster/simulation_reader.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace allot::cluster {
namespace {

using base::printable;
using config::Node;
using config::Unit;

int64_t gap_ps(const Node& node) {
  constexpr double kMaxSeconds = 1;
  return std::llround(node.quantity(Unit::seconds, 0, kMaxSeconds) * 1e12);
}

std::string gap_text(int64_t ps) { return config::format_quantity(static_cast<double>(ps) / 1e12, Unit::seconds); }

/// Max-min fair rates know no order, so nothing can ask for one.
void require_no_queues(const Node& node, const Simulation& simulation, const std::vector<Device>& devices) {
  const auto refuse = [&](bool given, std::string_view what) {
    if (given)
      node.fail(fmt::format("contention: share divides bandwidth, but {} makes transfers wait for one another", what),
                "remove one of them");
  };
  refuse(simulation.forwarding != Forwarding::cut_through, fmt::format("forwarding: {}", name(simulation.forwarding)));
  refuse(simulation.send == Send::once, "send: once");
  refuse(simulation.blocks_receivers(), "blocking_transfers");
  refuse(simulation.transfer_gap_ps > 0, "transfer_gap");
  for (const Device& device : devices)
    refuse(device.copy_engines > 0, fmt::format("copy_engines of device '{}'", device.name));
}

}  // namespace

void fail_choice(const Node& node, const std::vector<std::string>& names) {
  node.fail(fmt::format("'{}' is not a choice", printable(node.text(), 60)),
            fmt::format("choose one of: {}", fmt::join(names, ", ")));
}

void check_simulation_keys(const Node& node, config::UnknownKeys& unknown) {
  unknown.check(node, {"preset", "semantics", "contention", "queue", "forwarding", "send", "blocking_transfers",
                       "in_place", "op_gap", "transfer_gap"});
}

Simulation read_simulation(const Node& node, const std::vector<Device>& devices) {
  Simulation s;
  if (const Node* preset = node.find("preset")) {
    const auto found = simulation_preset(preset->text());
    if (!found) fail_choice(*preset, simulation_presets());
    s = *found;
  }
  if (const Node* value = node.find("semantics")) s.semantics = choice(*value, Semantics::ort);
  if (const Node* value = node.find("contention")) s.contention = choice(*value, Contention::share);
  if (const Node* value = node.find("queue")) s.queue = choice(*value, Queue::order);
  if (const Node* value = node.find("forwarding")) s.forwarding = choice(*value, Forwarding::pipelined);
  if (const Node* value = node.find("send")) s.send = choice(*value, Send::once);
  if (const Node* value = node.find("blocking_transfers")) s.blocking_transfers = choice(*value, Blocking::both);
  if (const Node* value = node.find("in_place")) s.in_place = value->boolean();
  if (const Node* value = node.find("op_gap")) s.op_gap_ps = gap_ps(*value);
  if (const Node* value = node.find("transfer_gap")) s.transfer_gap_ps = gap_ps(*value);
  if (s.contention == Contention::share) require_no_queues(node, s, devices);
  if (s.send == Send::once && s.forwarding != Forwarding::cut_through)
    node.fail(fmt::format("send: once holds all wires at one time, but forwarding: {} one by one", name(s.forwarding)),
              "remove one of them");
  return s;
}

std::string simulation_text(const Simulation& s) {
  constexpr Simulation kDefault;
  std::string text = fmt::format("{{contention: {}, queue: {}", name(s.contention), name(s.queue));
  const auto add = [&](bool differs, std::string_view key, std::string_view value) {
    if (differs) text += fmt::format(", {}: {}", key, value);
  };
  add(s.semantics != kDefault.semantics, "semantics", name(s.semantics));
  add(s.forwarding != kDefault.forwarding, "forwarding", name(s.forwarding));
  add(s.send != kDefault.send, "send", name(s.send));
  add(s.blocks_receivers(), "blocking_transfers", name(s.blocking_transfers));
  add(s.in_place, "in_place", "true");
  add(s.op_gap_ps > 0, "op_gap", gap_text(s.op_gap_ps));
  add(s.transfer_gap_ps > 0, "transfer_gap", gap_text(s.transfer_gap_ps));
  return text + "}";
}

}  // namespace allot::cluster
