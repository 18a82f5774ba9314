// SPDX-License-Identifier: Apache-2.0
// If, Loop, Scan and SequenceMap: their bodies are inferred in place, once.
#include <algorithm>

#include "shape/engine.h"
#include "shape/ops/sequence.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

using ir::GraphId;
using ir::ValueId;

std::span<const ValueId> body_outputs(Context& c, GraphId body) { return c.state().values.graphs[body].outputs; }

ValueType scalar(ir::DataType elem) { return {ir::Type::Kind::tensor, elem, Trust::inferred, true, {}}; }

/// Hands type and content of a body's output on to an output of the node.
void forward(Context& c, size_t output, ValueId v) {
  State& state = c.state();
  c.set_type(output, state.type(v));
  if (state.may_know(v))
    if (const auto* data = state.content(v)) c.set_content(output, *data);
  if (const auto found = state.sequences.find(v); found != state.sequences.end()) c.set_sequence(output, found->second);
}

void if_then_else(Context& c) {
  const GraphId then_body = c.body("then_branch"), else_body = c.body("else_branch");
  if (then_body == ir::kNone || else_body == ir::kNone) return c.contradict("a branch is missing");
  const auto condition = c.number(0);
  if (condition) {
    const GraphId taken = *condition != 0 ? then_body : else_body;
    infer_body(c.state(), taken, Entry::certain);
    infer_body(c.state(), taken == then_body ? else_body : then_body, Entry::never);
    const auto outputs = body_outputs(c, taken);
    for (size_t o = 0; o < std::min(outputs.size(), c.outputs()); ++o) forward(c, o, outputs[o]);
    return;
  }
  infer_body(c.state(), then_body, Entry::possible);
  infer_body(c.state(), else_body, Entry::possible);
  const auto a = body_outputs(c, then_body), b = body_outputs(c, else_body);
  for (size_t o = 0; o < std::min({a.size(), b.size(), c.outputs()}); ++o) {
    const ValueType &left = c.state().type(a[o]), &right = c.state().type(b[o]);
    ValueType both = enclosing(left, right);
    if (!both.has_rank && left.has_rank && right.has_rank) {  // different ranks: the larger tensor is the bound
      both = left.elements() >= right.elements() ? left : right;
      both.trust = std::max({left.trust, right.trust, Trust::bound});
    }
    c.set_type(o, std::move(both));
  }
}

/// How often a loop runs: exactly, at most (bound), or nobody knows (assumed 1).
struct Trips {
  int64_t count = 1;
  Trust trust = Trust::inferred;
};

Trips trips_before_body(Context& c) {
  const auto most = c.has(0) ? c.integer(0) : std::nullopt;
  const auto first = c.has(1) ? c.number(1) : std::optional(1.0);
  if (first && *first == 0) return {0, Trust::inferred};
  const auto& hints = c.state().result.trip_counts;
  if (const auto hint = hints.find(c.id()); hint != hints.end()) {
    const auto trips = static_cast<int64_t>(hint->second);
    return {most ? std::clamp<int64_t>(*most, 0, trips) : trips, Trust::bound};
  }
  if (!most) return {1, Trust::assumed};
  return {std::max<int64_t>(*most, 0), first ? Trust::inferred : Trust::bound};
}

/// A carried value after the loop: what the body makes of it, grown as often as the loop runs.
ValueType carried_type(const ValueType& before, const ValueType& after, const Trips& trips) {
  if (trips.count == 0 && trips.trust == Trust::inferred) return before;
  if (!after.has_rank || !before.has_rank || (trips.count == 1 && trips.trust == Trust::inferred)) return after;
  if (before.dims == after.dims) return after;
  ValueType type = after;
  type.trust = std::max({after.trust, trips.trust, Trust::bound});
  if (before.dims.size() != after.dims.size()) return type;
  for (size_t i = 0; i < type.dims.size(); ++i) {
    const auto growth = checked_mul(std::max<int64_t>(after.dims[i] - before.dims[i], 0), trips.count);
    type.dims[i] = growth ? checked_add(before.dims[i], *growth).value_or(after.dims[i]) : after.dims[i];
  }
  return countable(type.dims) ? type : after;
}

void set_stacked(Context& c, size_t output, const ValueType& element, size_t axis, int64_t count) {
  c.set_elem(output, element.elem);
  if (!element.has_rank || axis > element.dims.size()) return;
  Dims dims = element.dims;
  dims.insert(dims.begin() + static_cast<ptrdiff_t>(axis), count);
  c.distrust(element.trust);
  c.set(output, element.elem, std::move(dims));
}

/// Inputs: trip count, condition, carried values. Body: iteration, condition, carried -> condition, carried, scanned.
void loop(Context& c) {
  const GraphId body = c.body("body");
  if (body == ir::kNone) return c.contradict("the body is missing");
  State& state = c.state();
  const size_t carried = c.inputs() > 2 ? c.inputs() - 2 : 0;
  set_body_input(c.state(), body, 0, scalar(ir::DataType::int64));
  set_body_input(c.state(), body, 1, scalar(ir::DataType::boolean));
  for (size_t i = 0; i < carried; ++i) set_body_input(c.state(), body, i + 2, c.type(i + 2));
  const auto& inputs = state.values.graphs[body].inputs;
  if (inputs.size() > 1) state.set_content(inputs[1], {1}, Trust::inferred);  // or the body would not run
  Trips trips = trips_before_body(c);
  infer_body(c.state(), body, trips.trust == Trust::inferred && trips.count > 0 ? Entry::certain : Entry::possible);
  const auto outputs = body_outputs(c, body);
  if (outputs.size() < carried + 1)
    return c.contradict("the body has {} outputs for {} carried values", outputs.size(), carried);
  const auto* again = state.content(outputs[0]);
  if (again && again->size() == 1 && again->front() == 0)
    trips.count = std::min<int64_t>(trips.count, 1);
  else if (!again)
    trips.trust = std::max(trips.trust, Trust::bound);
  if (trips.trust == Trust::assumed) c.warn("the number of iterations is not known: 1 is assumed");
  for (size_t i = 0; i < std::min(carried, c.outputs()); ++i) {
    c.set_type(i, carried_type(c.type(i + 2), state.type(outputs[i + 1]), trips));
    // Carried inputs of the body have no known content, so a known result is the same in every iteration.
    if (trips.trust == Trust::inferred && trips.count > 0 && state.type(outputs[i + 1]).dims == c.type(i + 2).dims)
      forward(c, i, outputs[i + 1]);
  }
  c.distrust(trips.trust);
  for (size_t i = carried; i + 1 < outputs.size() && i < c.outputs(); ++i)
    set_stacked(c, i, state.type(outputs[i + 1]), 0, trips.count);
}

/// Scan-8 has a batch dimension before the scanned one and a leading input of lengths; later ones have axes.
struct ScanForm {
  size_t first = 0, states = 0, scanned = 0;
  bool batched = false;
};

std::optional<size_t> scan_axis(Context& c, ir::Str attribute, size_t i, size_t rank) {
  const Dims& axes = c.node().ints(attribute);
  return c.axis(i < axes.size() ? axes[i] : 0, rank);
}

/// Gives the body the slices of scanned inputs; returns the number of iterations.
std::optional<int64_t> enter_scan(Context& c, GraphId body, const ScanForm& form) {
  std::optional<int64_t> length;
  for (size_t i = 0; i < form.states + form.scanned; ++i) {
    ValueType type = c.type(form.first + i);
    const bool scanned = i >= form.states;
    if (type.has_rank && form.batched) {
      if (type.dims.empty()) return std::nullopt;
      type.dims.erase(type.dims.begin());
    }
    if (type.has_rank && scanned) {
      const auto axis = form.batched ? c.axis(0, type.dims.size())
                                     : scan_axis(c, "scan_input_axes", i - form.states, type.dims.size());
      if (!axis) return std::nullopt;
      if (length && *length != type.dims[*axis])
        c.contradict("one scanned input has {} steps, another {}", *length, type.dims[*axis]);
      length = std::max(length.value_or(0), type.dims[*axis]);
      type.dims.erase(type.dims.begin() + static_cast<ptrdiff_t>(*axis));
    }
    set_body_input(c.state(), body, i, std::move(type));
  }
  return length;
}

void scan(Context& c) {
  const GraphId body = c.body("body");
  const int64_t scanned = c.node().int_or("num_scan_inputs", 0);
  ScanForm form;
  form.batched = c.opset() < 9;
  form.first = form.batched ? 1 : 0;
  if (body == ir::kNone || scanned < 1 || c.inputs() < form.first ||
      scanned > static_cast<int64_t>(c.inputs() - form.first))
    return c.contradict("{} scanned inputs of {}, or no body", scanned, c.inputs());
  form.scanned = static_cast<size_t>(scanned);
  form.states = c.inputs() - form.first - form.scanned;
  const auto length = enter_scan(c, body, form);
  infer_body(c.state(), body, Entry::possible);
  const auto outputs = body_outputs(c, body);
  const Dims* batch_of = form.batched ? c.dims(form.first) : nullptr;
  for (size_t o = 0; o < std::min(outputs.size(), c.outputs()); ++o) {
    ValueType type = c.state().type(outputs[o]);
    if (type.has_rank && form.batched) {
      if (!batch_of || batch_of->empty()) return;
      type.dims.insert(type.dims.begin(), batch_of->front());
    }
    if (o < form.states) {
      c.set_type(o, std::move(type));
      continue;
    }
    const auto axis = form.batched    ? std::optional<size_t>(1)
                      : type.has_rank ? scan_axis(c, "scan_output_axes", o - form.states, type.dims.size() + 1)
                                      : std::nullopt;
    if (length && axis)
      set_stacked(c, o, type, *axis, *length);
    else
      c.set_elem(o, type.elem);
  }
}

/// The body sees one element of every sequence.
void sequence_map(Context& c) {
  const GraphId body = c.body("body");
  if (body == ir::kNone) return c.contradict("the body is missing");
  for (size_t i = 0; i < c.inputs(); ++i) {
    ValueType type = c.type(i);
    if (type.kind == ir::Type::Kind::sequence) type.kind = ir::Type::Kind::tensor;
    set_body_input(c.state(), body, i, std::move(type));
  }
  infer_body(c.state(), body, Entry::possible);
  const auto outputs = body_outputs(c, body);
  for (size_t o = 0; o < std::min(outputs.size(), c.outputs()); ++o) {
    ValueType type = c.state().type(outputs[o]);
    type.kind = ir::Type::Kind::sequence;
    c.set_type(o, std::move(type));
  }
}

constexpr Operator kOperators[] = {
    {"If", if_then_else},
    {"Loop", loop},
    {"Scan", scan},
    {"SequenceMap", sequence_map},
};

}  // namespace

std::span<const Operator> control_flow_operators() { return kOperators; }

}  // namespace allot::shape
