// SPDX-License-Identifier: Apache-2.0
#include "sim/order_incremental.h"

#include <algorithm>

namespace allot::sim {

using graph::kNone;
using graph::OpId;
using graph::TensorId;

namespace {

constexpr uint32_t kLeastSpacing = 64;
constexpr uint32_t kOpenPerOp = 8;  // entries of lists of open tensors, at most
constexpr int64_t kAbsent = -1;
constexpr int64_t kLastEpoch = int64_t{1} << 62;  // one more try fits behind it

}  // namespace

OrderIncremental::OrderIncremental(const graph::OpGraph& graph, const cost::CostTable& costs,
                                   const cluster::Cluster& cluster, std::span<const OpId> order)
    : tables_(graph, costs, cluster, order), op_ahead_ps_(graph.num_ops()) {
  const size_t slots = size_t{graph.num_tensors()} * cluster.size();
  asked_at_.resize(slots);
  arrived_ps_.resize(slots);
  transfer_ahead_ps_.resize(slots);
  tried_arrival_ps_.assign(slots, kAbsent);
  device_ps_.resize(cluster.size());
  channel_ps_.resize(tables_.wires.lanes());
  place_checkpoints();
}

/// So far apart that what is known at all of them takes no more room than the graph, however long tensors live.
void OrderIncremental::place_checkpoints() {
  const graph::OpGraph& graph = tables_.graph;
  const uint32_t ops = graph.num_ops();
  std::vector<uint32_t> made(graph.num_tensors()), read(graph.num_tensors());  // positions: of its maker, last reader
  uint64_t lives = 0;
  for (TensorId tensor = tables_.first_awaited; tensor < graph.num_tensors(); ++tensor) {
    const OpId producer = graph.producer[tensor];
    made[tensor] = producer == kNone ? 0 : tables_.position[producer];
    for (const OpId op : graph.consumers[tensor]) read[tensor] = std::max(read[tensor], tables_.position[op]);
    lives += std::max(made[tensor], read[tensor]) - made[tensor];
  }
  const auto open = static_cast<uint32_t>(lives / std::max(1u, ops));
  spacing_ = std::max({kLeastSpacing, open / kOpenPerOp, tables_.devices + static_cast<uint32_t>(channel_ps_.size())});
  checkpoints_.resize(ops / spacing_ + 1);
  base::Csr<uint32_t> open_at;  // tensor -> checkpoints
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor) {
    for (uint32_t at = made[tensor] / spacing_ + 1; at * spacing_ <= read[tensor]; ++at) open_at.push(at);
    open_at.end_row();
  }
  open_ = base::transpose(open_at, static_cast<uint32_t>(checkpoints_.size()));
}

int64_t OrderIncremental::reset(std::span<const DeviceId> placement) {
  ALLOT_ASSERT(placement.size() == tables_.order.size());
  for (const DeviceId device : placement) ALLOT_ASSERT(device < tables_.devices);
  acceptable_ = false;
  changes_.clear();
  tried_.assign(placement.begin(), placement.end());
  base_.clear();  // should this end in an error
  base_.swap(tried_);
  for (TensorId tensor = tables_.first_awaited; tensor < tables_.graph.num_tensors(); ++tensor)
    note_first_reads(tensor);
  checkpoints_[0].device_free_ps.assign(tables_.devices, 0);
  checkpoints_[0].channel_free_ps.assign(channel_ps_.size(), 0);
  for (TensorId tensor = tables_.first_awaited; tensor < tables_.num_inputs; ++tensor)
    arrived_ps_[slot(tensor, *tables_.cluster.io_device)] = 0;
  run_base(0);
  look_back();
  tried_ = base_;
  return makespan_ps_;
}

OrderIncremental::FirstReads OrderIncremental::first_reads(TensorId tensor,
                                                           const std::vector<DeviceId>& placement) const {
  FirstReads first{};
  std::fill_n(first.begin(), tables_.devices, kNone);
  for (const OpId op : tables_.graph.consumers[tensor])
    first[placement[op]] = std::min(first[placement[op]], tables_.position[op]);
  const DeviceId home = tables_.home(tensor, placement);
  first[home] = kNone;
  if (tensor >= tables_.num_inputs && tables_.is_returned(tensor, home))
    first[*tables_.cluster.io_device] = tables_.position[tables_.graph.producer[tensor]];
  return first;
}

void OrderIncremental::note_first_reads(TensorId tensor) {
  const FirstReads first = first_reads(tensor, base_);
  for (DeviceId device = 0; device < tables_.devices; ++device) asked_at_[slot(tensor, device)] = first[device];
}

/// From a checkpoint to the end.
void OrderIncremental::run_base(uint32_t from) {
  device_ps_ = checkpoints_[from / spacing_].device_free_ps;
  channel_ps_ = checkpoints_[from / spacing_].channel_free_ps;
  last_return_ps_ = checkpoints_[from / spacing_].last_return_ps;
  for (uint32_t at = from; at < tables_.order.size(); ++at) {
    if (at % spacing_ == 0) {
      Checkpoint& here = checkpoints_[at / spacing_];
      here.device_free_ps = device_ps_;
      here.channel_free_ps = channel_ps_;
      here.last_return_ps = last_return_ps_;
    }
    const OpId op = tables_.order[at];
    const DeviceId device = base_[op];
    int64_t start = device_ps_[device];
    for (const TensorId tensor : tables_.graph.inputs[op]) {
      if (tensor < tables_.first_awaited) continue;
      if (asked_at_[slot(tensor, device)] == at) send_in_base(tensor, device);
      start = std::max(start, arrived_ps_[slot(tensor, device)]);
    }
    const int64_t end = device_ps_[device] = start + tables_.duration_ps(at, device);
    for (const TensorId tensor : tables_.graph.outputs[op]) arrived_ps_[slot(tensor, device)] = end;
    for (const TensorId tensor : tables_.graph.outputs[op])
      if (tables_.is_returned(tensor, device))
        last_return_ps_ = std::max(last_return_ps_, send_in_base(tensor, *tables_.cluster.io_device));
  }
  makespan_ps_ = std::max(last_return_ps_, *std::max_element(device_ps_.begin(), device_ps_.end()));
}

int64_t OrderIncremental::send_in_base(TensorId tensor, DeviceId to) {
  const DeviceId home = tables_.home(tensor, base_);
  const auto channels = tables_.wires.channels(home, to);
  int64_t start = arrived_ps_[slot(tensor, home)];
  for (const uint32_t channel : channels) start = std::max(start, channel_ps_[channel]);
  const int64_t end = start + transfer_ps(tensor, home, to);
  for (const uint32_t channel : channels) channel_ps_[channel] = end;
  return arrived_ps_[slot(tensor, to)] = end;
}

/// The steps of run_base in reverse: each passes what is ahead of what it sets on to what it was set from.
void OrderIncremental::look_back() {
  std::fill(device_ps_.begin(), device_ps_.end(), 0);
  std::fill(channel_ps_.begin(), channel_ps_.end(), 0);
  for (auto at = static_cast<uint32_t>(tables_.order.size()); at-- > 0;) {
    const OpId op = tables_.order[at];
    const DeviceId device = base_[op];
    const int64_t ahead = ahead_of_outputs(op) + tables_.duration_ps(at, device);
    op_ahead_ps_[at] = device_ps_[device] = ahead;
    const auto inputs = tables_.graph.inputs[op];
    for (size_t i = inputs.size(); i-- > 0;)
      if (inputs[i] >= tables_.first_awaited && asked_at_[slot(inputs[i], device)] == at)
        ask_in_reverse(inputs[i], device, ahead);
    if (at % spacing_ != 0) continue;
    checkpoints_[at / spacing_].device_ahead_ps = device_ps_;
    checkpoints_[at / spacing_].channel_ahead_ps = channel_ps_;
  }
}

/// From the end of `op` to the end of the run.
int64_t OrderIncremental::ahead_of_outputs(OpId op) {
  const DeviceId home = base_[op];
  const auto outputs = tables_.graph.outputs[op];
  for (size_t i = outputs.size(); i-- > 0;) {
    if (!tables_.is_returned(outputs[i], home)) continue;
    const DeviceId io = *tables_.cluster.io_device;
    int64_t ahead = 0;
    for (const OpId reader : tables_.graph.consumers[outputs[i]])
      if (base_[reader] == io) ahead = std::max(ahead, op_ahead_ps_[tables_.position[reader]]);
    ask_in_reverse(outputs[i], io, ahead);
  }
  int64_t ahead = device_ps_[home];
  for (const TensorId tensor : outputs) {
    if (tables_.is_returned(tensor, home))
      ahead = std::max(ahead, transfer_ahead_ps_[slot(tensor, *tables_.cluster.io_device)]);
    for (const OpId reader : tables_.graph.consumers[tensor])
      ahead = std::max(ahead, base_[reader] == home ? op_ahead_ps_[tables_.position[reader]]
                                                    : transfer_ahead_ps_[slot(tensor, base_[reader])]);
  }
  return ahead;
}

void OrderIncremental::ask_in_reverse(TensorId tensor, DeviceId to, int64_t ahead_ps) {
  const DeviceId home = tables_.home(tensor, base_);
  const auto channels = tables_.wires.channels(home, to);
  for (const uint32_t channel : channels) ahead_ps = std::max(ahead_ps, channel_ps_[channel]);
  ahead_ps += transfer_ps(tensor, home, to);
  for (const uint32_t channel : channels) channel_ps_[channel] = ahead_ps;
  transfer_ahead_ps_[slot(tensor, to)] = ahead_ps;
}

int64_t OrderIncremental::try_moves(std::span<const Move> moves) {
  take_back();
  apply_moves(moves, tables_.devices, tried_, changes_);
  acceptable_ = changes_.empty();
  if (acceptable_) return makespan_ps_;
  if (next_epoch_ > kLastEpoch) {
    std::fill(tried_arrival_ps_.begin(), tried_arrival_ps_.end(), kAbsent);
    next_epoch_ = 0;
  }
  epoch_ = next_epoch_;
  next_epoch_ = kLastEpoch + 1;  // should this end in an error
  uint32_t first = kNone;
  for (const Change& change : changes_) first = std::min(first, tables_.position[change.op]);
  restart_ = first / spacing_ * spacing_;
  const uint32_t checkpoint = (end_of_difference() + spacing_ - 1) / spacing_;
  const auto ops = static_cast<uint32_t>(tables_.order.size());
  replay(restart_, std::min(checkpoint * spacing_, ops));
  const int64_t so_far = std::max(last_return_ps_, *std::max_element(device_ps_.begin(), device_ps_.end()));
  next_epoch_ = std::max(so_far, epoch_ + makespan_ps_) + 1;
  const int64_t end = checkpoint * spacing_ < ops ? std::max(so_far, last_end_ps(checkpoint)) : so_far;
  acceptable_ = true;
  return end - epoch_;
}

void OrderIncremental::take_back() {
  for (const Change& change : changes_) tried_[change.op] = change.from;
  changes_.clear();
}

/// For each tensor that moved ops read or make, some twice.
template <typename Visit>
void OrderIncremental::for_each_affected(const Visit& visit) const {
  for (const Change& change : changes_) {
    for (const TensorId tensor : tables_.graph.inputs[change.op])
      if (tensor >= tables_.first_awaited) visit(tensor);
    for (const TensorId tensor : tables_.graph.outputs[change.op]) visit(tensor);
  }
}

/// The position from which on every op asks for the same transfers as in the base.
uint32_t OrderIncremental::end_of_difference() const {
  uint32_t end = 0;
  for (const Change& change : changes_) end = std::max(end, tables_.position[change.op] + 1);
  for_each_affected([&](TensorId tensor) {
    const FirstReads first = first_reads(tensor, tried_);
    const bool moved = tables_.home(tensor, tried_) != tables_.home(tensor, base_);
    for (DeviceId device = 0; device < tables_.devices; ++device) {
      const uint32_t before = asked_at_[slot(tensor, device)], now = first[device];
      if (before == now && !moved) continue;
      if (before != kNone) end = std::max(end, before + 1);
      if (now != kNone) end = std::max(end, now + 1);
    }
  });
  return end;
}

void OrderIncremental::replay(uint32_t from, uint32_t to) {
  const Checkpoint& begin = checkpoints_[from / spacing_];
  for (DeviceId device = 0; device < tables_.devices; ++device)
    device_ps_[device] = epoch_ + begin.device_free_ps[device];
  for (size_t channel = 0; channel < channel_ps_.size(); ++channel)
    channel_ps_[channel] = epoch_ + begin.channel_free_ps[channel];
  last_return_ps_ = epoch_ + begin.last_return_ps;
  for (uint32_t at = from; at < to; ++at) {
    const OpId op = tables_.order[at];
    const DeviceId device = tried_[op];
    int64_t start = device_ps_[device];
    for (const TensorId tensor : tables_.graph.inputs[op])
      if (tensor >= tables_.first_awaited) start = std::max(start, arrival_ps(tensor, device));
    const int64_t end = device_ps_[device] = start + tables_.duration_ps(at, device);
    for (const TensorId tensor : tables_.graph.outputs[op]) tried_arrival_ps_[slot(tensor, device)] = end;
    for (const TensorId tensor : tables_.graph.outputs[op])
      if (tables_.is_returned(tensor, device))
        last_return_ps_ = std::max(last_return_ps_, arrival_ps(tensor, *tables_.cluster.io_device));
  }
}

/// When `tensor` arrived at `device` in this try, or less than epoch_: it has not been asked for. What was asked for
/// before the restart is as in the base.
int64_t OrderIncremental::known_ps(TensorId tensor, DeviceId device) {
  int64_t& tried_ps = tried_arrival_ps_[slot(tensor, device)];
  if (tried_ps >= epoch_) return tried_ps;
  const OpId producer = tables_.graph.producer[tensor];
  if (producer != kNone && tables_.position[producer] >= restart_) return tried_ps;
  const uint32_t asked_at = asked_at_[slot(tensor, device)];
  if (asked_at < restart_ || tables_.home(tensor, base_) == device)
    tried_ps = epoch_ + arrived_ps_[slot(tensor, device)];
  return tried_ps;
}

/// The same; asks for it if nobody has.
int64_t OrderIncremental::arrival_ps(TensorId tensor, DeviceId device) {
  const int64_t known = known_ps(tensor, device);
  if (known >= epoch_) return known;
  const DeviceId home = tables_.home(tensor, tried_);
  const auto channels = tables_.wires.channels(home, device);
  int64_t start = known_ps(tensor, home);
  for (const uint32_t channel : channels) start = std::max(start, channel_ps_[channel]);
  const int64_t end = start + transfer_ps(tensor, home, device);
  for (const uint32_t channel : channels) channel_ps_[channel] = end;
  return tried_arrival_ps_[slot(tensor, device)] = end;
}

/// The end of a run that goes on from a checkpoint as the base does, but from the times of this try.
int64_t OrderIncremental::last_end_ps(uint32_t checkpoint) {
  const Checkpoint& here = checkpoints_[checkpoint];
  int64_t end = 0;
  for (DeviceId device = 0; device < tables_.devices; ++device)
    end = std::max(end, device_ps_[device] + here.device_ahead_ps[device]);
  for (size_t channel = 0; channel < channel_ps_.size(); ++channel)
    end = std::max(end, channel_ps_[channel] + here.channel_ahead_ps[channel]);
  for (const TensorId tensor : open_[checkpoint]) {
    const int64_t made = known_ps(tensor, tables_.home(tensor, tried_));
    for (const OpId reader : tables_.graph.consumers[tensor]) {
      if (tables_.position[reader] < checkpoint * spacing_) continue;
      const int64_t arrived = known_ps(tensor, tried_[reader]);
      end = std::max(end, arrived >= epoch_ ? arrived + op_ahead_ps_[tables_.position[reader]]
                                            : made + transfer_ahead_ps_[slot(tensor, tried_[reader])]);
    }
  }
  return end;
}

void OrderIncremental::accept() {
  ALLOT_ASSERT(acceptable_);
  acceptable_ = false;
  if (changes_.empty()) return;
  for (const Change& change : changes_) base_[change.op] = change.to;
  for_each_affected([&](TensorId tensor) { note_first_reads(tensor); });
  run_base(restart_);
  look_back();
  changes_.clear();
}

}  // namespace allot::sim
