// SPDX-License-Identifier: Apache-2.0
// Sequences of tensors. The type of a sequence holds what its elements have in common; the elements of short ones are
// followed one by one.
#include <algorithm>

#include "shape/fold.h"
#include "shape/ops/sequence.h"
#include "shape/registry.h"

namespace allot::shape {

ValueType enclosing(ValueType a, const ValueType& b) {
  if (a.elem == ir::DataType::undefined) a.elem = b.elem;
  if (!a.has_rank || !b.has_rank || a.dims.size() != b.dims.size()) {
    a.has_rank = false;
    a.dims.clear();
    a.trust = Trust::unknown;
    return a;
  }
  a.trust = std::max(a.trust, a.dims == b.dims ? b.trust : std::max(b.trust, Trust::bound));
  for (size_t i = 0; i < a.dims.size(); ++i) a.dims[i] = std::max(a.dims[i], b.dims[i]);
  return a;
}

void set_sequence_of(Context& c, size_t output, Sequence elements) {
  ValueType type;
  for (size_t i = 0; i < elements.size(); ++i)
    type = i == 0 ? elements[0]->type : enclosing(std::move(type), elements[i]->type);
  type.kind = ir::Type::Kind::sequence;
  c.set_type(output, std::move(type));
  if (elements.size() <= kMaxSequence) c.set_sequence(output, std::move(elements));
}

namespace {

std::shared_ptr<const Element> element_of(Context& c, size_t input) {
  auto element = std::make_shared<Element>();
  element->type = c.type(input);
  if (!c.may_know(input) || element->type.elements() > static_cast<int64_t>(kMaxRank)) return element;
  if (const auto* data = c.content(input)) element->content = {true, *data};  // may be a shape
  return element;
}

void sequence_construct(Context& c) {
  if (c.inputs() > kMaxSequence) {
    ValueType type = c.type(0);
    for (size_t i = 1; i < c.inputs(); ++i) type = enclosing(std::move(type), c.type(i));
    type.kind = ir::Type::Kind::sequence;
    return c.set_type(0, std::move(type));
  }
  Sequence elements;
  for (size_t i = 0; i < c.inputs(); ++i) elements.push_back(element_of(c, i));
  set_sequence_of(c, 0, std::move(elements));
}

void sequence_empty(Context& c) {
  ValueType type;
  type.kind = ir::Type::Kind::sequence;
  type.elem = c.elem_attribute("dtype", ir::DataType::float32);
  c.set_type(0, std::move(type));
  c.set_sequence(0, {});
}

/// A position among `size` elements, `otherwise` when the input is absent; nullopt when unknown or out of range.
std::optional<size_t> position_of(Context& c, size_t input, size_t size, int64_t otherwise) {
  const auto given = c.has(input) ? c.integer(input) : otherwise;
  return given ? normalize_axis(*given, size) : std::nullopt;
}

void sequence_insert(Context& c) {
  const Sequence* old = c.sequence(0);
  if (!old) {
    ValueType type = c.type(0).has_rank ? enclosing(c.type(0), c.type(1)) : c.type(0);
    type.kind = ir::Type::Kind::sequence;
    if (type.elem == ir::DataType::undefined) type.elem = c.elem(1);
    return c.set_type(0, std::move(type));
  }
  Sequence elements = *old;
  const auto size = static_cast<int64_t>(old->size());
  const auto at = c.has(2) ? c.integer(2) : size;
  elements.insert(elements.begin() + (at ? std::clamp<int64_t>(*at < 0 ? *at + size : *at, 0, size) : size),
                  element_of(c, 1));
  if (at) return set_sequence_of(c, 0, std::move(elements));
  set_sequence_of(c, 0, elements);
  if (c.wants(0)) c.state().sequences.erase(c.output_id(0));  // at an unknown place: only the common type holds
}

void sequence_erase(Context& c) {
  c.copy(0, 0);
  const Sequence* old = c.sequence(0);
  const auto at = old ? position_of(c, 1, old->size(), -1) : std::nullopt;
  if (!at) return;
  Sequence elements = *old;
  elements.erase(elements.begin() + static_cast<ptrdiff_t>(*at));
  set_sequence_of(c, 0, std::move(elements));
}

void sequence_at(Context& c) {
  const Sequence* elements = c.sequence(0);
  const auto at = elements ? position_of(c, 1, elements->size(), 0) : std::nullopt;
  ValueType type = at ? (*elements)[*at]->type : c.type(0);
  type.kind = ir::Type::Kind::tensor;
  c.set_type(0, std::move(type));
  if (at && (*elements)[*at]->content.known) c.set_content(0, (*elements)[*at]->content.data);
}

void sequence_length(Context& c) {
  c.set(0, ir::DataType::int64, {});
  if (const Sequence* elements = c.sequence(0)) c.set_content(0, {static_cast<double>(elements->size())});
}

/// Sizes along the axis; nullopt when they are not known.
std::optional<Dims> part_sizes(Context& c, int64_t size) {
  int64_t chunk = 1;
  if (c.has(1)) {
    auto given = c.ints(1);
    if (!given || given->empty()) return std::nullopt;
    if (c.type(1).dims.size() == 1) return given;
    chunk = given->front();
  }
  if (chunk < 1 || ceil_div(size, chunk) > static_cast<int64_t>(kMaxSequence)) return std::nullopt;
  Dims sizes(static_cast<size_t>(size / chunk), chunk);
  if (size % chunk > 0) sizes.push_back(size % chunk);
  return sizes;
}

void split_to_sequence(Context& c) {
  ValueType type = c.type(0);
  type.kind = ir::Type::Kind::sequence;
  const Dims* input = c.dims(0);
  const auto axis = input ? c.axis(c.node().int_or("axis", 0), input->size()) : std::nullopt;
  if (!axis) return c.set_type(0, {ir::Type::Kind::sequence, c.elem(0), Trust::unknown, false, {}});
  const bool drop = !c.has(1) && c.node().int_or("keepdims", 1) == 0;
  const auto sizes = part_sizes(c, (*input)[*axis]);
  if (drop)
    type.dims.erase(type.dims.begin() + static_cast<ptrdiff_t>(*axis));
  else if (!c.has(1))
    type.dims[*axis] = 1;
  else if (!sizes)
    c.distrust(Trust::bound);
  if (!sizes || sizes->size() > kMaxSequence) return c.set_type(0, std::move(type));
  Sequence elements;
  for (const int64_t size : *sizes) {
    auto element = std::make_shared<Element>();
    element->type = type;
    element->type.kind = ir::Type::Kind::tensor;
    if (!drop) element->type.dims[*axis] = std::max<int64_t>(size, 0);
    elements.push_back(std::move(element));
  }
  if (elements.empty())
    c.set_type(0, std::move(type));
  else
    set_sequence_of(c, 0, std::move(elements));
}

void fold_scalars(Context& c, const Sequence& elements) {
  std::vector<double> data;
  for (const auto& element : elements) {
    if (!element->content.known || element->type.dims.size() > 1) return;
    data.insert(data.end(), element->content.data.begin(), element->content.data.end());
  }
  if (static_cast<int64_t>(data.size()) == c.state().type(c.output_id(0)).elements()) c.set_content(0, std::move(data));
}

void concat_from_sequence(Context& c) {
  c.set_elem(0, c.elem(0));
  const Sequence* elements = c.sequence(0);
  if (!elements || elements->empty() || !c.wants(0)) return;
  const bool stack = c.node().int_or("new_axis", 0) != 0;
  const ValueType& first = elements->front()->type;
  if (!first.has_rank) return;
  const auto axis = c.axis(c.node().int_or("axis", 0), first.dims.size() + stack);
  if (!axis) return;
  Dims dims = first.dims;
  if (stack) dims.insert(dims.begin() + static_cast<ptrdiff_t>(*axis), static_cast<int64_t>(elements->size()));
  int64_t sum = 0;
  for (const auto& element : *elements) {
    const Dims& part = element->type.dims;
    if (!element->type.has_rank || part.size() != first.dims.size())
      return c.contradict("ranks differ: {} joins {}", to_string(part), to_string(first.dims));
    c.distrust(element->type.trust);
    if (!stack) sum += part[*axis];
  }
  if (!stack) dims[*axis] = sum;
  c.set(0, c.elem(0), std::move(dims));
  if (first.dims.size() == (stack ? 0 : 1)) fold_scalars(c, *elements);
}

constexpr Operator kOperators[] = {
    {"ConcatFromSequence", concat_from_sequence},
    {"SequenceAt", sequence_at},
    {"SequenceConstruct", sequence_construct},
    {"SequenceEmpty", sequence_empty},
    {"SequenceErase", sequence_erase},
    {"SequenceInsert", sequence_insert},
    {"SequenceLength", sequence_length},
    {"SplitToSequence", split_to_sequence},
};

}  // namespace

std::span<const Operator> sequence_operators() { return kOperators; }

}  // namespace allot::shape
