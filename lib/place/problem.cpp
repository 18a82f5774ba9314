// SPDX-License-Identifier: Apache-2.0
#include "place/problem.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/name_pattern.h"
#include "place/host_shapes.h"
#include "sim/limits.h"

namespace allot::place {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

/// A rule of the constraints, ready to use.
struct Rule {
  std::string text;  // "pin 'x.*' to gpu0"
  base::NamePattern pattern;
  uint64_t forbidden = 0;  // devices
  bool matched = false;
};

uint64_t devices_of(const cluster::Constraints::Rule& rule, const cluster::Cluster& cluster, const std::string& where) {
  uint64_t set = 0;
  for (const std::string& name : rule.devices) {
    const auto device = cluster.find(name);
    if (!device) {
      std::vector<std::string> known;
      for (const auto& candidate : cluster.devices) known.push_back(candidate.name);
      throw Error(ErrorKind::config, where, fmt::format("unknown device '{}'", printable(name)),
                  base::suggestion(name, known));
    }
    set |= uint64_t{1} << *device;
  }
  return set;
}

Rule compile(const cluster::Constraints::Rule& rule, bool pin, const cluster::Cluster& cluster) {
  const std::string where = fmt::format("constraint {} '{}'", pin ? "pin" : "deny", printable(rule.pattern));
  const uint64_t named = devices_of(rule, cluster, where);
  const uint64_t all = ~uint64_t{0} >> (64 - cluster.size());
  return {where, base::NamePattern(rule.pattern), pin ? all & ~named : named};
}

std::vector<Rule> compile(const cluster::Constraints& constraints, const cluster::Cluster& cluster) {
  std::vector<Rule> rules;
  for (const auto& rule : constraints.pin) rules.push_back(compile(rule, true, cluster));
  for (const auto& rule : constraints.deny) rules.push_back(compile(rule, false, cluster));
  return rules;
}

/// Devices that the rules forbid, by op. Errors: config for a rule that matches nothing.
std::vector<uint64_t> forbidden_by(std::vector<Rule>& rules, const graph::OpGraph& graph) {
  std::vector<uint64_t> forbidden(graph.num_ops(), 0);
  for (Rule& rule : rules) {
    for (OpId op = 0; op < graph.num_ops(); ++op) {
      if (!rule.pattern.matches(graph.op_names[op])) continue;
      forbidden[op] |= rule.forbidden;
      rule.matched = true;
    }
    if (!rule.matched)
      throw Error(ErrorKind::config, rule.text, "matches no operation", "correct the pattern or remove the constraint");
  }
  return forbidden;
}

std::string op_text(const graph::OpGraph& graph, OpId op) {
  return fmt::format("'{}' ({})", printable(graph.op_names[op], 60), printable(graph.type_names[graph.type[op]], 60));
}

/// The first thing that keeps the unit off the device.
std::string obstacle(const graph::OpGraph& graph, const cost::CostTable& costs, const std::vector<Rule>& rules,
                     UnitId unit, DeviceId device) {
  for (const OpId op : graph.members[unit]) {
    if (costs.time(op, device) == cost::kCannotRun) return "cannot run " + op_text(graph, op);
    for (const Rule& rule : rules)
      if ((rule.forbidden >> device & 1) && rule.pattern.matches(graph.op_names[op]))
        return fmt::format("{} applies to {}", rule.text, op_text(graph, op));
  }
  return "is not allowed";
}

[[noreturn]] void no_device(const graph::OpGraph& graph, const cluster::Cluster& cluster, const cost::CostTable& costs,
                            const std::vector<Rule>& rules, UnitId unit) {
  constexpr size_t kShown = 3;
  std::string ops, obstacles;
  const auto members = graph.members[unit];
  for (size_t i = 0; i < std::min(members.size(), kShown); ++i) ops += (i ? ", " : "") + op_text(graph, members[i]);
  if (members.size() > kShown) ops += fmt::format(" and {} more that must share a device", members.size() - kShown);
  for (DeviceId device = 0; device < cluster.size(); ++device)
    obstacles += fmt::format("{}{}: {}", device ? "; " : "", printable(cluster.devices[device].name, 40),
                             obstacle(graph, costs, rules, unit, device));
  throw Error(ErrorKind::unavailable, ops, "no device is left: " + obstacles,
              "relax a constraint or a device's deny list, or add a device that can run it");
}

}  // namespace

Problem::Problem(graph::OpGraph graph, cluster::Cluster cluster, cost::CostTable costs,
                 const cluster::Constraints& constraints, Objective objective, bool bounded)
    : graph_(std::move(graph)), cluster_(std::move(cluster)), costs_(std::move(costs)), objective_(objective) {
  sim::require_simulable(graph_, costs_, cluster_);
  std::vector<Rule> rules = compile(constraints, cluster_);
  const std::vector<uint64_t> forbidden = forbidden_by(rules, graph_);
  unit_time_ps_.assign(size_t{graph_.num_units()} * devices(), 0);
  for (OpId op = 0; op < graph_.num_ops(); ++op) {
    int64_t* const sums = unit_time_ps_.data() + graph_.unit_of[op] * size_t{devices()};
    for (DeviceId device = 0; device < devices(); ++device) {
      const int64_t time = costs_.time(op, device);
      const bool barred = time == cost::kCannotRun || (forbidden[op] >> device & 1) || sums[device] == cost::kCannotRun;
      sums[device] = barred ? cost::kCannotRun : sums[device] + time;
    }
  }
  std::vector<uint64_t> devices_of;  // unit -> those it may use
  for (UnitId unit = 0; unit < graph_.num_units(); ++unit) {
    for (DeviceId device = 0; device < devices(); ++device)
      if (allowed(unit, device)) choices_.push(device);
    choices_.end_row();
    devices_of.push_back(0);
    for (const DeviceId device : choices_[unit]) devices_of.back() |= uint64_t{1} << device;
    if (devices_of.back() == 0) no_device(graph_, cluster_, costs_, rules, unit);
  }
  if (const auto host = host_of(cluster_))
    for (const OpId op : graph_.shape_ops)
      if (costs_.time(op, *host) != cost::kCannotRun && !(forbidden[op] >> *host & 1)) shapes_.push_back(op);
  if (bounded) bounds_ = sim::bounds(graph_, costs_, cluster_, devices_of);
}

void Problem::also_serve(std::shared_ptr<const Problem> other, double weight) {
  if (!(weight > 0) || !std::isfinite(weight))
    throw Error(ErrorKind::usage, "scenario", "a weight must be positive", "write it like batch=1,seq=128:0.8");
  const auto same_choices = [&](UnitId unit) { return std::ranges::equal(choices(unit), other->choices(unit)); };
  bool same = graph_.unit_of == other->graph_.unit_of && graph_.op_names == other->graph_.op_names;
  for (UnitId unit = 0; same && unit < graph_.num_units(); ++unit) same = same_choices(unit);
  if (!same)
    throw Error(ErrorKind::usage, "scenario",
                fmt::format("its graph has other operations ({} in {} units, not {} in {}) once its shapes are known",
                            other->graph_.num_ops(), other->graph_.num_units(), graph_.num_ops(), graph_.num_units()),
                "plan this input shape by itself");
  others_.push_back({weight, std::move(other)});
}

Problem Problem::alone() const {
  Problem result = *this;
  result.others_.clear();
  return result;
}

DeviceId Problem::fastest(UnitId unit) const {
  const auto devices = choices(unit);
  return *std::min_element(devices.begin(), devices.end(),
                           [&](DeviceId a, DeviceId b) { return unit_time_ps(unit, a) < unit_time_ps(unit, b); });
}

std::vector<DeviceId> Problem::expand(const UnitPlacement& units) const {
  std::vector<DeviceId> ops(graph_.num_ops());
  for (OpId op = 0; op < graph_.num_ops(); ++op) ops[op] = units[graph_.unit_of[op]];
  return ops;
}

std::vector<DeviceId> Problem::as_written(const UnitPlacement& units) const {
  std::vector<DeviceId> ops = expand(units);
  move_to_host(shapes_, graph_, cluster_, ops);
  return ops;
}

}  // namespace allot::place
