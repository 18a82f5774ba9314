// SPDX-License-Identifier: Apache-2.0
// com.microsoft: attention and mixture-of-experts operators, as ONNX Runtime's optimizer and exporters write them.
#include <numeric>

#include "shape/registry.h"

namespace allot::shape {
namespace {

void same_as_input(Context& c) { c.copy(0, 0); }

/// Width of the values: by attribute (q, k, v), else a third of the packed projection.
int64_t value_width(Context& c, const Dims& weight) {
  const Dims& sizes = c.node().ints("qkv_hidden_sizes");
  return sizes.size() == 3 ? sizes[2] : weight.back() / 3;
}

/// Present keys and values (2, batch, heads, past + new, head size) after a past of that form.
void set_packed_present(Context& c, size_t output, size_t past, int64_t batch, int64_t length, int64_t width) {
  const int64_t heads = c.node().int_or("num_heads", 0);
  if (!c.wants(output) || heads < 1) return;
  int64_t total = length;
  if (c.has(past)) {
    const Dims* before = c.dims(past);
    if (!before || before->size() != 5) return;
    total += (*before)[3];
  }
  c.set(output, c.elem(0), {2, batch, heads, total, width / heads});
}

/// Attention and QAttention: input (batch, length, inputs), weight (inputs, q + k + v).
void packed_projection(Context& c, ir::DataType elem, size_t past) {
  c.set_elem(0, elem);
  c.set_elem(1, elem);
  const Dims *input = c.dims(0), *weight = c.dims(1);
  if (!input || !weight || input->size() != 3 || weight->empty()) return;
  const int64_t width = value_width(c, *weight);
  c.set(0, elem, {(*input)[0], (*input)[1], width});
  set_packed_present(c, 1, past, (*input)[0], (*input)[1], width);
}

void attention(Context& c) { packed_projection(c, c.elem(0), 4); }
void q_attention(Context& c) { packed_projection(c, c.elem(3), 8); }

/// Tokens without padding: input (tokens, inputs), weight (inputs, q + k + v).
void packed_attention(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *input = c.dims(0), *weight = c.dims(1);
  if (!input || !weight || input->size() != 2 || weight->empty()) return;
  c.set(0, c.elem(0), {(*input)[0], value_width(c, *weight)});
}

/// query (tokens, width) or (tokens, heads, 3, head size), value (tokens, width)
void packed_multi_head_attention(Context& c) {
  c.set_elem(0, c.elem(0));
  const Dims *query = c.dims(0), *value = c.dims(2);
  if (!query || query->empty()) return;
  if (query->size() == 4) return c.set(0, c.elem(0), {(*query)[0], (*query)[1] * (*query)[3]});
  c.set(0, c.elem(0), {(*query)[0], value && value->size() == 2 ? (*value)[1] : query->back()});
}

/// Keys or values (batch, heads, length, size) appended to a past of that form.
void set_present(Context& c, size_t output, size_t past, const Dims& fresh) {
  Dims dims = fresh;
  if (c.has(past)) {
    const Dims* before = c.dims(past);
    if (!before || before->size() != 4) return;
    dims[2] += (*before)[2];
  }
  c.set(output, c.elem(0), std::move(dims));
}

/// Key, value: (batch, length, width), or (batch, heads, length, size) of a cross attention; packed with the query as
/// (batch, length, heads, 3, size) or, keys with values, (batch, length, heads, 2, size).
void multi_head_attention(Context& c) {
  for (size_t o = 0; o < 3; ++o) c.set_elem(o, c.elem(0));
  const Dims *query = c.dims(0), *key = c.dims(1), *value = c.dims(2);
  const int64_t heads = c.node().int_or("num_heads", 0);
  if (!query || query->size() < 3 || heads < 1) return;
  const int64_t batch = (*query)[0], length = (*query)[1];
  int64_t key_length = length, key_size = query->back() / (query->size() == 5 ? 1 : heads), value_size = key_size;
  if (key && key->size() >= 3) key_length = (*key)[key->size() == 4 ? 2 : 1];
  if (value && value->size() == 3) value_size = (*value)[2] / heads;
  if (value && value->size() == 4) value_size = (*value)[3];
  c.set(0, c.elem(0), {batch, length, checked_mul(heads, value_size).value_or(-1)});
  set_present(c, 1, 6, {batch, heads, key_length, key_size});
  set_present(c, 2, 7, {batch, heads, key_length, value_size});
}

/// query (batch, length, heads * size), with keys and values behind it when input 1 is absent; past of input 3 may be
/// a buffer that already has the final length.
void group_query_attention(Context& c) {
  for (size_t o = 0; o < 3; ++o) c.set_elem(o, c.elem(0));
  const Dims *query = c.dims(0), *past = c.dims(3);
  const int64_t heads = c.node().int_or("num_heads", 0), kv_heads = c.node().int_or("kv_num_heads", 0);
  if (!query || query->size() != 3 || heads < 1 || kv_heads < 1) return;
  const int64_t shared = c.has(1) ? heads : heads + 2 * std::min(kv_heads, heads);
  const int64_t size = (*query)[2] / shared;
  c.set(0, c.elem(0), {(*query)[0], (*query)[1], checked_mul(heads, size).value_or(-1)});
  const int64_t before = past && past->size() == 4 ? (*past)[2] : 0;
  const auto total = c.has(6) ? c.integer(6) : std::nullopt;
  const int64_t length = total && *total >= 0 ? std::max(*total, before) : before + (*query)[1];
  c.set(1, c.elem(0), {(*query)[0], kv_heads, length, size});
  c.set(2, c.elem(0), {(*query)[0], kv_heads, length, size});
}

/// One new token a sequence, against caches that are already long enough.
void decoder_masked_multi_head_attention(Context& c) {
  for (size_t o = 0; o < 3; ++o) c.set_elem(o, c.elem(0));
  const Dims *query = c.dims(0), *value = c.dims(2);
  if (!query || query->size() != 3) return;
  c.set(0, c.elem(0), {(*query)[0], (*query)[1], value && value->size() == 3 ? (*value)[2] : (*query)[2]});
  c.copy(1, 5);
  c.copy(2, 6);
}

void decoder_masked_self_attention(Context& c) {
  packed_projection(c, c.elem(0), 4);
  if (c.has(4)) c.copy(1, 4);
}

/// ids (batch, length), word table (words, width) -> normalized sum, lengths of the masks, the sum itself
void embed_layer_normalization(Context& c) {
  c.set_elem(0, c.elem(2));
  c.set_elem(1, ir::DataType::int32);
  c.set_elem(2, c.elem(2));
  const Dims *ids = c.dims(0), *words = c.dims(2);
  if (!ids || !words || ids->size() != 2 || words->size() != 2) return;
  const Dims dims{(*ids)[0], (*ids)[1], (*words)[1]};
  c.set(0, c.elem(2), dims);
  c.set(1, ir::DataType::int32, {(*ids)[0]});
  c.set(2, c.elem(2), dims);
}

constexpr Operator kOperators[] = {
    {"Attention", attention},
    {"DecoderMaskedMultiHeadAttention", decoder_masked_multi_head_attention},
    {"DecoderMaskedSelfAttention", decoder_masked_self_attention},
    {"EmbedLayerNormalization", embed_layer_normalization},
    {"GroupQueryAttention", group_query_attention},
    {"LongformerAttention", same_as_input},
    {"MoE", same_as_input},
    {"MultiHeadAttention", multi_head_attention},
    {"PackedAttention", packed_attention},
    {"PackedMultiHeadAttention", packed_multi_head_attention},
    {"QAttention", q_attention},
    {"QMoE", same_as_input},
    {"RotaryEmbedding", same_as_input},
};

}  // namespace

std::span<const Operator> contrib_attention_operators() { return kOperators; }

}  // namespace allot::shape
