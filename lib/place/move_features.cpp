// SPDX-License-Identifier: Apache-2.0
#include "place/move_features.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "place/memory_estimate.h"

namespace allot::place {
namespace {

constexpr double kFullest = 2;  // of a memory: more than that makes no difference

double squashed(double x) { return x / (1 + std::abs(x)); }

double mean_unit_ps(const Problem& problem) {
  double sum = 0;
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit)
    sum += static_cast<double>(problem.unit_time_ps(unit, problem.fastest(unit)));
  return std::max(1.0, sum / std::max(1u, problem.graph().num_units()));
}

}  // namespace

MoveScene::MoveScene(const Problem& problem)
    : problem_(problem),
      devices_(problem.devices()),
      simulator_(problem.graph(), problem.costs(), problem.cluster()),
      mean_ps_(mean_unit_ps(problem)),
      ops_(problem.graph().num_ops()),
      tail_ps_(problem.graph().num_ops()),
      timetables_(devices_),
      there_(devices_) {
  for (UnitId unit = 0; unit < problem.graph().num_units(); ++unit) unit_bytes_.push_back(unit_bytes(problem, unit));
}

void MoveScene::look(const UnitPlacement& placement) {
  const auto& graph = problem_.graph();
  placement_ = placement;
  for (OpId op = 0; op < ops_.size(); ++op) ops_[op] = placement[graph.unit_of[op]];
  const sim::Outcome& run = simulator_.run(ops_, {.memory = false, .timeline = true, .critical = true});
  note_run(run);
  note_chain(run);
  note_tails();
  moves_.resize(graph.num_units() * size_t{devices_});
  for (UnitId unit = 0; unit < graph.num_units(); ++unit)
    if (problem_.choices(unit).size() > 1) describe(unit, gather(unit, run));
}

void MoveScene::note_run(const sim::Outcome& run) {
  makespan_ps_ = run.makespan_ps;
  mean_load_ps_ = 0;
  for (Timetable& timetable : timetables_) timetable.clear();
  for (OpId op = 0; op < ops_.size(); ++op) timetables_[ops_[op]].add(run.start_ps[op], run.end_ps[op]);
  for (Timetable& timetable : timetables_) {
    timetable.ready();
    mean_load_ps_ += timetable.busy_ps() / devices_;
  }
  held_bytes_.assign(devices_, 0);
  for (UnitId unit = 0; unit < placement_.size(); ++unit) held_bytes_[placement_[unit]] += unit_bytes_[unit];
}

void MoveScene::note_chain(const sim::Outcome& run) {
  const auto& unit_of = problem_.graph().unit_of;
  is_critical_.assign(placement_.size(), 0);
  fed_from_.assign(placement_.size(), devices_);
  leads_to_.assign(placement_.size(), devices_);
  const sim::CriticalStep* before = nullptr;  // the op before
  bool sent = false;                          // and a transfer since
  for (const sim::CriticalStep& step : run.critical) {
    if (step.op == graph::kNone) {
      sent = true;
      continue;
    }
    is_critical_[unit_of[step.op]] = 1;
    if (before && sent) {
      fed_from_[unit_of[step.op]] = before->device;
      leads_to_[unit_of[before->op]] = step.device;
    }
    before = &step;
    sent = false;
  }
  critical_.clear();
  for (UnitId unit = 0; unit < placement_.size(); ++unit)
    if (is_critical_[unit]) critical_.push_back(unit);
}

int64_t MoveScene::sent_ps(graph::TensorId tensor, DeviceId from, DeviceId to) const {
  return from == to ? 0 : problem_.cluster().transfer_ps(from, to, problem_.costs().tensor_bytes[tensor]);
}

void MoveScene::note_tails() {
  const auto& graph = problem_.graph();
  for (OpId op = graph.num_ops(); op-- > 0;) {
    tail_ps_[op] = 0;
    for (const graph::TensorId tensor : graph.outputs[op])
      for (const OpId reader : graph.consumers[tensor])
        tail_ps_[op] = std::max(tail_ps_[op], sent_ps(tensor, ops_[op], ops_[reader]) +
                                                  problem_.costs().time(reader, ops_[reader]) + tail_ps_[reader]);
  }
}

MoveScene::Unit MoveScene::gather(UnitId unit, const sim::Outcome& run) {
  const auto& graph = problem_.graph();
  Unit here{std::numeric_limits<int64_t>::max(), 0, 0, 0};
  std::fill(there_.begin(), there_.end(), There{});
  for (const OpId op : graph.members[unit]) {
    here.start_ps = std::min(here.start_ps, run.start_ps[op]);
    here.end_ps = std::max(here.end_ps, run.end_ps[op]);
    here.tail_ps = std::max(here.tail_ps, tail_ps_[op]);
    for (const graph::TensorId tensor : graph.inputs[op]) {
      const OpId maker = graph.producer[tensor];
      if (maker == graph::kNone || graph.unit_of[maker] == unit) continue;
      ++here.neighbours;
      ++there_[ops_[maker]].neighbours;
      for (const DeviceId device : problem_.choices(unit)) {
        const int64_t sent = sent_ps(tensor, ops_[maker], device);
        there_[device].moved_ps += sent;
        there_[device].ready_ps = std::max(there_[device].ready_ps, run.end_ps[maker] + sent);
      }
    }
    for (const graph::TensorId tensor : graph.outputs[op])
      for (const OpId reader : graph.consumers[tensor]) {
        if (graph.unit_of[reader] == unit) continue;
        ++here.neighbours;
        ++there_[ops_[reader]].neighbours;
        for (const DeviceId device : problem_.choices(unit))
          there_[device].moved_ps += sent_ps(tensor, device, ops_[reader]);
      }
  }
  return here;
}

void MoveScene::describe(UnitId unit, const Unit& here) {
  const DeviceId now = placement_[unit];
  const auto relative = [&](int64_t time_ps) { return squashed(static_cast<double>(time_ps) / mean_ps_); };
  const auto share = [](double part, double whole) { return whole > 0 ? part / whole : 0; };
  const auto memory = [&](DeviceId device) {
    return std::max(1.0, static_cast<double>(problem_.cluster().devices[device].usable_bytes()));
  };
  const int64_t time_ps = problem_.unit_time_ps(unit, now), ready_ps = there_[now].ready_ps;
  const auto makespan = static_cast<double>(makespan_ps_);
  const double slack = static_cast<double>(std::max<int64_t>(0, makespan_ps_ - here.end_ps - here.tail_ps));
  for (const DeviceId device : problem_.choices(unit)) {
    if (device == now) continue;
    const There& there = there_[device];
    const Timetable& timetable = timetables_[device];
    const int64_t takes_ps = problem_.unit_time_ps(unit, device);
    const int64_t longer_ps = 3 * takes_ps + static_cast<int64_t>(mean_ps_);
    const int64_t busy_ps = timetable.busy_ps(there.ready_ps, there.ready_ps + takes_ps);
    const double features[kMoveFeatures] = {
        1,
        relative(there.ready_ps + busy_ps + takes_ps - here.end_ps),
        relative(there.ready_ps - ready_ps),
        share(static_cast<double>(busy_ps), static_cast<double>(takes_ps)),
        share(static_cast<double>(timetable.busy_ps(there.ready_ps, there.ready_ps + longer_ps)),
              static_cast<double>(longer_ps)),
        squashed(share(static_cast<double>(timetable.busy_ps() - timetables_[now].busy_ps()),
                       static_cast<double>(mean_load_ps_))),
        relative(there.moved_ps - there_[now].moved_ps),
        share(there.neighbours, here.neighbours),
        share(there_[now].neighbours, here.neighbours),
        relative(takes_ps - time_ps),
        relative(time_ps),
        std::sqrt(share(slack, makespan)),
        relative(std::max<int64_t>(0, here.start_ps - ready_ps)),
        squashed(2 * share(static_cast<double>(ready_ps), makespan)),
        fed_from_[unit] == device ? 1.0 : 0.0,
        leads_to_[unit] == device ? 1.0 : 0.0,
        std::min(kFullest, static_cast<double>(held_bytes_[device] + unit_bytes_[unit]) / memory(device)),
        static_cast<double>(held_bytes_[now]) > memory(now) ? 1.0 : 0.0};
    MoveFeatures& move = moves_[unit * size_t{devices_} + device];
    std::copy(std::begin(features), std::end(features), move.values.begin());
    move.critical = is_critical_[unit] != 0;
  }
}

}  // namespace allot::place
