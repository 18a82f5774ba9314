// SPDX-License-Identifier: Apache-2.0
#include "emit/boundary.h"

#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"

namespace allot::emit {
namespace {

using ir::Type;
using shape::ValueType;

std::vector<std::string> input_symbols(const ir::Graph& graph) {
  std::set<std::string> symbols;
  for (const auto& input : graph.inputs)
    for (size_t axis = 0; axis < input.type.dims.size(); ++axis) {
      const ir::Dim& dim = input.type.dims[axis];
      if (dim.value < 0)
        symbols.insert(dim.symbol.empty() ? fmt::format("{}:{}", input.name, axis) : std::string(dim.symbol));
    }
  return {symbols.begin(), symbols.end()};
}

// Multiples of 32 pass through strides and windows without remainder; distinct ones tell symbols apart.
std::vector<int64_t> probe_sizes(size_t symbols, int64_t first, int64_t step) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < symbols; ++i) sizes.push_back(32 * (first + step * static_cast<int64_t>(i)));
  return sizes;
}

bool is_tensor(const Type& type) { return type.kind == Type::Kind::tensor && type.elem != ir::DataType::undefined; }

/// Declared figures that inference knows better are not to be trusted.
bool contradicts(const Type& declared, const ValueType& inferred) {
  if (!inferred.has_rank || inferred.trust != shape::Trust::inferred) return false;
  if (declared.elem != inferred.elem || declared.dims.size() != inferred.dims.size()) return true;
  for (size_t i = 0; i < declared.dims.size(); ++i)
    if (declared.dims[i].value >= 0 && declared.dims[i].value != inferred.dims[i]) return true;
  return false;
}

}  // namespace

BoundaryTypes::BoundaryTypes(const graph::PlanningModel& planning)
    : planning_(planning), symbols_(input_symbols(planning.model().graph)) {
  if (symbols_.empty()) return;
  const size_t count = symbols_.size();
  if (probe(probe_sizes(count, 5, 2)) && probe(probe_sizes(count, 8, 3))) return;
  // Some dimensions may have to agree with others.
  probes_.clear();
  if (!probe(probe_sizes(count, 5, 0)) || !probe(probe_sizes(count, 8, 0))) probes_.clear();
}

bool BoundaryTypes::probe(const std::vector<int64_t>& sizes) {
  shape::Bindings bindings;
  for (size_t i = 0; i < sizes.size(); ++i) bindings.dims[symbols_[i]] = sizes[i];
  try {
    probes_.push_back({sizes, shape::infer(planning_.model(), planning_.values, bindings)});
  } catch (const base::Error&) {
    return false;  // the model does not accept these sizes
  }
  return true;
}

ir::Dim BoundaryTypes::dim(ir::ValueId value, size_t axis) const {
  const ValueType& planned = planning_.shapes.types[value];
  if (planned.trust != shape::Trust::inferred) return {};
  if (symbols_.empty()) return {planned.dims[axis], {}};
  if (probes_.empty()) return {};
  const auto size = [&](const Probe& probe) {
    const ValueType& type = probe.shapes.types[value];
    return type.dims.size() == planned.dims.size() ? type.dims[axis] : -1;
  };
  const int64_t a = size(probes_[0]), b = size(probes_[1]);
  if (a == b) return {a == planned.dims[axis] ? a : -1, {}};
  std::optional<ir::Str> symbol;
  for (size_t i = 0; i < symbols_.size(); ++i) {
    if (a != probes_[0].sizes[i] || b != probes_[1].sizes[i]) continue;
    if (symbol) return {};
    symbol = symbols_[i];
  }
  const bool has_name = symbol && symbol->find(':') == ir::Str::npos;
  return has_name ? ir::Dim{-1, *symbol} : ir::Dim{};
}

Type BoundaryTypes::type(ir::Str name) const {
  const ir::ValueId value = planning_.values.find(name);
  ALLOT_ASSERT(value != ir::kNone);
  const ValueType& inferred = planning_.shapes.types[value];
  const ir::ValueInfo* info = planning_.values.values[value].info;
  const Type declared = info ? info->type : Type{};
  if (is_tensor(declared) && declared.has_shape && !contradicts(declared, inferred)) return declared;
  if (inferred.kind != Type::Kind::tensor || inferred.elem == ir::DataType::undefined) return declared;
  Type result;
  result.kind = Type::Kind::tensor;
  result.elem = inferred.elem;
  result.has_shape = inferred.has_rank;
  for (size_t axis = 0; axis < inferred.dims.size(); ++axis) result.dims.push_back(dim(value, axis));
  return result;
}

bool BoundaryTypes::guessed(ir::Str name) const {
  const ir::ValueId value = planning_.values.find(name);
  const ir::ValueInfo* info = planning_.values.values[value].info;
  return planning_.shapes.types[value].trust == shape::Trust::assumed && !(info && is_tensor(info->type));
}

int64_t BoundaryTypes::bytes(ir::Str name) const {
  const ir::ValueId value = planning_.values.find(name);
  return value == ir::kNone ? 0 : planning_.shapes.types[value].bytes();
}

}  // namespace allot::emit
