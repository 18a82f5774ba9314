// SPDX-License-Identifier: Apache-2.0
// Rule 6 of simulator.h: who lives in which block, and when a block is done. Inline: every op and copy passes here.
#pragma once

#include "sim/simulator_state.h"

namespace allot::sim {

inline uint32_t Simulator::State::copy_at(graph::TensorId tensor, DeviceId device) const {
  uint32_t index = tensors[tensor].first_copy;
  while (network[index].to != device) ++index;
  return index;
}

inline uint32_t Simulator::State::root(graph::TensorId tensor, DeviceId device) const {
  const TensorState& state = tensors[tensor];
  if (state.home == device) return shares_blocks ? state.block : tensor;
  return graph.num_tensors() + copy_at(tensor, device);
}

inline uint32_t& Simulator::State::readers(uint32_t block) {
  return block < tensors.size() ? tensors[block].readers : network[block - graph.num_tensors()].readers;
}

/// At the start of `op`: workspace, and the blocks of its outputs.
inline void Simulator::State::take_outputs(graph::OpId op) {
  const DeviceId device = ops[op].device;
  int64_t bytes = ledger.block(costs.workspace_bytes[op], device);
  const uint32_t reused = shares_blocks ? block_to_reuse(op) : graph::kNone;
  for (const graph::TensorId tensor : graph.outputs[op]) {
    if (shares_blocks) tensors[tensor].block = reused == graph::kNone ? tensor : reused;
    if (reused == graph::kNone) bytes += ledger.block(costs.tensor_bytes[tensor], device);
  }
  if (duration_ps[op] == 0) flash_ps = now;
  ledger.take(device, bytes);
}

/// The block of an input that the one output of `op` lives in, or graph::kNone.
inline uint32_t Simulator::State::block_to_reuse(graph::OpId op) {
  if (reuse[op] == Reuse::none) return graph::kNone;
  const int64_t bytes = costs.tensor_bytes[graph.outputs[op][0]];
  for (const graph::TensorId tensor : graph.inputs[op]) {
    if (costs.tensor_bytes[tensor] != bytes) continue;
    const uint32_t block = root(tensor, ops[op].device);
    if (reuse[op] == Reuse::alias || readers(block) == 1) return block;
  }
  return graph::kNone;
}

/// A tensor is there, and so many consumers, transfers and the end of the run will need it.
inline void Simulator::State::hold(graph::TensorId tensor, uint32_t reasons) {
  TensorState& state = tensors[tensor];
  if (shares_blocks && state.block != tensor) {
    readers(state.block) += reasons;  // which the op that made it still reads
  } else {
    state.readers = reasons;
    if (reasons == 0) give_back(tensor);
  }
}

/// `op` has ended and needs `tensor` no more.
inline void Simulator::State::input_used(graph::OpId op, graph::TensorId tensor) {
  const DeviceId device = ops[op].device;
  if (tensors[tensor].home == device) return release(tensor);
  release_copy(copy_at(tensor, device));
}

/// One reason less to keep a tensor where it was made.
inline void Simulator::State::release(graph::TensorId tensor) {
  const uint32_t block = shares_blocks ? tensors[tensor].block : tensor;
  if (block >= tensors.size()) return release_copy(block - graph.num_tensors());
  if (--tensors[block].readers == 0) give_back(block);
}

inline void Simulator::State::give_back(graph::TensorId tensor) {
  const DeviceId home = tensors[tensor].home;
  ledger.give_back(home, ledger.block(costs.tensor_bytes[tensor], home), since(tensor), now);
}

inline void Simulator::State::release_copy(uint32_t index) {
  Copy& copy = network[index];
  if (--copy.readers == 0)
    ledger.give_back(copy.to, ledger.block(costs.tensor_bytes[copy.tensor], copy.to), copy.start_ps, now);
}

/// When a tensor was taken at home; or any time before this instant, which it was unless an op took no time.
inline int64_t Simulator::State::since(graph::TensorId tensor) const {
  if (tensor < num_inputs) return 0;
  return flash_ps == now ? start_ps[graph.producer[tensor]] : -1;
}

}  // namespace allot::sim
