// SPDX-License-Identifier: Apache-2.0
#include "shape/bind.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "base/error.h"

namespace allot::shape {
namespace {

using base::printable;

[[noreturn]] void config_error(std::string_view where, std::string_view what, std::string_view fix) {
  throw base::Error(base::ErrorKind::config, where, what, fix);
}

/// The tensor inside sequences and optionals, whose dimensions are what can be bound.
const ir::Type& innermost(const ir::Type& type) {
  const ir::Type* inner = &type;
  while (inner->element) inner = inner->element.get();
  return *inner;
}

/// Some exporters write "?" for what has no name.
ir::Str symbol_of(const ir::Dim& dim) { return dim.value >= 0 || dim.symbol == "?" ? ir::Str() : dim.symbol; }

std::string dim_name(ir::Str input, size_t index) { return fmt::format("{}:{}", input, index); }

class Binder {
 public:
  Binder(State& state, const Bindings& bindings) : state_(state), bindings_(bindings) {
    if (bindings.default_dim < 0)
      config_error("default dimension", fmt::format("{} is negative", bindings.default_dim), "give 1 or more");
    for (const ir::ValueId v : state.values.graphs[0].inputs) {
      const auto& value = state.values.values[v];
      by_name_.emplace(value.name, v);
      if (!value.initializer && !value.sparse) inputs_.push_back(v);
    }
  }

  void run() {
    for (const auto& [name, shape] : bindings_.inputs) check_input(name, shape);
    for (const auto& [name, value] : bindings_.dims) bind_name(name, value);
    for (const ir::ValueId v : inputs_) bind_given_dims(v);
    for (const ir::ValueId v : inputs_) assign(v);
  }

 private:
  const ir::Type& declared(ir::ValueId v) const {
    static const ir::Type kNone;
    const auto* info = state_.values.values[v].info;
    return info ? innermost(info->type) : kNone;
  }

  bool has_symbol(ir::Str name) {
    if (symbols_.empty())
      for (const ir::ValueId v : inputs_)
        for (const ir::Dim& dim : declared(v).dims)
          if (!symbol_of(dim).empty()) symbols_.insert(dim.symbol);
    return symbols_.count(name) > 0;
  }

  /// A symbol that only declared types of inner values and outputs use: binding it helps where inference stops.
  bool is_inner_symbol(ir::Str name) const {
    const auto uses = [&](const ir::ValueInfo& info) {
      const auto& dims = innermost(info.type).dims;
      return std::any_of(dims.begin(), dims.end(),
                         [&](const ir::Dim& d) { return !name.empty() && symbol_of(d) == name; });
    };
    const ir::Graph& graph = state_.model.graph;
    return std::any_of(graph.outputs.begin(), graph.outputs.end(), uses) ||
           std::any_of(graph.value_infos.begin(), graph.value_infos.end(), uses);
  }

  void bind_name(const std::string& name, int64_t value) {
    if (value < 0)
      config_error("dimension '" + printable(name) + "'", fmt::format("{} is negative", value), "give 0 or more");
    if (has_symbol(name) || is_inner_symbol(name)) {
      state_.symbols[name].value = value;
      return;
    }
    const size_t colon = name.rfind(':');
    size_t index = 0;
    if (colon != std::string::npos) {
      const char* end = name.data() + name.size();
      const auto [last, error] = std::from_chars(name.data() + colon + 1, end, index);
      const auto input = by_name_.find(ir::Str(name).substr(0, colon));
      if (error == std::errc() && last == end && input != by_name_.end() && index < declared(input->second).dims.size())
        return;  // read by bind_given_dims
    }
    config_error("dimension '" + printable(name) + "'", "no graph input has a dimension of that name",
                 known_names(name));
  }

  std::string known_names(const std::string& name) {
    std::vector<std::string> names;
    for (const ir::ValueId v : inputs_) {
      const auto& dims = declared(v).dims;
      for (size_t i = 0; i < dims.size(); ++i) {
        if (dims[i].value >= 0) continue;
        const auto text =
            symbol_of(dims[i]).empty() ? dim_name(state_.values.values[v].name, i) : std::string(dims[i].symbol);
        if (std::find(names.begin(), names.end(), text) == names.end()) names.push_back(printable(text));
        if (names.size() > 50) return base::suggestion(name, names);
      }
    }
    return names.empty() ? "the model has no symbolic dimension: drop it" : base::suggestion(name, names);
  }

  void check_input(const std::string& name, const Dims& shape) {
    const std::string where = "input '" + printable(name) + "'";
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      std::vector<std::string> names;
      for (const ir::ValueId v : inputs_)
        if (names.size() < 50) names.push_back(printable(state_.values.values[v].name));
      config_error(where, "the model has no such input", base::suggestion(name, names));
    }
    const auto& value = state_.values.values[found->second];
    if (value.initializer && shape != value.initializer->dims)
      config_error(
          where,
          fmt::format("{} was given, but its initializer is {}", to_string(shape), to_string(value.initializer->dims)),
          "leave the shapes of parameters as they are");
    const auto& type = declared(found->second);
    if (type.has_shape && shape.size() != type.dims.size())
      config_error(
          where,
          fmt::format("{} has {} dimensions, the file declares {}", to_string(shape), shape.size(), type.dims.size()),
          fmt::format("give {} numbers", type.dims.size()));
    for (const int64_t dim : shape)
      if (dim < -1)
        config_error(where, fmt::format("{} is negative", dim), "give 0 or more, or -1 to leave one as it is");
    if (!type.has_shape && std::find(shape.begin(), shape.end(), -1) != shape.end())
      config_error(where, "the file declares no shape that -1 could leave as it is", "give every dimension");
  }

  /// What the user said about dimension i of `v`, or -1.
  int64_t given(ir::ValueId v, size_t i) const {
    const ir::Str name = state_.values.values[v].name;
    int64_t value = -1;
    if (!bindings_.inputs.empty())
      if (const auto whole = bindings_.inputs.find(std::string(name)); whole != bindings_.inputs.end())
        value = whole->second[i];
    if (bindings_.dims.empty()) return value;
    const auto single = bindings_.dims.find(dim_name(name, i));
    if (single == bindings_.dims.end()) return value;
    if (value >= 0 && value != single->second) conflict(dim_name(name, i), value, single->second);
    return single->second;
  }

  [[noreturn]] static void conflict(const std::string& name, int64_t a, int64_t b) {
    config_error("dimension '" + printable(name) + "'", fmt::format("it cannot be both {} and {}", a, b),
                 "bind it to one value");
  }

  /// Elements of a sequence may differ in the dimensions that the file leaves open.
  Trust trust_in(ir::ValueId v) const {
    return state_.values.values[v].info->type.kind == ir::Type::Kind::sequence ? Trust::bound : Trust::inferred;
  }

  void bind_given_dims(ir::ValueId v) {
    const auto& dims = declared(v).dims;
    for (size_t i = 0; i < dims.size(); ++i) {
      const int64_t value = given(v, i);
      if (value < 0) continue;
      if (dims[i].value >= 0 && dims[i].value != value)
        config_error("dimension '" + printable(dim_name(state_.values.values[v].name, i)) + "'",
                     fmt::format("{} was given, but the file says {}", value, dims[i].value),
                     "leave it, or export the model with that size");
      if (symbol_of(dims[i]).empty()) continue;
      const auto [bound, fresh] = state_.symbols.emplace(dims[i].symbol, Symbol{value, trust_in(v)});
      if (!fresh && bound->second.value != value) conflict(std::string(dims[i].symbol), bound->second.value, value);
    }
  }

  void assign(ir::ValueId v) {
    const auto& value = state_.values.values[v];
    ValueType& type = state_.type(v);
    if (!value.info) return;
    const ir::Type& tensor = innermost(value.info->type);
    type.kind = value.info->type.kind;
    type.elem = tensor.elem;
    const auto whole = bindings_.inputs.find(std::string(value.name));
    type.has_rank = tensor.has_shape || whole != bindings_.inputs.end();
    if (!type.has_rank) return;
    const bool open = std::any_of(tensor.dims.begin(), tensor.dims.end(), [](const ir::Dim& d) { return d.value < 0; });
    type.trust = open || !tensor.has_shape ? trust_in(v) : Trust::inferred;
    if (!tensor.has_shape)
      type.dims = whole->second;
    else
      for (size_t i = 0; i < tensor.dims.size(); ++i) type.dims.push_back(dim_of(v, tensor.dims[i], i));
    check_size(type, "input '" + printable(value.name) + "'");
  }

  int64_t dim_of(ir::ValueId v, const ir::Dim& dim, size_t i) {
    if (dim.value != -1) return dim.value;
    if (const int64_t value = given(v, i); value >= 0) return value;
    const ir::Str input = state_.values.values[v].name;
    if (symbol_of(dim).empty()) {
      state_.result.assumptions.push_back({dim_name(input, i), {std::string(input)}, bindings_.default_dim});
      return bindings_.default_dim;
    }
    const auto [bound, fresh] = state_.symbols.emplace(dim.symbol, Symbol{bindings_.default_dim, trust_in(v)});
    if (fresh) {
      assumed_.emplace(dim.symbol, state_.result.assumptions.size());
      state_.result.assumptions.push_back({std::string(dim.symbol), {}, bindings_.default_dim});
    }
    if (const auto assumed = assumed_.find(dim.symbol); assumed != assumed_.end()) {
      auto& inputs = state_.result.assumptions[assumed->second].inputs;
      if (inputs.empty() || inputs.back() != input) inputs.emplace_back(input);
    }
    return bound->second.value;
  }

  State& state_;
  const Bindings& bindings_;
  std::vector<ir::ValueId> inputs_;
  std::unordered_map<ir::Str, ir::ValueId> by_name_;
  std::unordered_set<ir::Str> symbols_;          // of inputs_, filled when first needed
  std::unordered_map<ir::Str, size_t> assumed_;  // symbol -> index in assumptions
};

}  // namespace

void bind_inputs(State& state, const Bindings& bindings) { Binder(state, bindings).run(); }

Declared declared_type(const State& state, const ir::Type& type) {
  const ir::Type& tensor = innermost(type);
  Declared declared{{type.kind, tensor.elem, Trust::declared, tensor.has_shape, {}}, tensor.has_shape};
  declared.type.dims.reserve(tensor.dims.size());
  for (const ir::Dim& dim : tensor.dims) {
    int64_t value = dim.value;
    if (!symbol_of(dim).empty())
      if (const auto bound = state.symbols.find(dim.symbol); bound != state.symbols.end()) {
        value = bound->second.value;
        declared.type.trust = std::max(declared.type.trust, bound->second.trust);
      }
    declared.complete &= value >= 0;
    declared.type.dims.push_back(std::max<int64_t>(value, -1));
  }
  return declared;
}

void assume_open_dims(State& state, Declared& declared, const ir::ValueInfo& info, int64_t value) {
  const ir::Type& tensor = innermost(info.type);
  for (size_t i = 0; i < declared.type.dims.size(); ++i) {
    if (declared.type.dims[i] >= 0) continue;
    declared.type.dims[i] = value;
    const ir::Str symbol = symbol_of(tensor.dims[i]);
    if (!symbol.empty() && !state.symbols.emplace(symbol, Symbol{value, Trust::assumed}).second) continue;
    state.result.assumptions.push_back({symbol.empty() ? dim_name(info.name, i) : std::string(symbol), {}, value});
  }
  declared.type.trust = Trust::assumed;
}

}  // namespace allot::shape
