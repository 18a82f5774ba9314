// SPDX-License-Identifier: Apache-2.0
// How the simulator lets ops and transfers wait for one another: the section `simulation:` of a cluster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace allot::cluster {

enum class Semantics : uint8_t {
  dataflow,  // whatever is ready runs: the rules of sim/simulator.h
  ort        // ONNX Runtime's default executor: one order of all nodes, walked by the host (onnx-and-cost 6.2)
};

/// Which transfers wait for one another (placement 0.3).
enum class Contention : uint8_t {
  free,  // none
  bus,   // those that leave the same device
  port,  // those that leave or reach the same device
  link,  // those that pass the same direction of a link
  share  // none, but those on the same direction of a link divide its bandwidth: max-min fair
};

/// Which of the ready ops a device takes first.
enum class Queue : uint8_t {
  fifo,      // the one that became ready first
  priority,  // the one of highest priority
  order      // none but the next in order of priority, ready or not: the device waits for it
};

/// How a transfer passes the wires of its route.
enum class Forwarding : uint8_t {
  cut_through,  // holds all of them from its start to its end
  staged,       // one after another, stored in between
  pipelined     // each for itself, from when it is free and the one before has begun
};

enum class Send : uint8_t {
  per_device,  // a tensor goes to each device that reads it by itself
  once         // it goes to all of them at the same time, in as long as the slowest takes
};

/// Whose compute a transfer needs, too.
enum class Blocking : uint8_t {
  none,
  receiver,  // its destination's, which does the copying itself
  both
};

struct Simulation {
  Semantics semantics = Semantics::dataflow;
  Contention contention = Contention::link;
  Queue queue = Queue::fifo;
  Forwarding forwarding = Forwarding::cut_through;
  Send send = Send::per_device;
  Blocking blocking_transfers = Blocking::none;
  bool in_place = false;        // an elementwise op writes into an input of its size that nobody else needs
  int64_t op_gap_ps = 0;        // a device rests so long after an op of any duration
  int64_t transfer_gap_ps = 0;  // wires rest so long after a transfer

  bool blocks_senders() const { return blocking_transfers == Blocking::both; }
  bool blocks_receivers() const { return blocking_transfers != Blocking::none; }
  bool operator==(const Simulation&) const = default;
};

std::string_view name(Semantics semantics);
std::string_view name(Contention contention);
std::string_view name(Queue queue);
std::string_view name(Forwarding forwarding);
std::string_view name(Send send);
std::string_view name(Blocking blocking);

/// The rules of a published simulator (onnx-and-cost 6.1): "placeto", "baechi", "doppler", "grappler"; "ort" is ONNX
/// Runtime. Bandwidths and latencies stay the cluster's own. Nothing for any other name.
std::optional<Simulation> simulation_preset(std::string_view name);
std::vector<std::string> simulation_presets();

}  // namespace allot::cluster
