// SPDX-License-Identifier: Apache-2.0
#include "sim/simulator_memory.h"

#include <algorithm>

namespace allot::sim {

using graph::kNone;
using graph::TensorId;

/// The largest blocks on the device, those included that are only there for this instant.
std::vector<Held> Simulator::State::largest_held(DeviceId device) const {
  constexpr size_t kMost = 16;
  std::vector<Held> held;
  const auto add = [&](TensorId tensor) { held.push_back({tensor, ledger.block(costs.tensor_bytes[tensor], device)}); };
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const TensorState& state = tensors[tensor];
    if (state.home == device && root(tensor, device) == tensor && (state.readers > 0 || since(tensor) == now))
      add(tensor);
  }
  for (uint32_t stream = first_stream[device]; stream < first_stream[device + 1]; ++stream) {
    if (stream_op[stream] == kNone) continue;
    for (const TensorId tensor : graph.outputs[stream_op[stream]])  // those of a running op have no home yet
      if (tensors[tensor].home == kEverywhere && (!shares_blocks || tensors[tensor].block == tensor)) add(tensor);
  }
  for (uint32_t index = 0; index < network.size(); ++index) {
    const Copy& copy = network[index];
    const bool there = copy.readers > 0 || copy.end_ps > now || copy.start_ps == now;
    if (copy.to == device && copy.start_ps <= now && there) add(copy.tensor);
  }
  const auto larger = [](const Held& a, const Held& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.tensor < b.tensor;
  };
  std::sort(held.begin(), held.end(), larger);
  if (held.size() > kMost) held.resize(kMost);
  return held;
}

}  // namespace allot::sim
