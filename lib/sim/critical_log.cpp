// SPDX-License-Identifier: Apache-2.0
#include "sim/critical_log.h"

#include <bit>

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using Wait = CriticalStep::Wait;

void CriticalLog::clear(uint32_t ops, uint32_t devices, uint32_t channels) {
  ops_ = ops;
  ready_.assign(ops, {});
  freed_.assign(devices, {});
  holder_.assign(channels, kNone);
  of_op_.assign(ops, {});
  of_copy_.clear();
}

void CriticalLog::unblocked(const Wires& wires, DeviceId device, int64_t now) {
  freed_[device] = {holder_[wires.compute(device)], now};
}

void CriticalLog::starts(OpId op, DeviceId device, OpId previous, int64_t now) {
  if (ready_[op].time_ps == now) {
    of_op_[op] = {ready_[op].node, ready_[op].node == kNone ? Wait::none : Wait::data};
  } else if (freed_[device].time_ps == now) {
    of_op_[op] = {freed_[device].node, Wait::device};
  } else {  // a stream was free, but it was not the op's turn until the one before it started
    of_op_[op] = {of_op_[previous].node, Wait::device};
  }
}

void CriticalLog::asks(const Wires& wires, OpId producer, DeviceId from, uint64_t to, uint32_t first_copy,
                       int64_t now) {
  Cause cause{producer, producer == kNone ? Wait::none : Wait::data};
  int64_t latest = now;
  for (uint64_t rest = to; rest != 0; rest &= rest - 1) {
    for (const uint32_t channel : wires.start_channels(from, static_cast<DeviceId>(std::countr_zero(rest)))) {
      if (wires.free_at(channel) <= latest) continue;
      latest = wires.free_at(channel);
      cause = {holder_[channel], wires.is_compute(channel) ? Wait::device : Wait::wire};
    }
  }
  of_copy_.resize(first_copy);
  for (; to != 0; to &= to - 1) {
    for (const uint32_t channel : wires.channels(from, static_cast<DeviceId>(std::countr_zero(to))))
      holder_[channel] = ops_ + static_cast<uint32_t>(of_copy_.size());
    of_copy_.push_back(cause);
  }
}

void CriticalLog::occupies(const Wires& wires, DeviceId device, OpId op, int64_t end) {
  if (end >= wires.free_at(wires.compute(device))) holder_[wires.compute(device)] = op;
}

}  // namespace allot::sim
