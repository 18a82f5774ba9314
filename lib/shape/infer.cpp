// SPDX-License-Identifier: Apache-2.0
#include "shape/infer.h"

#include <limits>

#include "shape/bind.h"
#include "shape/engine.h"

namespace allot::shape {

int64_t ValueType::elements() const {
  if (!has_rank) return 0;
  return product(dims).value_or(std::numeric_limits<int64_t>::max());
}

int64_t ValueType::bytes() const {
  const bool tensor = kind == ir::Type::Kind::tensor || kind == ir::Type::Kind::sparse_tensor;
  return tensor ? ir::storage_bytes(elem, elements()) : 0;
}

Result infer(const ir::Model& model, const ir::Values& values, const Bindings& bindings) {
  State state(model, values);
  state.default_dim = bindings.default_dim;
  bind_inputs(state, bindings);
  infer_graph(state, 0);
  state.finish();
  return std::move(state.result);
}

}  // namespace allot::shape
