// SPDX-License-Identifier: Apache-2.0
// Normalizations and Dropout: like their input, with statistics on the side.
#include "shape/ops/normalization.h"
#include "shape/registry.h"

namespace allot::shape {

void set_row_statistics(Context& c, size_t first, size_t last, int64_t axis, ir::DataType elem) {
  for (size_t o = first; o <= last; ++o) c.set_elem(o, elem);
  const Dims* input = c.dims(0);
  if (!input || !(c.wants(first) || c.wants(last))) return;
  const auto from = c.axis(axis, input->size());
  if (!from) return;
  Dims dims = *input;
  for (size_t i = *from; i < dims.size(); ++i) dims[i] = 1;
  for (size_t o = first; o <= last; ++o) c.set(o, elem, dims);
}

namespace {

void same_as_input(Context& c) { c.copy(0, 0); }

/// Further outputs (running or saved statistics, by opset) are one number a channel, as the inputs of that meaning.
void batch_normalization(Context& c) {
  c.copy(0, 0);
  for (size_t o = 1; o < c.outputs(); ++o) c.copy(o, c.has(3) ? 3 : 1);
}

void layer_normalization(Context& c) {
  c.copy(0, 0);
  const auto stash = c.elem_attribute("stash_type", ir::DataType::float32);
  set_row_statistics(c, 1, 2, c.node().int_or("axis", -1), stash);
}

void rms_normalization(Context& c) {
  c.copy(0, 0);
  if (c.has(1) && c.elem(1) != ir::DataType::undefined) c.set_elem(0, c.elem(1));
}

bool may_train(Context& c) {
  if (!c.has(2)) return false;
  const auto mode = c.may_know(2) ? c.number(2) : std::nullopt;
  return !mode || *mode != 0;
}

void dropout(Context& c) {
  c.copy(0, 0);
  c.copy(1, 0);
  c.set_elem(1, c.opset() >= 10 ? ir::DataType::boolean : c.elem(0));
  if (may_train(c)) c.mark_random();
}

constexpr Operator kOperators[] = {
    {"BatchNormalization", batch_normalization},
    {"Dropout", dropout},
    {"GroupNormalization", same_as_input},
    {"InstanceNormalization", same_as_input},
    {"LRN", same_as_input},
    {"LayerNormalization", layer_normalization},
    {"LpNormalization", same_as_input},
    {"MeanVarianceNormalization", same_as_input},
    {"RMSNormalization", rms_normalization},
    // com.microsoft fuses these into the default domain, too.
    {"SimplifiedLayerNormalization", layer_normalization},
};

}  // namespace

std::span<const Operator> normalization_operators() { return kOperators; }

}  // namespace allot::shape
