// SPDX-License-Identifier: Apache-2.0
#include "sim/order_evaluator.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "sim/limits.h"

namespace allot::sim {

using graph::OpId;
using graph::TensorId;

namespace {

constexpr int64_t kAbsent = -1;
constexpr int64_t kLastEpoch = int64_t{1} << 62;  // one more run fits behind it

/// Positions at which an op makes a graph output, and one that is never reached.
std::vector<uint32_t> returning(const graph::OpGraph& graph, std::span<const OpId> order) {
  std::vector<uint32_t> positions;
  for (uint32_t position = 0; position < order.size(); ++position) {
    const auto outputs = graph.outputs[order[position]];
    if (std::any_of(outputs.begin(), outputs.end(), [&](TensorId tensor) { return graph.is_output[tensor]; }))
      positions.push_back(position);
  }
  positions.push_back(graph::kNone);
  return positions;
}

void require_topological(const graph::OpGraph& graph, std::span<const OpId> order) {
  ALLOT_ASSERT(order.size() == graph.num_ops());
  std::vector<uint32_t> position(order.size(), graph::kNone);
  for (uint32_t i = 0; i < order.size(); ++i) {
    ALLOT_ASSERT(order[i] < order.size() && position[order[i]] == graph::kNone);
    position[order[i]] = i;
    for (const OpId before : graph.predecessors[order[i]]) ALLOT_ASSERT(position[before] < i);
  }
}

}  // namespace

OrderEvaluator::OrderEvaluator(const graph::OpGraph& graph, const cost::CostTable& costs,
                               const cluster::Cluster& cluster, std::span<const OpId> order)
    : graph_(graph),
      costs_(costs),
      cluster_(cluster),
      devices_(cluster.size()),
      wires_(cluster),
      transfer_ps_(cluster, costs.tensor_bytes),
      order_(order.begin(), order.end()) {
  require_simulable(graph, costs, cluster);
  if (order.empty()) {
    order_.resize(graph.num_ops());
    std::iota(order_.begin(), order_.end(), 0u);
  }
  require_topological(graph, order_);
  while (num_inputs_ < graph.num_tensors() && graph.producer[num_inputs_] == graph::kNone) ++num_inputs_;
  read_in_order();
  time_in_order();
  returns_ = cluster.io_device ? returning(graph, order_) : std::vector<uint32_t>{graph::kNone};
  arrival_.assign(devices_ * (size_t{graph.num_tensors()} + 1), kAbsent);
  device_free_.resize(devices_);
  channel_free_.resize(wires_.lanes());
}

/// Fills reads_. An even number an op, made up by repeating one or by what never has to be waited for, spares the
/// processor the guess whether an op reads one tensor or two.
void OrderEvaluator::read_in_order() {
  const TensorId always_there = graph_.num_tensors();
  const TensorId first = cluster_.io_device ? 0 : num_inputs_;  // of those that can be waited for
  reads_begin_.reserve(order_.size() + 1);
  reads_begin_.push_back(0);
  for (const OpId op : order_) {
    for (const TensorId tensor : graph_.inputs[op])
      if (tensor >= first) reads_.push_back(tensor);
    if (reads_.size() == reads_begin_.back()) reads_.push_back(always_there);
    if (reads_.size() % 2 == 1) reads_.push_back(reads_.back());
    reads_begin_.push_back(static_cast<uint32_t>(reads_.size()));
  }
}

/// Fills times_ps_: a column a kind of device, so that a device's ops, often neighbours, read one stream.
void OrderEvaluator::time_in_order() {
  for (DeviceId device = 0; device < devices_; ++device) {
    const auto equals = [&](DeviceId other) {
      return std::all_of(order_.begin(), order_.end(),
                         [&](OpId op) { return costs_.time(op, device) == costs_.time(op, other); });
    };
    DeviceId same = 0;
    while (same < device && !equals(same)) ++same;
    times_begin_.push_back(same < device ? times_begin_[same] : times_ps_.size());
    if (same == device)
      for (const OpId op : order_) times_ps_.push_back(costs_.time(op, device));
  }
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
  for (DeviceId device = 0; device < devices_; ++device) arrivals(device)[graph_.num_tensors()] = epoch_;
  if (cluster_.io_device) std::fill_n(arrivals(*cluster_.io_device), num_inputs_, epoch_);
}

template <bool kNote>
int64_t OrderEvaluator::pass(std::span<const DeviceId> placement) {
  ALLOT_ASSERT(placement.size() == graph_.num_ops());
  begin();
  const uint32_t* next_return = returns_.data();
  for (uint32_t position = 0; position < order_.size(); ++position) {
    const OpId op = order_[position];
    const DeviceId device = placement[op];
    ALLOT_ASSERT(device < devices_);
    int64_t* const arrived = arrivals(device);
    int64_t ready = epoch_, earliest = std::numeric_limits<int64_t>::max();
    for (uint32_t i = reads_begin_[position]; i < reads_begin_[position + 1]; i += 2) {
      const int64_t one = arrived[reads_[i]], other = arrived[reads_[i + 1]];
      ready = std::max(ready, std::max(one, other));
      earliest = std::min(earliest, std::min(one, other));
    }
    if (earliest < epoch_) ready = std::max(ready, fetch(position, device, placement));
    const int64_t duration = times_ps_[times_begin_[device] + position];
    ALLOT_ASSERT(duration != cost::kCannotRun);
    const int64_t end = std::max(device_free_[device], ready) + duration;
    device_free_[device] = end;
    const uint32_t last = num_inputs_ + graph_.outputs.begin[op + 1];
    for (TensorId tensor = num_inputs_ + graph_.outputs.begin[op]; tensor < last; ++tensor) arrived[tensor] = end;
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
  const DeviceId home = tensor < num_inputs_ ? *cluster_.io_device : placement[graph_.producer[tensor]];
  const uint32_t pair = home * devices_ + to;
  int64_t start = arrivals(home)[tensor];
  const auto channels = wires_.channels(home, to);
  for (const uint32_t channel : channels) start = std::max(start, channel_free_[channel]);
  const int64_t end = start + transfer_ps_(tensor, pair);
  for (const uint32_t channel : channels) channel_free_[channel] = end;
  return arrivals(to)[tensor] = end;
}

/// Rule 3, for an op's outputs.
void OrderEvaluator::give_out(OpId op, std::span<const DeviceId> placement) {
  const DeviceId io = *cluster_.io_device;
  for (const TensorId tensor : graph_.outputs[op])
    if (graph_.is_output[tensor] && placement[op] != io)
      last_return_ = std::max(last_return_, send(tensor, io, placement));
}

int64_t OrderEvaluator::run(std::span<const DeviceId> placement) { return pass<false>(placement); }

OrderEvaluator::Timeline OrderEvaluator::timeline(std::span<const DeviceId> placement) {
  end_ps_.resize(graph_.num_ops());
  Timeline result;
  result.makespan_ps = pass<true>(placement);
  result.busy_ps.resize(devices_);
  result.end_ps = end_ps_;
  for (OpId op = 0; op < graph_.num_ops(); ++op) {
    const int64_t duration = costs_.time(op, placement[op]);
    result.start_ps.push_back(end_ps_[op] - duration);
    result.busy_ps[placement[op]] += duration;
  }
  return result;
}

}  // namespace allot::sim
