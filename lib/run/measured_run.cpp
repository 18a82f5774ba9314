// SPDX-License-Identifier: Apache-2.0
#include "run/measured_run.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

namespace allot::run {
namespace {

double microseconds(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Times of one thing, summed within a run.
class Times {
 public:
  void add(size_t round, double time) {
    if (rounds_.size() <= round) rounds_.resize(round + 1);
    rounds_[round] += time;
  }
  double typical() const { return median(rounds_); }

 private:
  std::vector<double> rounds_;
};

class Statistics {
 public:
  void add(size_t round, const PlacedResult& result) {
    for (const Event& event : result.events) {
      const double time = microseconds(event.end - event.begin);
      if (event.kind == Event::Kind::op && event.node != exec::kNoSource)
        nodes_[{event.node, event.device}].add(round, time);
      if (event.kind != Event::Kind::copy) continue;
      auto& transfer = transfers_[{event.slot, event.from, event.device}];
      transfer.times.add(round, time);
      transfer.bytes = event.bytes;
    }
  }

  std::vector<measure::NodeTime> nodes() const {
    std::vector<measure::NodeTime> list;
    for (const auto& [key, times] : nodes_) list.push_back({key.first, key.second, times.typical()});
    return list;
  }

  std::vector<measure::TransferTime> transfers(const PlacedProgram& program) const {
    std::vector<measure::TransferTime> list;
    for (const auto& [key, transfer] : transfers_) {
      const auto& [slot, from, to] = key;
      list.push_back({program.name_of(slot), from, to, transfer.bytes, transfer.times.typical()});
    }
    return list;
  }

 private:
  struct Transfer {
    Times times;
    int64_t bytes = 0;
  };
  std::map<std::pair<uint32_t, DeviceId>, Times> nodes_;
  std::map<std::tuple<exec::Slot, DeviceId, DeviceId>, Transfer> transfers_;
};

std::vector<double> busy_times(const PlacedProgram& program, const PlacedResult& result) {
  std::vector<double> busy(program.devices().size(), 0.0);
  for (const Event& event : result.events) busy[event.device] += microseconds(event.end - event.begin);
  return busy;
}

}  // namespace

MeasuredRun measure_rounds(PlacedProgram& program, const std::vector<exec::Value>& inputs, const Rounds& rounds,
                           const Watch& watch) {
  for (uint32_t i = 0; i < rounds.warm_up; ++i) program.run(inputs, rounds.mode, watch);
  MeasuredRun measured;
  Statistics statistics;
  std::vector<PlacedResult> results;
  for (uint32_t i = 0; i < std::max(1u, rounds.repeat); ++i) {
    PlacedResult result = program.run(inputs, rounds.mode, watch);
    measured.seconds.push_back(std::chrono::duration<double>(result.end - result.begin).count());
    statistics.add(i, result);
    if (i > 0) result.outputs.clear(), result.gradients.clear();  // all the same as the first ones
    results.push_back(std::move(result));
  }
  std::vector<size_t> order(results.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return measured.seconds[a] < measured.seconds[b]; });
  const size_t typical = order[(order.size() - 1) / 2];
  if (typical != 0) {
    results[typical].outputs = std::move(results[0].outputs);
    results[typical].gradients = std::move(results[0].gradients);
  }
  measured.typical = std::move(results[typical]);
  measured.nodes = statistics.nodes();
  measured.transfers = statistics.transfers(program);
  measured.busy_us = busy_times(program, measured.typical);
  return measured;
}

}  // namespace allot::run
