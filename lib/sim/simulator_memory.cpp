// SPDX-License-Identifier: Apache-2.0
// Rule 6 of simulator.h: who lives in which block, and when a block is done.
#include <algorithm>

#include "sim/simulator_state.h"

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::TensorId;

uint32_t Simulator::State::copy_at(TensorId tensor, DeviceId device) const {
  uint32_t index = tensors[tensor].first_copy;
  while (network[index].to != device) ++index;
  return index;
}

uint32_t Simulator::State::root(TensorId tensor, DeviceId device) const {
  const TensorState& state = tensors[tensor];
  return state.home == device ? state.block : graph.num_tensors() + copy_at(tensor, device);
}

uint32_t& Simulator::State::readers(uint32_t block) {
  return block < tensors.size() ? tensors[block].readers : network[block - graph.num_tensors()].readers;
}

/// At the start of `op`: workspace, and the blocks of its outputs.
void Simulator::State::take_outputs(OpId op) {
  const DeviceId device = ops[op].device;
  int64_t bytes = ledger.block(costs.workspace_bytes[op], device);
  const uint32_t reused = shares_blocks ? block_to_reuse(op) : kNone;
  for (const TensorId tensor : graph.outputs[op]) {
    tensors[tensor].block = reused == kNone ? tensor : reused;
    if (reused == kNone) bytes += ledger.block(costs.tensor_bytes[tensor], device);
  }
  ledger.take(device, bytes);
}

/// The block of an input that the one output of `op` lives in, or kNone.
uint32_t Simulator::State::block_to_reuse(OpId op) {
  if (reuse[op] == Reuse::none) return kNone;
  const int64_t bytes = costs.tensor_bytes[graph.outputs[op][0]];
  for (const TensorId tensor : graph.inputs[op]) {
    if (costs.tensor_bytes[tensor] != bytes) continue;
    const uint32_t block = root(tensor, ops[op].device);
    if (reuse[op] == Reuse::alias || readers(block) == 1) return block;
  }
  return kNone;
}

/// `op` has ended and needs `tensor` no more.
void Simulator::State::input_used(OpId op, TensorId tensor) {
  const DeviceId device = ops[op].device;
  if (tensors[tensor].home == device) return release(tensor);
  release_copy(copy_at(tensor, device));
}

/// One reason less to keep a tensor where it was made.
void Simulator::State::release(TensorId tensor) {
  const uint32_t block = tensors[tensor].block;
  if (block >= tensors.size()) return release_copy(block - graph.num_tensors());
  TensorState& state = tensors[block];
  if (--state.readers > 0) return;
  ledger.give_back(state.home, ledger.block(costs.tensor_bytes[block], state.home), since(block), now);
}

void Simulator::State::release_copy(uint32_t index) {
  Copy& copy = network[index];
  if (--copy.readers == 0)
    ledger.give_back(copy.to, ledger.block(costs.tensor_bytes[copy.tensor], copy.to), copy.start_ps, now);
}

/// When a tensor was taken at home.
int64_t Simulator::State::since(TensorId tensor) const {
  return tensor < num_inputs ? 0 : start_ps[graph.producer[tensor]];
}

/// The largest blocks on the device, those included that are only there for this instant.
std::vector<Held> Simulator::State::largest_held(DeviceId device) const {
  constexpr size_t kMost = 16;
  std::vector<Held> held;
  const auto add = [&](TensorId tensor) { held.push_back({tensor, ledger.block(costs.tensor_bytes[tensor], device)}); };
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    const TensorState& state = tensors[tensor];
    if (state.home == device && state.block == tensor && (state.readers > 0 || since(tensor) == now)) add(tensor);
  }
  for (uint32_t stream = first_stream[device]; stream < first_stream[device + 1]; ++stream) {
    if (stream_op[stream] == kNone) continue;
    for (const TensorId tensor : graph.outputs[stream_op[stream]])  // those of a running op have no home yet
      if (tensors[tensor].home == kEverywhere && tensors[tensor].block == tensor) add(tensor);
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
