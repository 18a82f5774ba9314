// SPDX-License-Identifier: Apache-2.0
#include "exec/trainable.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "exec/gradient_paths.h"
#include "exec/lower.h"
#include "exec/ties.h"
#include "exec/train_rules.h"
#include "exec/weight_slots.h"
#include "exec/weights.h"
#include "ir/payload.h"

namespace allot::exec {
namespace {

constexpr int64_t kMaskElements = 1 << 24;  // larger constants are no masks

/// One walk over the graph in topological order, bodies before the node that owns them.
class Finder {
 public:
  Finder(const Lowered& lowered, const ir::Values& values, const TrainableOptions& options)
      : lowered_(lowered), values_(values), options_(options) {
    shows_.resize(values.values.size());
    learns_.assign(values.values.size(), false);
  }

  std::vector<Weight> find() {
    list_candidates();
    visit(0);
    for (Weight& weight : weights_)
      if (weight.reason.empty()) weight.reason = "no rule trains this use";
    return std::move(weights_);
  }

 private:
  void list_candidates() {
    for (ir::ValueId v = 0; v < values_.values.size(); ++v) {
      const auto& value = values_.values[v];
      if (value.graph != 0 || is_of_function(value)) continue;  // constants inside bodies are settings
      if (const ir::Tensor* tensor = stored_tensor(values_, v); tensor && ir::is_float(tensor->dtype)) {
        shows_[v] = {static_cast<uint32_t>(weights_.size())};
        tensors_.push_back(tensor);
        Weight& weight = weights_.emplace_back();
        weight.name = value.name;
        weight.value = v;
        weight.type = tensor->dtype;
        weight.dims = tensor->dims;
      }
    }
  }

  // All calls of a function share its constants.
  bool is_of_function(const ir::Values::Value& value) const {
    return value.producer != ir::kNone && lowered_.origin(*values_.nodes[value.producer].node);
  }

  void visit(ir::GraphId graph) {
    for (const ir::NodeId id : values_.graphs[graph].order) {
      bool learns = false;
      for (const ir::GraphId body : values_.bodies[id]) {
        for (const ir::ValueId v : values_.graphs[body].inputs) learns_[v] = any_input_learns(id);
        visit(body);
        for (const ir::ValueId v : values_.graphs[body].outputs) learns |= learns_[v] != 0;
      }
      for (size_t i = 0; i < values_.inputs[id].size(); ++i) judge(id, i);
      learns |= any_input_learns(id);
      for (const ir::ValueId v : values_.outputs[id])
        if (v != ir::kNone) learns_[v] |= learns;
    }
  }

  bool any_input_learns(ir::NodeId id) const {
    const auto inputs = values_.inputs[id];
    return std::any_of(inputs.begin(), inputs.end(), [&](ir::ValueId v) { return v != ir::kNone && learns_[v]; });
  }

  // What one use of a value says about the weights that it shows.
  void judge(ir::NodeId id, size_t input) {
    const ir::ValueId value = values_.inputs[id][input];
    if (value == ir::kNone || shows_[value].empty()) return;
    const ir::Node& node = *values_.nodes[id].node;
    const WeightSlot slot = weight_slot(node, input, options_.quantization_aware);
    if (slot.kind == SlotKind::view || (slot.kind == SlotKind::part && !joins_computed(id))) {
      for (const ir::ValueId output : values_.outputs[id])
        if (output != ir::kNone && output != value)
          shows_[output].insert(shows_[output].end(), shows_[value].begin(), shows_[value].end());
      return;
    }
    for (const uint32_t index : shows_[value]) judge(id, weights_[index], slot);
  }

  bool joins_computed(ir::NodeId id) const {
    const auto inputs = values_.inputs[id];
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](ir::ValueId v) { return v != ir::kNone && learns_[v] && shows_[v].empty(); });
  }

  void judge(ir::NodeId id, Weight& weight, const WeightSlot& slot) {
    const ir::Node& node = *values_.nodes[id].node;
    if (slot.kind == SlotKind::operand || slot.kind == SlotKind::part) return judge_operand(id, weight, slot);
    if (slot.kind == SlotKind::statistic) return explain(weight, "a running statistic");
    if (slot.kind == SlotKind::setting)
      return explain(weight, fmt::format("a setting of {}", base::printable(node.op_type)));
    if (node.is("Gather") && weight.dims.size() != 2) return explain(weight, "a table that is not of rank 2");
    train(id, weight, slot, "a parameter of the operator");
  }

  void judge_operand(ir::NodeId id, Weight& weight, const WeightSlot& slot) {
    if (ir::element_count(weight.dims).value_or(0) <= 1) return explain(weight, "a single number");
    if (!any_input_learns(id)) return explain(weight, "nothing before it is trained");
    if (is_mask(*tensors_[static_cast<size_t>(&weight - weights_.data())])) return explain(weight, "a mask");
    train(id, weight, slot, "an operand after a trained weight");
  }

  // {0, 1}, or zeros and very negative numbers. One value alone is a fresh bias or scale.
  bool is_mask(const ir::Tensor& tensor) const {
    const auto numbers = ir::read_doubles(lowered_.model, tensor, kMaskElements);
    if (!numbers) return false;
    bool zero = false, one = false, blocked = false;
    for (const double x : *numbers) {
      if (x == 0)
        zero = true;
      else if (x == 1)
        one = true;
      else if (x <= -1e4)
        blocked = true;
      else
        return false;
    }
    return zero + one + blocked > 1 && !(one && blocked);
  }

  void train(ir::NodeId id, Weight& weight, const WeightSlot& slot, std::string_view why) {
    const ir::Node& node = *values_.nodes[id].node;
    if (weight.slot.empty() || !weight.trained) weight.slot = fmt::format("{} {}", node.op_type, slot.name);
    weight.trained = true;
    weight.reason = why;
    for (const ir::ValueId v : values_.outputs[id])
      if (v != ir::kNone) learns_[v] = true;
  }

  static void explain(Weight& weight, std::string why) {
    if (!weight.trained) weight.reason = std::move(why);
  }

  const Lowered& lowered_;
  const ir::Values& values_;
  const TrainableOptions& options_;
  std::vector<Weight> weights_;
  std::vector<const ir::Tensor*> tensors_;    // by weight
  std::vector<std::vector<uint32_t>> shows_;  // by value: the weights of which it is a view, or joined
  std::vector<char> learns_;                  // by value: computed from a trained weight
};

void check_paths(const ir::Values& values, const std::vector<std::string>& outputs, const TrainableOptions& options,
                 std::vector<Weight>& weights) {
  const GradientPaths paths(values, outputs, options.quantization_aware);
  for (Weight& weight : weights) {
    weight.cut_by = paths.cut(weight.value);
    if (!weight.trained || weight.cut_by.empty()) continue;
    const std::string where = fmt::format("weight '{}'", base::printable(weight.name));
    const std::string what = fmt::format("no gradient reaches it, {}", weight.cut_by);
    if (!options.allow_dead)
      throw base::Error(base::ErrorKind::check_failed, where, what, "freeze it, or allow weights without gradients");
    base::warn("{}: {}", where, what);
  }
}

}  // namespace

std::vector<Weight> find_weights(const ir::Model& model, const std::vector<std::string>& outputs,
                                 const TrainableOptions& options) {
  const Lowered lowered = lower(model);
  const ir::Values values = ir::resolve(lowered.model);
  std::vector<Weight> weights = Finder(lowered, values, options).find();
  apply_rules(lowered, values, options.rules, weights);
  if (options.tie) find_ties(lowered.model, values, weights);
  check_paths(values, outputs, options, weights);
  if (std::none_of(weights.begin(), weights.end(), [](const Weight& w) { return w.trained; }))
    throw base::Error(base::ErrorKind::config, base::printable(model.path), "no weight of this model is trained",
                      "choose weights by rules: none is a parameter of an operator that trains");
  return weights;
}

}  // namespace allot::exec
