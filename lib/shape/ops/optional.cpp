// SPDX-License-Identifier: Apache-2.0
// Optional values: the type is that of the element inside.
#include "shape/registry.h"

namespace allot::shape {
namespace {

using Kind = ir::Type::Kind;

void optional(Context& c) {
  ValueType type = c.type(0);
  type.kind = Kind::optional;
  if (const auto* declared = c.node().find("type"); !c.has(0) && declared && declared->types.size() == 1) {
    const ir::Type* inner = &declared->types[0];
    while (inner->element) inner = inner->element.get();
    type.elem = inner->elem;
  }
  c.set_type(0, std::move(type));
  if (const Sequence* elements = c.sequence(0)) c.set_sequence(0, Sequence(*elements));
}

/// What the file says about the element of an optional input; a tensor when it says nothing.
Kind element_kind(Context& c) {
  const auto* info = c.has(0) ? c.state().values.values[c.input_id(0)].info : nullptr;
  return info && info->type.element ? info->type.element->kind : c.sequence(0) ? Kind::sequence : Kind::tensor;
}

void optional_get_element(Context& c) {
  c.copy(0, 0, /*with_content=*/true);
  if (c.type(0).kind != Kind::optional) return;
  ValueType type = c.type(0);
  type.kind = element_kind(c);
  c.set_type(0, std::move(type));
}

void optional_has_element(Context& c) { c.set(0, ir::DataType::boolean, {}); }

constexpr Operator kOperators[] = {
    {"Optional", optional},
    {"OptionalGetElement", optional_get_element},
    {"OptionalHasElement", optional_has_element},
};

}  // namespace

std::span<const Operator> optional_operators() { return kOperators; }

}  // namespace allot::shape
