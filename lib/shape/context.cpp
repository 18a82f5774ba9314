// SPDX-License-Identifier: Apache-2.0
#include "shape/context.h"

#include <algorithm>

namespace allot::shape {

Context::Context(State& state, ir::NodeId id)
    : state_(state),
      id_(id),
      ref_(state.values.nodes[id]),
      inputs_(state.values.inputs[id]),
      outputs_(state.values.outputs[id]) {}

ir::DataType Context::elem_attribute(ir::Str name, ir::DataType otherwise) const {
  const int64_t number = node().int_or(name, static_cast<int64_t>(otherwise));
  return number >= 0 && number <= ir::kMaxDataType ? static_cast<ir::DataType>(number) : ir::DataType::undefined;
}

const ValueType& Context::type(size_t input) const {
  static const ValueType kAbsent;
  return has(input) ? state_.result.types[inputs_[input]] : kAbsent;
}

const Dims* Context::dims(size_t input) {
  const ValueType& type = this->type(input);
  const bool tensor = type.kind == ir::Type::Kind::tensor || type.kind == ir::Type::Kind::sparse_tensor;
  if (!tensor || !type.has_rank) return nullptr;
  distrust(type.trust);
  return &type.dims;
}

const std::vector<double>* Context::content(size_t input) {
  if (!has(input) || !type(input).has_rank) return nullptr;
  const auto* data = state_.content(inputs_[input]);
  // A shape that was only guessed may disagree with the content; rules index one by the other.
  if (!data || product(type(input).dims) != static_cast<int64_t>(data->size())) return nullptr;
  distrust(state_.content_trust(inputs_[input]));
  return data;
}

std::optional<Dims> Context::ints(size_t input) {
  const auto* data = content(input);
  if (!data) return std::nullopt;
  Dims values(data->size());
  std::transform(data->begin(), data->end(), values.begin(), saturate);
  return values;
}

std::optional<double> Context::number(size_t input) {
  const auto* data = content(input);
  return data && data->size() == 1 ? std::optional(data->front()) : std::nullopt;
}

std::optional<int64_t> Context::integer(size_t input) {
  const auto value = number(input);
  return value ? std::optional(saturate(*value)) : std::nullopt;
}

IntList Context::int_list(ir::Str attribute, size_t input) {
  if (const auto* found = node().find(attribute)) return {true, true, found->ints};
  if (!has(input)) return {};
  auto values = ints(input);
  if (!values) return {true, false, {}};
  return {true, true, std::move(*values)};
}

const Sequence* Context::sequence(size_t input) {
  if (!has(input)) return nullptr;
  const auto found = state_.sequences.find(inputs_[input]);
  return found == state_.sequences.end() ? nullptr : &found->second;
}

std::optional<size_t> Context::room_for(std::span<const int64_t> dims) const {
  const auto count = product(dims);
  if (!count || *count > kMaxContent || !state_.fits(static_cast<size_t>(*count))) return std::nullopt;
  return static_cast<size_t>(*count);
}

void Context::set(size_t output, ir::DataType elem, Dims dims) {
  if (!wants(output)) return;
  set_elem(output, elem);
  int64_t lowest = 0;
  for (const int64_t dim : dims) lowest = std::min(lowest, dim);
  if (lowest < 0) return contradict("output {} would be {}", output, to_string(dims));
  if (dims.size() > kMaxRank) return contradict("output {} would have {} dimensions", output, dims.size());
  if (!countable(dims))
    return contradict("output {} would be {}: more bytes than 63 bits can count", output, to_string(dims));
  ValueType& type = state_.type(outputs_[output]);
  type.trust = taint_;
  type.has_rank = true;
  type.dims = std::move(dims);
}

void Context::set_elem(size_t output, ir::DataType elem) {
  if (!wants(output)) return;
  ValueType& type = state_.type(outputs_[output]);
  type.kind = ir::Type::Kind::tensor;
  type.elem = elem;
}

void Context::set_type(size_t output, ValueType type) {
  if (!wants(output)) return;
  if (type.has_rank) type.trust = std::max(type.trust == Trust::unknown ? Trust::inferred : type.trust, taint_);
  state_.type(outputs_[output]) = std::move(type);
}

void Context::set_content(size_t output, std::vector<double> data) {
  if (wants(output)) state_.set_content(outputs_[output], std::move(data), taint_);
}

void Context::set_source(size_t output, const ir::Tensor& tensor) {
  if (wants(output)) state_.set_source(outputs_[output], tensor);
}

void Context::set_sequence(size_t output, Sequence elements) {
  if (wants(output)) state_.set_sequence(outputs_[output], std::move(elements));
}

void Context::copy(size_t output, size_t input, bool with_content) {
  if (!has(input)) return;
  set_type(output, type(input));
  if (!with_content) return;
  if (may_know(input))
    if (const auto* data = content(input)) set_content(output, *data);
  if (const Sequence* elements = sequence(input)) set_sequence(output, Sequence(*elements));
}

std::string Context::where() const { return ir::describe(node(), ref_.index); }

std::optional<size_t> Context::axis(int64_t axis, size_t rank) {
  const auto index = normalize_axis(axis, rank);
  if (!index) contradict("axis {} is out of range for rank {}", axis, rank);
  return index;
}

void Context::merge_broadcast(std::optional<Dims>& result, size_t input) {
  if (!result) return;
  const Dims* dims = this->dims(input);
  if (!dims) {
    result.reset();
    return;
  }
  if (shape::broadcast(*result, *dims)) return;
  std::string shapes;
  for (size_t i = 0; i <= input && i < 8; ++i)
    if (has(i)) shapes += (shapes.empty() ? "" : " with ") + to_string(type(i).dims);
  contradict("shapes do not broadcast: {}", shapes);
}

std::optional<Dims> Context::broadcast(std::initializer_list<size_t> inputs) {
  std::optional<Dims> result(std::in_place);
  for (const size_t input : inputs) merge_broadcast(result, input);
  return result;
}

std::optional<Dims> Context::broadcast_all() {
  std::optional<Dims> result(std::in_place);
  for (size_t i = 0; i < inputs(); ++i) merge_broadcast(result, i);
  return result;
}

ir::GraphId Context::body(ir::Str attribute) const {
  const ir::Graph* graph = node().graph(attribute);
  for (const ir::GraphId g : state_.values.bodies[id_])
    if (state_.values.graphs[g].graph == graph) return g;
  return ir::kNone;
}

}  // namespace allot::shape
