// SPDX-License-Identifier: Apache-2.0
#include "exec/compiler.h"

#include <algorithm>
#include <unordered_set>

#include <c10/core/GradMode.h>

#include "base/error.h"
#include "exec/constant.h"
#include "exec/load.h"
#include "exec/segments.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;

constexpr size_t kShownRefusals = 50;

PlanNode plan_node(const ir::Node& node, const Lowered& lowered) {
  const auto* origin = lowered.origin(node);
  const uint32_t source = lowered.source(node);
  if (!origin) return {std::string(node.name), operator_name(node), source};
  return {origin->call, fmt::format("{}: {}", origin->function, operator_name(node)), source};
}

}  // namespace

Compiler::Compiler(const Lowered& lowered, const CompileOptions& options)
    : lowered_(lowered), model_(lowered.model), options_(options), values_(ir::resolve(model_)) {}

std::shared_ptr<Plan> Compiler::compile() {
  at::NoGradGuard no_gradients;
  plan_->device = options_.device;
  for (const auto& [node, graph, index] : values_.nodes) plan_->nodes.push_back(plan_node(*node, lowered_));
  find_outputs();
  mark_needed();
  load_constants();
  ahead_ = std::make_unique<Frame>(*plan_, RunMode{});
  plan_->blocks.resize(values_.graphs.size());
  compile_graph(0);
  if (!refusals_.empty()) throw_refusals();
  ahead_.reset();
  drop_unused_constants();
  if (options_.remat > 1) cut_evenly(*plan_, options_.remat);
  return plan_;
}

std::vector<std::string> Compiler::outputs() const {
  std::vector<std::string> names;
  for (const ir::ValueId v : outputs_) names.emplace_back(values_.values[v].name);
  return names;
}

void Compiler::find_outputs() {
  if (options_.outputs.empty()) outputs_ = values_.graphs[0].outputs;
  for (const std::string& name : options_.outputs) {
    const ir::ValueId value = values_.find(name);
    if (value == ir::kNone)
      throw Error(ErrorKind::config, fmt::format("output '{}'", base::printable(name)), "the model has no such value",
                  "name an output of one of its nodes");
    outputs_.push_back(value);
  }
}

// Nodes that an output depends on; those of a body count once its owner does.
void Compiler::mark_needed() {
  needed_.assign(values_.nodes.size(), false);
  std::vector<ir::ValueId> stack = outputs_;
  while (!stack.empty()) {
    const ir::NodeId producer = values_.values[stack.back()].producer;
    stack.pop_back();
    if (producer == ir::kNone || needed_[producer]) continue;
    needed_[producer] = true;
    for (const ir::ValueId v : values_.inputs[producer])
      if (v != ir::kNone) stack.push_back(v);
    for (const ir::GraphId body : values_.bodies[producer])
      for (const ir::ValueId v : values_.graphs[body].outputs) stack.push_back(v);
  }
}

// Before IR 4 every initializer had to be an input as well; since then being one makes it a default.
bool Compiler::is_weight(ir::ValueId value) const {
  const auto& v = values_.values[value];
  return (v.initializer || v.sparse) && (!v.is_input || model_.ir_version < 4);
}

bool Compiler::is_stored(ir::ValueId value) const {
  const ir::NodeId producer = values_.values[value].producer;
  return producer == ir::kNone ? is_weight(value) : values_.nodes[producer].node->is("Constant");
}

// What the file stores: initializers and Constant nodes.
void Compiler::load_constants() {
  const size_t n = values_.values.size();
  plan_->constants.resize(n);
  is_constant_.assign(n, false);
  for (ir::ValueId v = 0; v < n; ++v) {
    const auto& value = values_.values[v];
    if (value.initializer) plan_->constants[v] = load(model_, *value.initializer);
    if (value.sparse) plan_->constants[v] = load(model_, *value.sparse);
    if (value.producer != ir::kNone) {
      const auto& node = values_.nodes[value.producer];
      if (node.node->is("Constant") && needed_[value.producer]) {
        try {
          plan_->constants[v] = load_constant(site_of(value.producer));
        } catch (const Error& error) {
          throw error.within(where(value.producer));
        }
      }
    }
    if (plan_->constants[v].absent()) continue;
    is_constant_[v] = !value.is_input || is_weight(v);
    if (plan_->constants[v].is_tensor())
      plan_->constants[v] = Value(plan_->constants[v].tensor().to(options_.device), plan_->constants[v].widened());
  }
  for (const TrainedWeight& weight : options_.trained) make_parameter(weight);
}

ir::ValueId Compiler::find_weight(const std::string& name) const {
  const ir::ValueId value = values_.find(name);
  if (value == ir::kNone || !is_constant_[value])
    throw Error(ErrorKind::config, fmt::format("weight '{}'", base::printable(name)),
                "is no initializer or Constant of the model, or is named twice", "name each weight once");
  return value;
}

void Compiler::make_parameter(const TrainedWeight& weight) {
  const ir::ValueId value = find_weight(weight.name);
  const Value stored = plan_->constants[value];
  if (!stored.is_tensor() || !at::isFloatingType(stored.tensor().scalar_type()))
    throw Error(ErrorKind::config, fmt::format("weight '{}'", base::printable(weight.name)),
                fmt::format("is {} and cannot be trained", stored.describe()), "train floating weights only");
  is_constant_[value] = false;
  const at::ScalarType type = stored.tensor().scalar_type();
  const bool is_half = c10::elementSize(type) < 4;
  at::Tensor leaf = is_half ? stored.tensor().to(at::kFloat) : stored.tensor();
  leaf.set_requires_grad(true);
  parameters_.push_back({weight, leaf, stored.dtype()});
  plan_->constants[value] = leaf;
  if (is_half) {
    const auto master = static_cast<Slot>(plan_->constants.size());
    plan_->constants.emplace_back(leaf);
    plan_->constants[value] = Value();
    is_constant_.push_back(false);
    prepend([type](Call& call) { call.set(0, call.in(0).to(type)); }, master, value, "Cast");
  }
  for (const TiedCopy& copy : weight.copies) {
    const ir::ValueId other = find_weight(copy.name);
    is_constant_[other] = false;
    plan_->constants[other] = Value();
    prepend([flip = copy.transposed](Call& call) { call.set(0, flip ? call.in(0).t() : call.in(0)); }, value, other,
            "Transpose");
  }
}

void Compiler::prepend(Kernel kernel, Slot input, Slot output, std::string op_type) {
  Step step;
  step.kernel = std::move(kernel);
  step.inputs = keep({input});
  step.outputs = keep({output});
  step.node = static_cast<uint32_t>(plan_->nodes.size());
  plan_->nodes.push_back({std::string(values_.values[output].name), std::move(op_type), kNoSource});
  prologue_.push_back(std::move(step));
}

std::vector<Buffer> Compiler::buffers() const {
  std::vector<Buffer> buffers;
  if (options_.kernels.batch_norm != BatchNorm::train) return buffers;
  for (ir::NodeId id = 0; id < values_.nodes.size(); ++id) {
    if (!needed_[id] || !values_.nodes[id].node->is("BatchNormalization")) continue;
    for (size_t i = 3; i < values_.inputs[id].size(); ++i)
      if (const ir::ValueId v = values_.inputs[id][i]; v != ir::kNone && is_stored(v))
        buffers.push_back({std::string(values_.values[v].name), plan_->constants[v].tensor()});
  }
  return buffers;
}

void Compiler::compile_graph(ir::GraphId graph) {
  const auto& ref = values_.graphs[graph];
  Block block;
  for (const ir::ValueId v : ref.inputs)
    if (graph != 0 || !is_weight(v)) block.inputs.push_back(v);
  const auto& outputs = graph == 0 ? outputs_ : ref.outputs;
  block.outputs.assign(outputs.begin(), outputs.end());
  if (graph == 0) block.steps = std::move(prologue_);
  for (const ir::NodeId id : ref.order)
    if (needed_[id]) compile_node(id, block);
  find_lifetimes(graph, block);
  plan_->blocks[graph] = std::move(block);
}

void Compiler::compile_node(ir::NodeId id, Block& block) {
  const ir::Node& node = *values_.nodes[id].node;
  if (node.is("Constant")) return;
  const Operator* op = find_operator(node.domain, node.op_type);
  if (!op) {
    refusals_.push_back(fmt::format("{}: there is no kernel for it", where(id)));
    return;
  }
  for (const ir::GraphId body : values_.bodies[id]) compile_graph(body);
  Step step;
  try {
    step.kernel = op->make(site_of(id));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable) throw error.where().empty() ? error.within(where(id)) : error;
    refusals_.push_back(fmt::format("{}: {}", where(id), error.message()));
    return;
  }
  const auto inputs = values_.inputs[id], outputs = values_.outputs[id];
  step.inputs = keep({inputs.begin(), inputs.end()});
  step.outputs = keep({outputs.begin(), outputs.end()});
  step.node = id;
  const auto fixed = [&](ir::ValueId v) { return v == ir::kNone || is_constant_[v]; };
  const auto captured = captured_by(id);
  if (!op->impure && refusals_.empty() && std::all_of(inputs.begin(), inputs.end(), fixed) &&
      std::all_of(captured.begin(), captured.end(), fixed)) {
    compute_ahead(step);
    if (std::all_of(outputs.begin(), outputs.end(), fixed)) return;
  }
  step.captured = keep({captured.begin(), captured.end()});
  block.steps.push_back(std::move(step));
}

Site Compiler::site_of(ir::NodeId id) {
  const ir::Node& node = *values_.nodes[id].node;
  Site site(model_, node, lowered_.opset(node), options_.kernels);
  for (const ir::ValueId v : values_.inputs[id])
    site.constants.push_back(v != ir::kNone && is_constant_[v] ? &plan_->constants[v] : nullptr);
  size_t next = 0;
  for (const auto& attribute : node.attributes)
    for (size_t i = 0; i < attribute.graphs.size(); ++i)
      site.blocks.emplace_back(attribute.name, values_.bodies[id][next++]);
  return site;
}

// A step that fails here fails at run time again, where the error names it.
void Compiler::compute_ahead(const Step& step) {
  for (const Slot slot : step.inputs)
    if (slot != kNoSlot) ahead_->slot(slot) = plan_->constants[slot];
  try {
    ahead_->run(step);
  } catch (const std::exception&) {
    return;
  }
  for (const Slot slot : step.outputs) {
    if (slot == kNoSlot || ahead_->slot(slot).absent()) continue;
    plan_->constants[slot] = ahead_->slot(slot);
    is_constant_[slot] = true;
  }
}

std::vector<ir::ValueId> Compiler::captured_by(ir::NodeId id) const {
  std::vector<ir::ValueId> captured;
  for (const ir::GraphId body : values_.bodies[id]) {
    const auto& list = values_.graphs[body].captured;
    captured.insert(captured.end(), list.begin(), list.end());
  }
  return captured;
}

// A value dies with the last step of its own graph that uses it, itself or in a body.
void Compiler::find_lifetimes(ir::GraphId graph, Block& block) {
  const size_t num_values = values_.values.size();
  const auto is_local = [&](Slot slot) {
    return slot < num_values && values_.values[slot].graph == graph && !is_constant_[slot];
  };
  std::vector<Slot> outputs = block.outputs;
  std::sort(outputs.begin(), outputs.end());
  outputs.erase(std::unique(outputs.begin(), outputs.end()), outputs.end());
  if (graph != 0) std::copy_if(outputs.begin(), outputs.end(), std::back_inserter(block.leftovers), is_local);

  // Backwards, the first use that is met is the last one. Only slots of this graph are asked for.
  std::unordered_set<Slot> seen(outputs.begin(), outputs.end());
  for (auto step = block.steps.rbegin(); step != block.steps.rend(); ++step) {
    std::vector<Slot> uses(step->inputs.begin(), step->inputs.end());
    uses.insert(uses.end(), step->outputs.begin(), step->outputs.end());
    uses.insert(uses.end(), step->captured.begin(), step->captured.end());
    std::vector<Slot> dead;
    for (const Slot slot : uses)
      if (slot != kNoSlot && is_local(slot) && seen.insert(slot).second) dead.push_back(slot);
    step->last_uses = keep(std::move(dead));
  }
}

// Weights that were only there to compute others from.
void Compiler::drop_unused_constants() {
  std::vector<char> used(plan_->constants.size(), false);
  const auto mark = [&](std::span<const Slot> slots) {
    for (const Slot slot : slots)
      if (slot != kNoSlot) used[slot] = true;
  };
  for (const Block& block : plan_->blocks) {
    mark(block.outputs);
    for (const Step& step : block.steps) mark(step.inputs);
  }
  for (size_t slot = 0; slot < used.size(); ++slot)
    if (!used[slot]) plan_->constants[slot] = Value();
}

std::span<const Slot> Compiler::keep(std::vector<Slot> slots) {
  return plan_->slot_lists->emplace_back(std::move(slots));
}

void Compiler::throw_refusals() const {
  std::string all;
  for (size_t i = 0; i < refusals_.size() && i < kShownRefusals; ++i) all += (i ? "; " : "") + refusals_[i];
  if (refusals_.size() > kShownRefusals) all += fmt::format("; and {} more", refusals_.size() - kShownRefusals);
  throw Error(ErrorKind::unavailable, base::printable(model_.path), all,
              "docs/operators.md lists what can be run; export the model with other operators");
}

}  // namespace allot::exec
