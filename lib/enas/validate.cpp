// SPDX-License-Identifier: Apache-2.0
#include "enas/validate.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/rng.h"
#include "enas/constraint.h"
#include "enas/derive.h"
#include "onnxio/checker.h"
#include "shape/infer.h"

namespace allot::enas {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint32_t kStream = 0x656e7661;
constexpr size_t kInferred = 50;  // children whose shapes are inferred: thousands of times the work of reaching them
constexpr size_t kMostNamed = 5;  // nodes in a warning

std::string dims_text(const shape::ValueType& type) { return fmt::format("[{}]", fmt::join(type.dims, ", ")); }

void check_equal_shapes(const Supergraph& supergraph, const shape::Result& shapes) {
  for (size_t b = 0; b < supergraph.space().bindings.size(); ++b) {
    const ir::NodeId join = supergraph.join(b);
    const ir::Node& node = *supergraph.values().nodes[join].node;
    if (node.is("Concat")) continue;
    const shape::ValueType* first = nullptr;
    for (const ir::ValueId value : supergraph.values().inputs[join]) {
      if (value == ir::kNone) continue;
      const shape::ValueType& type = shapes.types[value];
      if (!type.has_rank) continue;
      if (!first) first = &type;
      if (type.elem != first->elem || type.dims != first->dims)
        throw Error(
            ErrorKind::malformed, fmt::format("node '{}'", base::printable(node.name)),
            fmt::format("has alternatives of unequal shapes: '{}' is {}, another {}",
                        base::printable(supergraph.values().values[value].name), dims_text(type), dims_text(*first)),
            "bring all alternatives of a join to one shape and type");
    }
  }
}

std::vector<std::vector<int64_t>> output_dims(const ir::Model& model) {
  const ir::Values values = ir::resolve(model);
  const shape::Result shapes = shape::infer(model, values, {});
  std::vector<std::vector<int64_t>> dims;
  for (const ir::ValueId output : values.graphs[0].outputs) dims.push_back(shapes.types[output].dims);
  return dims;
}

void check_outputs(const Supergraph& supergraph, const Child& child,
                   const std::vector<std::vector<int64_t>>& expected) {
  const auto refuse = [&](std::string_view what) {
    throw Error(ErrorKind::malformed, fmt::format("architecture '{}'", base::printable(child.name)), what,
                "slice what depends on how many inputs a Concat keeps");
  };
  try {
    if (output_dims(derive(supergraph, child)) != expected) refuse("gives outputs of another shape");
  } catch (const Error& error) {
    if (error.where().starts_with("architecture")) throw;
    refuse(fmt::format("cannot run: {}", error.what()));
  }
}

Assignment first_assignment(const Space& space) { return parse_assignment(space, ""); }

/// Every value of every variable once, the others at their first; subsets one alternative each, and all.
template <typename Visit>
void visit_single_changes(const Space& space, const Visit& visit) {
  const Assignment first = first_assignment(space);
  visit(first);
  for (size_t v = 0; v < first.size(); ++v) {
    const Variable& variable = space.variables[v];
    Assignment changed = first;
    if (variable.kind != Kind::one_of) {
      changed[v].clear();
      for (uint32_t i = 0; static_cast<int64_t>(changed[v].size()) < variable.most; ++i)
        changed[v].push_back(i % static_cast<uint32_t>(variable.size()));
      std::sort(changed[v].begin(), changed[v].end());
      visit(changed);
    }
    for (uint32_t i = 0; i < variable.size(); ++i) {
      if (variable.least > 1) break;
      changed[v] = {i};
      visit(changed);
    }
  }
}

train::TextTable variable_table(const Supergraph& supergraph) {
  train::TextTable table{{"variable", "kind", "values", "joins", "alternatives"}, {}};
  for (const Variable& variable : supergraph.space().variables) {
    const auto joins = std::count_if(supergraph.space().bindings.begin(), supergraph.space().bindings.end(),
                                     [&](const Binding& binding) { return binding.variable == variable.name; });
    table.rows.push_back({variable.name, name_of(variable.kind), std::to_string(domain_size(variable)),
                          std::to_string(joins),
                          base::printable(fmt::format("{}", fmt::join(variable.labels, " ")), 60)});
  }
  return table;
}

}  // namespace

Assignment random_assignment(const Space& space, uint64_t seed, uint32_t stream, uint32_t step, uint32_t item) {
  base::Rng rng(seed, stream, step, item);
  Assignment assignment;
  for (const Variable& variable : space.variables) {
    Choice chosen;
    const auto labels = static_cast<uint32_t>(variable.size());
    if (variable.kind == Kind::one_of) {
      chosen = {rng.below(labels)};
    } else if (variable.kind == Kind::subset) {
      do {
        chosen.clear();
        for (uint32_t i = 0; i < labels; ++i)
          if (rng.next_u32() & 1) chosen.push_back(i);
      } while (static_cast<int64_t>(chosen.size()) < variable.least ||
               static_cast<int64_t>(chosen.size()) > variable.most);
    } else {
      while (static_cast<int64_t>(chosen.size()) < variable.most) {
        const uint32_t i = rng.below(labels);
        if (variable.repeats || std::find(chosen.begin(), chosen.end(), i) == chosen.end()) chosen.push_back(i);
      }
      std::sort(chosen.begin(), chosen.end());
    }
    assignment.push_back(std::move(chosen));
  }
  return assignment;
}

Validation validate(const Supergraph& supergraph, size_t children, uint64_t seed) {
  onnxio::check(supergraph.model());
  const ir::Values& values = supergraph.values();
  check_equal_shapes(supergraph, shape::infer(supergraph.model(), values, {}));
  std::vector<std::vector<int64_t>> expected = output_dims(supergraph.model());
  std::vector<char> used(values.nodes.size(), false);
  size_t inferred = 0, allowed = 0;
  const auto look_at = [&](Assignment assignment) {
    const Child child = supergraph.child(std::move(assignment));
    for (size_t i = 0; i < used.size(); ++i) used[i] |= child.active_nodes[i];
    if (inferred++ < kInferred) check_outputs(supergraph, child, expected);
    return keeps_constraints(supergraph, child);
  };
  for (uint32_t i = 0; i < children; ++i) {
    if (i == kInferred / 2) visit_single_changes(supergraph.space(), look_at);
    allowed += look_at(random_assignment(supergraph.space(), seed, kStream, 0, i));
  }
  if (allowed == 0 && children > 0)
    throw Error(ErrorKind::malformed, "constraints",
                fmt::format("are kept by none of {} random architectures", children), "loosen them");
  Validation validation{
      size_of(supergraph.space()), values.nodes.size(), supergraph.space().bindings.size(), children, allowed, {},
      variable_table(supergraph)};
  std::vector<std::string> idle;
  for (size_t i = 0; i < used.size(); ++i)
    if (!used[i]) idle.push_back(base::printable(values.nodes[i].node->name));
  if (idle.empty()) return validation;
  const size_t count = idle.size();
  idle.resize(std::min(count, kMostNamed));
  validation.warnings.push_back(
      fmt::format("{} nodes were in no child: {}{}", count, fmt::join(idle, ", "), count > kMostNamed ? " ..." : ""));
  return validation;
}

}  // namespace allot::enas
