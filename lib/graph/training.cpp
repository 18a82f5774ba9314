// SPDX-License-Identifier: Apache-2.0
#include "graph/training.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "base/error.h"
#include "graph/gradient_rules.h"
#include "graph/sets.h"
#include "graph/trainable.h"

namespace allot::graph {
namespace {

using Role = Training::Role;

class Expander {
 public:
  Expander(const Built& built, const PlanningModel& planning, const TrainingOptions& options)
      : built_(built),
        forward_(built.graph),
        planning_(planning),
        options_(options),
        trainable_(find_trainable(built, planning, options.frozen)),
        needs_gradient_(forward_.num_tensors(), false),
        gradients_(forward_.num_tensors()),
        param_gradients_(forward_.num_params()),
        again_(forward_.num_tensors(), kNone) {}

  Training expand() {
    find_needs();
    copy_forward();
    add_loss();
    for (OpId op = forward_.num_ops(); op-- > 0;) {
      if (options_.checkpoint_every > 0) enter_segment_of(op);
      add_gradient(op);
    }
    add_optimizers();
    finish();
    return std::move(result_);
  }

 private:
  // A value that a gradient could be taken of, as one op reads it.
  struct Slot {
    TensorId tensor = kNone;
    ParamId param = kNone;
    bool wanted = false;  // it needs a gradient
  };

  std::vector<Slot> slots(OpId op, const GradientRule& rule) const {
    std::vector<Slot> result;
    const auto inputs = planning_.values.inputs[forward_.node[op]];
    for (size_t i = 0; i < inputs.size(); ++i) {
      Slot slot;
      if (inputs[i] != ir::kNone) {
        slot.tensor = built_.tensor_of_value[inputs[i]];
        slot.param = slot.tensor == kNone ? built_.param_of_value[inputs[i]] : kNone;
        const bool differentiable = i >= 64 || (rule.inputs >> i & 1);
        slot.wanted = differentiable && ((slot.tensor != kNone && needs_gradient_[slot.tensor]) ||
                                         (slot.param != kNone && trainable_.group[slot.param] != kNone));
      }
      result.push_back(slot);
    }
    return result;
  }

  GradientRule rule_of(OpId op) const { return gradient_rule(forward_.type_names[forward_.type[op]]); }

  void find_needs() {
    for (OpId op = 0; op < forward_.num_ops(); ++op) {
      if (!any_wanted(slots(op, rule_of(op)))) continue;
      for (const ir::ValueId value : planning_.values.outputs[forward_.node[op]])
        if (value != ir::kNone && ir::is_float(planning_.shapes.types[value].elem))
          needs_gradient_[built_.tensor_of_value[value]] = true;
    }
  }

  void copy_forward() {
    result_.graph = forward_;
    const uint32_t ops = forward_.num_ops();
    result_.role.assign(ops, Role::forward);
    result_.forward_op.resize(ops);
    std::iota(result_.forward_op.begin(), result_.forward_op.end(), 0u);
    result_.products.assign(ops, 0);
    result_.resident_bytes.assign(ops, 0);
    result_.elements.assign(ops, 0);
    for (OpId op = 0; op < ops; ++op) type_name_.push_back(forward_.type_names[forward_.type[op]]);
  }

  // Starts an op; its outputs follow by add_output, end_op ends it.
  OpId begin_op(Role role, OpId of, std::string name, std::string type, std::vector<TensorId> reads,
                std::vector<ParamId> params) {
    for (auto* row : {&reads, &params}) {
      std::sort(row->begin(), row->end());
      row->erase(std::unique(row->begin(), row->end()), row->end());
    }
    OpGraph& graph = result_.graph;
    graph.inputs.add_row(reads);
    graph.params.add_row(params);
    graph.op_names.push_back(std::move(name));
    graph.node.push_back(forward_.node[of]);
    type_name_.push_back(std::move(type));
    result_.role.push_back(role);
    result_.forward_op.push_back(of);
    result_.products.push_back(0);
    result_.resident_bytes.push_back(0);
    result_.elements.push_back(0);
    return graph.num_ops();
  }

  TensorId add_output(std::string name, int64_t bytes, bool is_output = false) {
    OpGraph& graph = result_.graph;
    const TensorId tensor = graph.num_tensors();
    graph.producer.push_back(graph.num_ops());
    graph.is_output.push_back(is_output);
    graph.tensor_bytes.push_back(bytes);
    graph.tensor_names.push_back(std::move(name));
    graph.outputs.push(tensor);
    return tensor;
  }

  void end_op() { result_.graph.outputs.end_row(); }

  void add_loss() {
    std::vector<TensorId> outputs;
    for (TensorId tensor = 0; tensor < forward_.num_tensors(); ++tensor)
      if (forward_.is_output[tensor] && needs_gradient_[tensor]) outputs.push_back(tensor);
    if (outputs.empty())
      throw base::Error(base::ErrorKind::malformed, "--workload training",
                        "no float output of the model depends on a parameter that is trained",
                        "check --frozen, or plan inference");
    constexpr int64_t kScalarBytes = 4;
    begin_op(Role::loss, forward_.producer[outputs.back()], "loss", "Loss", outputs, {});
    for (const TensorId tensor : outputs) {
      gradients_[tensor].push_back(
          add_output(fmt::format("gradient/{}", forward_.tensor_names[tensor]), forward_.tensor_bytes[tensor]));
      result_.graph.is_output[tensor] = false;
    }
    add_output("loss", kScalarBytes, true);
    end_op();
  }

  // The gradient of a forward tensor, all of whose readers have contributed; kNone if none did.
  TensorId gradient_of(TensorId tensor) {
    auto& parts = gradients_[tensor];
    if (parts.empty()) return kNone;
    if (parts.size() == 1) return parts.front();
    const std::string name = fmt::format("sum/{}", forward_.tensor_names[tensor]);
    begin_op(Role::sum, forward_.producer[tensor], name, "GradientSum", parts, {});
    const TensorId sum = add_output(name, forward_.tensor_bytes[tensor]);
    end_op();
    return sum;
  }

  // What the gradient of `op` reads of the forward pass: tensors of that pass, and parameters.
  struct Kept {
    std::vector<TensorId> tensors;
    std::vector<ParamId> params;
  };
  Kept keep(OpId op, const GradientRule& rule, const std::vector<Slot>& reads) const {
    using Keeps = GradientRule::Keeps;
    Kept result;
    const auto wanted = std::count_if(reads.begin(), reads.end(), [](const Slot& slot) { return slot.wanted; });
    for (const Slot& slot : reads) {
      const bool other = rule.keeps == Keeps::others && wanted > (slot.wanted ? 1 : 0);
      if (!other && rule.keeps != Keeps::inputs && rule.keeps != Keeps::everything) continue;
      if (slot.tensor != kNone) result.tensors.push_back(slot.tensor);
      if (slot.param != kNone) result.params.push_back(slot.param);
    }
    if (rule.keeps == Keeps::output || rule.keeps == Keeps::everything)
      if (!forward_.outputs[op].empty()) result.tensors.push_back(forward_.outputs[op].front());
    return result;
  }

  static bool any_wanted(const std::vector<Slot>& reads) {
    return std::any_of(reads.begin(), reads.end(), [](const Slot& slot) { return slot.wanted; });
  }

  void add_gradient(OpId op) {
    std::vector<TensorId> tensors;
    for (const TensorId tensor : forward_.outputs[op])
      if (const TensorId gradient = gradient_of(tensor); gradient != kNone) tensors.push_back(gradient);
    const GradientRule rule = rule_of(op);
    const auto reads = slots(op, rule);
    if (tensors.empty() || !any_wanted(reads)) return;
    Kept kept = keep(op, rule, reads);
    for (const TensorId tensor : kept.tensors) tensors.push_back(today(tensor));
    const OpId gradient =
        begin_op(Role::gradient, op, fmt::format("gradient/{}", forward_.op_names[op]),
                 forward_.type_names[forward_.type[op]] + "Grad", std::move(tensors), std::move(kept.params));
    for (size_t i = 0; i < reads.size(); ++i) {
      const Slot& slot = reads[i];
      if (!slot.wanted) continue;
      if (i < 2) ++result_.products[gradient];
      const std::string name = fmt::format("gradient/{}/{}", forward_.op_names[op], i);
      if (slot.tensor != kNone)
        gradients_[slot.tensor].push_back(add_output(name, forward_.tensor_bytes[slot.tensor]));
      else
        param_gradients_[trainable_.group[slot.param]].push_back(
            {add_output(name, forward_.param_bytes[slot.param]), op});
    }
    token_ = options_.checkpoint_every > 0 ? add_output(fmt::format("token/{}", forward_.op_names[op]), 0) : kNone;
    end_op();
  }

  // -- checkpointing

  // What a gradient reads for a tensor of the forward pass: that, or what was computed again.
  TensorId today(TensorId tensor) const { return again_[tensor] == kNone ? tensor : again_[tensor]; }

  // Before the first gradient of a segment, what its gradients need and no later segment keeps is computed again. All
  // of the last segment is still there.
  void enter_segment_of(OpId last) {
    const uint32_t segment = last / options_.checkpoint_every;
    if (segment == segment_) return;
    segment_ = segment;
    if (token_ == kNone) return;
    const OpId first = segment * options_.checkpoint_every;
    const auto needed = needed_again(first, last);
    for (OpId op = first; op <= last; ++op)
      if (needed[op - first]) recompute(op, last);
  }

  std::vector<char> needed_again(OpId first, OpId last) const {
    std::vector<char> needed(last - first + 1, false);
    const auto need = [&](TensorId tensor) {
      const OpId producer = forward_.producer[tensor];
      if (producer != kNone && producer >= first && !crosses(tensor, last)) needed[producer - first] = true;
    };
    for (OpId op = last + 1; op-- > first;) {
      const GradientRule rule = rule_of(op);
      if (const auto reads = slots(op, rule); any_wanted(reads))
        for (const TensorId tensor : keep(op, rule, reads).tensors) need(tensor);
      if (needed[op - first])
        for (const TensorId tensor : forward_.inputs[op]) need(tensor);
    }
    return needed;
  }

  // The token of the gradients behind this segment keeps it from running at once.
  void recompute(OpId op, OpId last) {
    std::vector<TensorId> reads{token_};
    for (const TensorId tensor : forward_.inputs[op]) reads.push_back(today(tensor));
    begin_op(Role::recompute, op, fmt::format("again/{}", forward_.op_names[op]), forward_.type_names[forward_.type[op]],
             std::move(reads), {forward_.params[op].begin(), forward_.params[op].end()});
    for (const TensorId tensor : forward_.outputs[op]) {
      const TensorId copy = add_output(fmt::format("again/{}", forward_.tensor_names[tensor]), forward_.tensor_bytes[tensor]);
      if (!crosses(tensor, last)) again_[tensor] = copy;
    }
    end_op();
  }

  // Read behind the segment that ends with `last`, hence kept.
  bool crosses(TensorId tensor, OpId last) const {
    const auto consumers = forward_.consumers[tensor];
    return forward_.is_output[tensor] || (!consumers.empty() && consumers.back() > last);
  }

  // -- parameters

  void add_optimizers() {
    static const std::map<TrainingOptions::Optimizer, std::pair<std::string, int>> kKinds{
        {TrainingOptions::Optimizer::sgd, {"SGD", 0}},
        {TrainingOptions::Optimizer::momentum, {"Momentum", 1}},
        {TrainingOptions::Optimizer::adam, {"Adam", 2}}};
    const auto& [type, floats] = kKinds.at(options_.optimizer);
    for (uint32_t group = 0; group < param_gradients_.size(); ++group) {
      if (param_gradients_[group].empty()) continue;
      const ParamId param = trainable_.members[group].front();
      std::vector<TensorId> reads;
      OpId of = kNone;
      for (const auto& [tensor, op] : param_gradients_[group]) {
        reads.push_back(tensor);
        of = std::min(of, op);
      }
      const OpId op = begin_op(Role::optimizer, of, fmt::format("optimizer/{}", forward_.param_names[param]), type, std::move(reads),
                               trainable_.members[group]);
      const int64_t bytes = trainable_.element_bytes[group];
      const int64_t elements = forward_.param_bytes[param] / bytes;
      const int64_t master = bytes < 4 ? 4 : 0;
      result_.elements[op] = elements;
      result_.resident_bytes[op] = elements * (master + 4 * floats);
      end_op();
    }
  }

  // -- the whole

  void finish() {
    OpGraph& graph = result_.graph;
    std::map<std::string, uint16_t> numbers;
    for (const auto& name : type_name_) numbers.emplace(name, 0);
    graph.type_names.clear();
    for (auto& [name, number] : numbers) {
      number = static_cast<uint16_t>(graph.type_names.size());
      graph.type_names.push_back(name);
    }
    graph.type.clear();
    for (const auto& name : type_name_) graph.type.push_back(numbers.at(name));
    derive_neighbours(graph);

    Sets units(forward_.num_units());
    for (const auto& gradients : param_gradients_)
      for (const auto& [tensor, op] : gradients)
        units.unite(forward_.unit_of[op], forward_.unit_of[gradients[0].second]);
    std::vector<uint32_t> label(graph.num_ops());
    for (OpId op = 0; op < graph.num_ops(); ++op) label[op] = units.find(forward_.unit_of[result_.forward_op[op]]);
    set_units(graph, label);
    shrink_to_fit(graph);
  }

  const Built& built_;
  const OpGraph& forward_;
  const PlanningModel& planning_;
  const TrainingOptions& options_;
  const Trainable trainable_;
  std::vector<char> needs_gradient_;                                     // by forward tensor
  std::vector<std::vector<TensorId>> gradients_;                         // by forward tensor: contributions
  std::vector<std::vector<std::pair<TensorId, OpId>>> param_gradients_;  // by group: contributions, and who reads it
  std::vector<TensorId> again_;  // by forward tensor: what a checkpointed segment computed again, or kNone
  uint32_t segment_ = kNone;
  TensorId token_ = kNone;
  std::vector<std::string> type_name_;
  Training result_;
};

}  // namespace

Training expand_training(const Built& built, const PlanningModel& planning, const TrainingOptions& options) {
  return Expander(built, planning, options).expand();
}

}  // namespace allot::graph
