// SPDX-License-Identifier: Apache-2.0
#include "exec/program.h"

#include <c10/core/GradMode.h>

#include "base/error.h"
#include "exec/compiler.h"
#include "exec/fuse.h"
#include "exec/remat.h"
#include "exec/segment_watch.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;

std::string name_of(const ir::Dim& dim) {
  if (dim.value >= 0) return std::to_string(dim.value);
  return dim.symbol.empty() ? "?" : base::printable(dim.symbol);
}

std::string declared_shape(const ir::Type& type) {
  std::string text;
  for (const auto& dim : type.dims) {
    if (!text.empty()) text += ',';
    text += name_of(dim);
  }
  return text;
}

[[noreturn]] void wrong_input(const ProgramInput& input, const Value& value) {
  throw Error(ErrorKind::malformed, fmt::format("input '{}'", base::printable(input.name)),
              fmt::format("the model wants {}[{}], but gets {}", ir::name(input.type.elem), declared_shape(input.type),
                          value.describe()),
              "give a tensor of that type and shape");
}

void check(const ProgramInput& input, const Value& value) {
  if (input.type.kind != ir::Type::Kind::tensor) return;
  if (value.is_sequence() || value.dtype() != input.type.elem) wrong_input(input, value);
  if (!input.type.has_shape) return;
  const auto dims = value.dims();
  if (dims.size() != input.type.dims.size()) wrong_input(input, value);
  for (size_t i = 0; i < dims.size(); ++i)
    if (input.type.dims[i].value >= 0 && input.type.dims[i].value != dims[i]) wrong_input(input, value);
}

// The symbols of a declared shape are views into the model, which the program outlives.
ir::Type keep(ir::Type type, std::deque<std::string>& symbols) {
  for (auto& dim : type.dims)
    if (!dim.symbol.empty()) dim.symbol = symbols.emplace_back(dim.symbol);
  if (type.element) type.element = std::make_shared<const ir::Type>(keep(*type.element, symbols));
  return type;
}

}  // namespace

Program::Program(const ir::Model& model, const CompileOptions& options) : device_(options.device) {
  Lowered lowered = lower(model, options.expanded);
  if (options.fuse) fuse(lowered, options.outputs, options.parts);
  Compiler compiler(lowered, options);
  plan_ = compiler.compile();
  parameters_ = compiler.parameters();
  buffers_ = compiler.buffers();
  outputs_ = compiler.outputs();
  const auto& values = compiler.values();
  for (const auto& value : values.values) slot_names_.emplace_back(value.name);
  for (const ir::ValueId v : values.graphs[0].inputs) {
    if (compiler.is_weight(v)) continue;
    const auto& value = values.values[v];
    inputs_.push_back({std::string(value.name), value.info ? keep(value.info->type, *symbols_) : ir::Type{},
                       value.initializer != nullptr || value.sparse != nullptr});
  }
}

std::vector<Value> Program::check_inputs(const std::vector<Value>& inputs) const {
  if (inputs.size() > inputs_.size())
    throw Error(ErrorKind::malformed, "",
                fmt::format("{} inputs are given, but the model has {}", inputs.size(), inputs_.size()));
  std::vector<Value> checked(inputs_.size());
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const bool given = i < inputs.size() && !inputs[i].absent();
    const bool may_lack = inputs_[i].optional || inputs_[i].type.kind == ir::Type::Kind::optional;
    if (!given && may_lack) continue;
    if (!given)
      throw Error(ErrorKind::malformed, fmt::format("input '{}'", base::printable(inputs_[i].name)), "is missing",
                  "give a value for it");
    check(inputs_[i], inputs[i]);
    const bool moves = inputs[i].is_tensor() && inputs[i].tensor().device() != device_;
    checked[i] = moves ? Value(inputs[i].tensor().to(device_), inputs[i].widened()) : inputs[i];
  }
  return checked;
}

std::vector<Value> Program::run(const std::vector<Value>& inputs, const RunMode& mode) const {
  std::vector<Value> checked = check_inputs(inputs);
  Frame frame(*plan_, mode);
  for (size_t i = 0; i < checked.size(); ++i)
    if (!checked[i].absent()) frame.slot(plan_->blocks[0].inputs[i]) = std::move(checked[i]);
  if (mode.training && !plan_->segments.empty() && at::GradMode::is_enabled())
    run_rematerialised(plan_, frame);
  else if (segment_watch() && !plan_->segments.empty())
    run_watched(frame);
  else
    frame.run(0);
  return frame.take_outputs(0);
}

}  // namespace allot::exec
