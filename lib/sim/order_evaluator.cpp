// SPDX-License-Identifier: Apache-2.0
#include "sim/order_evaluator.h"

#include <algorithm>
#include <limits>

namespace allot::sim {

using graph::OpId;
using graph::TensorId;

namespace {

constexpr int64_t kAbsent = -1;
constexpr int64_t kLastEpoch = int64_t{1} << 62;  // one more run fits behind it

}  // namespace

OrderEvaluator::OrderEvaluator(const graph::OpGraph& graph, const cost::CostTable& costs,
                               const cluster::Cluster& cluster, std::span<const OpId> order)
    : tables_(graph, costs, cluster, order) {
  list_reads();
  list_returns();
  arrival_.assign(cluster.size() * (size_t{graph.num_tensors()} + 1), kAbsent);
  device_free_.resize(cluster.size());
  channel_free_.resize(tables_.wires.lanes());
}

/// An even number an op, made up by repeating one or by what never has to be waited for, spares the processor the guess
/// whether an op reads one tensor or two.
void OrderEvaluator::list_reads() {
  const TensorId always_there = tables_.graph.num_tensors();
  reads_begin_.reserve(tables_.order.size() + 1);
  reads_begin_.push_back(0);
  for (const OpId op : tables_.order) {
    for (const TensorId tensor : tables_.graph.inputs[op])
      if (tensor >= tables_.first_awaited) reads_.push_back(tensor);
    if (reads_.size() == reads_begin_.back()) reads_.push_back(always_there);
    if (reads_.size() % 2 == 1) reads_.push_back(reads_.back());
    reads_begin_.push_back(static_cast<uint32_t>(reads_.size()));
  }
}

void OrderEvaluator::list_returns() {
  for (uint32_t position = 0; position < tables_.order.size(); ++position) {
    const auto outputs = tables_.graph.outputs[tables_.order[position]];
    const auto is_output = [&](TensorId tensor) { return tables_.graph.is_output[tensor]; };
    if (tables_.cluster.io_device && std::any_of(outputs.begin(), outputs.end(), is_output))
      returns_.push_back(position);
  }
  returns_.push_back(graph::kNone);
}

void OrderEvaluator::begin() {
  if (next_epoch_ > kLastEpoch) {
    std::fill(arrival_.begin(), arrival_.end(), kAbsent);
    next_epoch_ = 0;
  }
  epoch_ = last_return_ = next_epoch_;
  next_epoch_ = kLastEpoch + 1;  // should the run end in an error
  std::fill(device_free_.begin(), device_free_.end(), epoch_);
  std::fill(channel_free_.begin(), channel_free_.end(), epoch_);
  const auto& io = tables_.cluster.io_device;
  for (DeviceId device = 0; device < tables_.devices; ++device) arrivals(device)[tables_.graph.num_tensors()] = epoch_;
  if (io) std::fill_n(arrivals(*io), tables_.num_inputs, epoch_);
}

template <bool kNote>
int64_t OrderEvaluator::pass(std::span<const DeviceId> placement) {
  ALLOT_ASSERT(placement.size() == tables_.order.size());
  begin();
  const uint32_t* next_return = returns_.data();
  for (uint32_t position = 0; position < tables_.order.size(); ++position) {
    const OpId op = tables_.order[position];
    const DeviceId device = placement[op];
    ALLOT_ASSERT(device < tables_.devices);
    int64_t* const arrived = arrivals(device);
    int64_t ready = epoch_, earliest = std::numeric_limits<int64_t>::max();
    for (uint32_t i = reads_begin_[position]; i < reads_begin_[position + 1]; i += 2) {
      const int64_t one = arrived[reads_[i]], other = arrived[reads_[i + 1]];
      ready = std::max(ready, std::max(one, other));
      earliest = std::min(earliest, std::min(one, other));
    }
    if (earliest < epoch_) ready = std::max(ready, fetch(position, device, placement));
    const int64_t end = std::max(device_free_[device], ready) + tables_.duration_ps(position, device);
    device_free_[device] = end;
    const TensorId last = tables_.first_output(op + 1);
    for (TensorId tensor = tables_.first_output(op); tensor < last; ++tensor) arrived[tensor] = end;
    if constexpr (kNote) end_ps_[op] = end - epoch_;
    if (position != *next_return) continue;
    ++next_return;
    give_out(op, placement);
  }
  const int64_t last_end = std::max(last_return_, *std::max_element(device_free_.begin(), device_free_.end()));
  next_epoch_ = last_end + 1;
  return last_end - epoch_;
}

/// Asks for what the op at `position` reads and is not at `to` yet; returns when the last of it arrives.
int64_t OrderEvaluator::fetch(uint32_t position, DeviceId to, std::span<const DeviceId> placement) {
  int64_t ready = epoch_;
  for (uint32_t i = reads_begin_[position]; i < reads_begin_[position + 1]; ++i)
    if (arrivals(to)[reads_[i]] < epoch_) ready = std::max(ready, send(reads_[i], to, placement));
  return ready;
}

/// Rule 2; returns when it arrives.
int64_t OrderEvaluator::send(TensorId tensor, DeviceId to, std::span<const DeviceId> placement) {
  const DeviceId home = tables_.home(tensor, placement);
  int64_t start = arrivals(home)[tensor];
  const auto channels = tables_.wires.channels(home, to);
  for (const uint32_t channel : channels) start = std::max(start, channel_free_[channel]);
  const int64_t end = start + tables_.transfer_ps(tensor, home * tables_.devices + to);
  for (const uint32_t channel : channels) channel_free_[channel] = end;
  return arrivals(to)[tensor] = end;
}

/// Rule 3, for an op's outputs.
void OrderEvaluator::give_out(OpId op, std::span<const DeviceId> placement) {
  for (const TensorId tensor : tables_.graph.outputs[op])
    if (tables_.is_returned(tensor, placement[op]))
      last_return_ = std::max(last_return_, send(tensor, *tables_.cluster.io_device, placement));
}

int64_t OrderEvaluator::run(std::span<const DeviceId> placement) { return pass<false>(placement); }

OrderEvaluator::Timeline OrderEvaluator::timeline(std::span<const DeviceId> placement) {
  end_ps_.resize(tables_.order.size());
  Timeline result;
  result.makespan_ps = pass<true>(placement);
  result.busy_ps.resize(tables_.devices);
  result.end_ps = end_ps_;
  for (OpId op = 0; op < placement.size(); ++op) {
    const int64_t duration_ps = tables_.duration_ps(tables_.position[op], placement[op]);
    result.start_ps.push_back(end_ps_[op] - duration_ps);
    result.busy_ps[placement[op]] += duration_ps;
  }
  return result;
}

}  // namespace allot::sim
