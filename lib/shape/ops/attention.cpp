// SPDX-License-Identifier: Apache-2.0
// Attention of opsets 23 and later, and FlexAttention of ai.onnx.preview.
#include "shape/engine.h"
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// Batch, heads, length, head size of a query, key or value given with four dimensions or packed in three.
struct Heads {
  int64_t batch = 0, heads = 0, length = 0, size = 0;
};

std::optional<Heads> read_heads(Context& c, size_t input, ir::Str heads_attribute) {
  const Dims* dims = c.dims(input);
  if (!dims) return std::nullopt;
  if (dims->size() == 4) return Heads{(*dims)[0], (*dims)[1], (*dims)[2], (*dims)[3]};
  const int64_t heads = c.node().int_or(heads_attribute, 0);
  if (dims->size() != 3 || heads < 1 || (*dims)[2] % heads != 0) {
    c.contradict("{} does not divide into {} heads", to_string(*dims), heads);
    return std::nullopt;
  }
  return Heads{(*dims)[0], heads, (*dims)[1], (*dims)[2] / heads};
}

/// Outputs: Y, present key, present value, scores.
void attention(Context& c) {
  for (size_t o = 0; o < 4; ++o) c.set_elem(o, c.elem(o == 2 ? 2 : 0));
  const auto q = read_heads(c, 0, "q_num_heads");
  const auto k = read_heads(c, 1, "kv_num_heads"), v = read_heads(c, 2, "kv_num_heads");
  if (!q || !k || !v) return;
  if (q->size != k->size) c.contradict("a query head has {} numbers, a key head {}", q->size, k->size);
  if (k->length != v->length) c.contradict("{} keys meet {} values", k->length, v->length);
  int64_t total = k->length;
  if (c.has(4)) {
    const Dims* past = c.dims(4);
    if (!past || past->size() != 4) return;
    total += (*past)[2];
  }
  const bool packed = c.type(0).dims.size() == 3;
  c.set(0, c.elem(0),
        packed ? Dims{q->batch, q->length, q->heads * v->size} : Dims{q->batch, q->heads, q->length, v->size});
  c.set(1, c.elem(1), {k->batch, k->heads, total, k->size});
  c.set(2, c.elem(2), {v->batch, v->heads, total, v->size});
  c.set(3, c.elem(0), {q->batch, q->heads, q->length, total});
}

/// Bodies `score_mod` and `prob_mod` map the scores (batch, query heads, query length, key length) to such scores.
void flex_attention(Context& c) {
  attention(c);
  const Dims *query = c.dims(0), *key = c.dims(1);
  const auto precision = c.elem(0) == ir::DataType::float64 ? ir::DataType::float64 : ir::DataType::float32;
  for (const char* name : {"score_mod", "prob_mod"}) {
    const ir::GraphId body = c.body(name);
    if (body == ir::kNone) continue;
    ValueType scores{
        ir::Type::Kind::tensor, c.elem_attribute("softmax_precision", precision), Trust::unknown, false, {}};
    if (query && key && query->size() == 4 && key->size() == 4)
      scores = {scores.kind, scores.elem, Trust::inferred, true, {(*query)[0], (*query)[1], (*query)[2], (*key)[2]}};
    set_body_input(c.state(), body, 0, std::move(scores));
    infer_body(c.state(), body, Entry::certain);
  }
}

/// query (batch, steps, heads * d_k), value (batch, steps, kv heads * d_v) -> output, state (batch, kv heads, d_k, d_v)
void linear_attention(Context& c) {
  c.set_elem(0, c.elem(0));
  c.set_elem(1, c.has(3) ? c.elem(3) : c.elem(0));
  const Dims *query = c.dims(0), *value = c.dims(2);
  const int64_t heads = c.node().int_or("q_num_heads", 0), kv_heads = c.node().int_or("kv_num_heads", 0);
  if (!query || !value || heads < 1 || kv_heads < 1 || query->size() != 3 || value->size() != 3) return;
  const int64_t d_k = (*query)[2] / heads, d_v = (*value)[2] / kv_heads;
  c.set(0, c.elem(0), {(*query)[0], (*query)[1], checked_mul(heads, d_v).value_or(-1)});
  c.set(1, c.has(3) ? c.elem(3) : c.elem(0), {(*query)[0], kv_heads, d_k, d_v});
}

void same_as_input(Context& c) { c.copy(0, 0); }

constexpr Operator kOperators[] = {
    {"Attention", attention},
    {"FlexAttention", flex_attention},
    {"LinearAttention", linear_attention},
    {"RotaryEmbedding", same_as_input},
};

}  // namespace

std::span<const Operator> attention_operators() { return kOperators; }

}  // namespace allot::shape
