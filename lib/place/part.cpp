// SPDX-License-Identifier: Apache-2.0
#include "place/part.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace allot::place {
namespace {

using graph::kNone;
using graph::ParamId;
using graph::TensorId;

class Cutting {
 public:
  Cutting(const Problem& whole, std::span<const OpId> before, std::span<const OpId> ops, const UnitPlacement& placement)
      : whole_(whole), graph_(whole.graph()), costs_(whole.costs()), placement_(placement) {
    table_.devices = costs_.devices;
    for (const OpId op : ops)
      if (const UnitId unit = graph_.unit_of[op]; ++ops_of_[unit] == graph_.members[unit].size()) free_.insert(unit);
    find_makers(before, ops);
    for (const auto& each : {before, ops})
      for (const OpId op : each) add(op);
  }

  Part take(std::span<const int64_t> held_bytes) {
    part_.type_names = graph_.type_names;
    part_.tensor_names = base::Names(part_.num_tensors());
    part_.param_names = base::Names(part_.num_params());
    graph::derive_neighbours(part_);
    graph::set_units(part_, unit_);
    std::vector<UnitId> units;
    for (UnitId unit = 0; unit < part_.num_units(); ++unit) units.push_back(unit_[part_.members[unit].front()]);
    cluster::Cluster cluster = whole_.cluster();
    for (DeviceId device = 0; device < cluster.size(); ++device)
      cluster.devices[device].reserved_bytes += held_bytes[device];
    for (const UnitId unit : free_) cluster.devices[placement_[unit]].reserved_bytes -= lasting_bytes(whole_, unit);
    table_.measured.assign(part_.num_ops(), 0);
    return {Problem(std::move(part_), std::move(cluster), std::move(table_), {}, Objective::latency, false),
            std::move(units)};
  }

 private:
  /// Whom of `before` to charge with the tensors that `ops` read from outside.
  void find_makers(std::span<const OpId> before, std::span<const OpId> ops) {
    std::unordered_set<OpId> inside(before.begin(), before.end());
    inside.insert(ops.begin(), ops.end());
    std::vector<std::vector<TensorId>> tensors(whole_.devices());
    std::vector<std::vector<OpId>> makers(whole_.devices());
    for (const OpId op : ops)
      for (const TensorId tensor : graph_.inputs[op])
        if (const OpId producer = graph_.producer[tensor]; producer != kNone && !inside.contains(producer))
          tensors[placement_[graph_.unit_of[producer]]].push_back(tensor);
    for (const OpId op : before) makers[placement_[graph_.unit_of[op]]].push_back(op);
    for (DeviceId device = 0; device < whole_.devices(); ++device) {
      auto& made = tensors[device];
      const auto& by = makers[device];
      std::sort(made.begin(), made.end());
      made.erase(std::unique(made.begin(), made.end()), made.end());
      for (size_t i = 0; i < made.size() && !by.empty(); ++i)
        made_by_[by[i * by.size() / made.size()]].push_back(made[i]);
    }
  }

  void add(OpId op) {
    const UnitId unit = graph_.unit_of[op];
    const bool is_free = free_.contains(unit);
    add_tensors(op);
    if (is_free) add_params(op);
    part_.params.end_row();
    part_.type.push_back(graph_.type[op]);
    part_.node.push_back(graph_.node[op]);
    part_.op_names.push_back({});
    for (DeviceId device = 0; device < table_.devices; ++device) {
      const bool open = is_free ? whole_.allowed(unit, device) : device == placement_[unit];
      table_.time_ps.push_back(open ? costs_.time(op, device) : cost::kCannotRun);
    }
    table_.workspace_bytes.push_back(costs_.workspace_bytes[op]);
    table_.resident_bytes.push_back(is_free ? costs_.resident_bytes[op] : 0);
    if (!costs_.ops.empty()) table_.ops.push_back(costs_.ops[op]);
    unit_.push_back(unit);
  }

  void add_tensors(OpId op) {
    std::vector<TensorId> reads;
    for (const TensorId tensor : graph_.inputs[op])
      if (const auto found = tensor_.find(tensor); found != tensor_.end()) reads.push_back(found->second);
    std::sort(reads.begin(), reads.end());
    part_.inputs.add_row(reads);
    for (const TensorId tensor : graph_.outputs[op]) add_output(tensor);
    if (const auto others = made_by_.find(op); others != made_by_.end())
      for (const TensorId tensor : others->second) add_output(tensor);
    part_.outputs.end_row();
  }

  void add_output(TensorId tensor) {
    tensor_[tensor] = part_.num_tensors();
    part_.outputs.push(part_.num_tensors());
    part_.producer.push_back(static_cast<OpId>(unit_.size()));
    part_.is_output.push_back(0);
    part_.tensor_bytes.push_back(graph_.tensor_bytes[tensor]);
    table_.tensor_bytes.push_back(costs_.tensor_bytes[tensor]);
  }

  void add_params(OpId op) {
    std::vector<ParamId> row;
    for (const ParamId param : graph_.params[op]) {
      const auto [entry, is_new] = param_.try_emplace(param, part_.num_params());
      if (is_new) part_.param_bytes.push_back(graph_.param_bytes[param]);
      row.push_back(entry->second);
    }
    std::sort(row.begin(), row.end());
    for (const ParamId param : row) part_.params.push(param);
  }

  const Problem& whole_;
  const graph::OpGraph& graph_;
  const cost::CostTable& costs_;
  const UnitPlacement& placement_;
  std::unordered_map<UnitId, size_t> ops_of_;  // among the part's own
  std::unordered_set<UnitId> free_;
  std::unordered_map<OpId, std::vector<TensorId>> made_by_;  // beside its own
  std::unordered_map<TensorId, TensorId> tensor_;            // of the whole -> of the part
  std::unordered_map<ParamId, ParamId> param_;               // likewise
  std::vector<UnitId> unit_;                                 // op of the part -> unit of the whole
  graph::OpGraph part_;
  cost::CostTable table_;
};

}  // namespace

Part cut_out(const Problem& whole, std::span<const OpId> before, std::span<const OpId> ops,
             const UnitPlacement& placement, std::span<const int64_t> held_bytes) {
  return Cutting(whole, before, ops, placement).take(held_bytes);
}

int64_t lasting_bytes(const Problem& problem, UnitId unit) {
  int64_t bytes = 0;
  for (const OpId op : problem.graph().members[unit]) {
    bytes += problem.costs().resident_bytes[op];
    for (const ParamId param : problem.graph().params[op]) bytes += problem.graph().param_bytes[param];
  }
  return bytes;
}

}  // namespace allot::place
