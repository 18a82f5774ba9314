// SPDX-License-Identifier: Apache-2.0
#include "cost/ops/formulas.h"

#include "cost/weights.h"

namespace allot::cost::ops {
namespace {

struct Sizes {
  double batch = 0, heads = 0, queries = 0, keys = 0;  // keys: the past included
  double key_width = 0, value_width = 0;               // of one head
};

// Scores, softmax, weighted sum, as one kernel that never writes the scores. No discount for causal masks: kernels
// that skip the masked half are the device's efficiency.
void attend(OpCost& cost, const Sizes& s, double extra_per_score) {
  const double scores = s.batch * s.heads * s.queries * s.keys;
  cost.mac_flops += 2 * scores * (s.key_width + s.value_width);
  cost.vector_ops += scores * (4 + weight::kExp + extra_per_score);
}

double ratio(double a, double b) { return b > 0 ? a / b : 0; }
double attribute(const Context& c, ir::Str name) { return static_cast<double>(c.node().int_or(name, 0)); }
double softcap(const Context& c) { return c.node().float_or("softcap", 0) > 0 ? weight::kTanh + 2 : 0; }

}  // namespace

// Q, K, V as [B, heads, S, d] or [B, S, heads * d]; attn_mask; past K and V as [B, heads, P, d].
void attention(const Context& c, OpCost& cost) {
  const auto &q = c.in(0), &k = c.in(1), &v = c.in(2);
  const bool split = rank(q) == 4;
  const double kv_heads = split ? dim(k, 1) : attribute(c, "kv_num_heads");
  Sizes s{dim(q, 0), split ? dim(q, 1) : attribute(c, "q_num_heads"), dim(q, -2), dim(k, -2) + dim(c.in(4), 2)};
  s.key_width = split ? dim(k, 3) : ratio(dim(k, 2), kv_heads);
  s.value_width = split ? dim(v, 3) : ratio(dim(v, 2), kv_heads);
  attend(cost, s, (c.has_in(3) ? 1 : 0) + softcap(c));
}

// A state of d_k x d_v a head: updated by an outer product and read by the query each step; the delta rules read it
// once more to correct it.
void linear_attention(const Context& c, OpCost& cost) {
  const double heads = attribute(c, "q_num_heads"), kv_heads = attribute(c, "kv_num_heads");
  const double key_width = ratio(dim(c.in(1), 2), kv_heads), value_width = ratio(dim(c.in(2), 2), kv_heads);
  const double tokens = dim(c.in(0), 0) * dim(c.in(0), 1);
  const bool delta = c.node().string_or("update_rule", "gated_delta").find("delta") != ir::Str::npos;
  cost.mac_flops = 2 * tokens * key_width * value_width * (heads + kv_heads * (delta ? 2 : 1));
  if (c.has_in(4)) cost.vector_ops = tokens * kv_heads * key_width * (value_width + weight::kExp);
}

// x [B, S, D], one weight [D, q + k + v hidden], bias, mask, past [2, B, heads, P, d], attention bias.
void contrib_attention(const Context& c, OpCost& cost) {
  const double queries = dim(c.in(0), 1), all = dim(c.in(1), 1), value = dim(c.out(0), -1);
  const double heads = attribute(c, "num_heads");
  cost.mac_flops = 2 * c.n_in() * all;
  cost.vector_ops = c.has_in(2) ? dim(c.in(0), 0) * queries * all : 0;
  const double keys = queries + dim(c.in(4), 3);
  attend(cost, {dim(c.in(0), 0), heads, queries, keys, ratio((all - value) / 2, heads), ratio(value, heads)},
         (c.has_in(3) ? 1 : 0) + (c.has_in(5) ? 1 : 0));
}

// The same with scales and zero points between: mask is input 5, past input 8.
void quantized_attention(const Context& c, OpCost& cost) {
  const double queries = dim(c.in(0), 1), all = dim(c.in(1), 1), heads = attribute(c, "num_heads");
  cost.precision = cluster::Precision::int8;
  cost.mac_flops = 2 * c.n_in() * all;
  cost.vector_ops = 3 * dim(c.in(0), 0) * queries * all;
  const double width = ratio(all / 3, heads);
  attend(cost, {dim(c.in(0), 0), heads, queries, queries + dim(c.in(8), 3), width, width}, c.has_in(5) ? 1 : 0);
}

// query [B, S, D] or packed [B, S, heads, 3, d]; key [B, L, D], [B, heads, L, d] or packed [B, L, heads, 2, d];
// value; bias, padding mask, attention bias; past K and V.
void multi_head_attention(const Context& c, OpCost& cost) {
  const auto &q = c.in(0), &k = c.in(1);
  const double heads = attribute(c, "num_heads"), hidden = dim(c.out(0), -1);
  const double fresh = !c.has_in(1) ? dim(q, 1) : rank(k) == 4 ? dim(k, 2) : dim(k, 1);
  Sizes s{dim(q, 0), heads, dim(q, 1), fresh + dim(c.in(6), 2)};
  s.key_width = rank(q) == 5 ? dim(q, 4) : ratio(dim(q, 2), heads);
  s.value_width = ratio(hidden, heads);
  attend(cost, s, (c.has_in(4) ? 1 : 0) + (c.has_in(5) ? 1 : 0));
  if (c.has_in(3)) cost.vector_ops += c.n_in(0) + c.n_in(1) + c.n_in(2);
}

// query [tokens, D] or packed [tokens, heads, 3, d], padding removed; token_offset [B, S] (input 4) tells the shape
// before: the bound is full sequences.
void packed_multi_head_attention(const Context& c, OpCost& cost) {
  const double heads = attribute(c, "num_heads"), sequence = dim(c.in(4), 1);
  const double value = ratio(dim(c.out(0), -1), heads);
  const double key = rank(c.in(0)) == 4 ? dim(c.in(0), 3) : ratio(dim(c.in(0), 1), heads);
  attend(cost, {dim(c.in(4), 0), heads, sequence, sequence, key, value}, c.has_in(6) ? 1 : 0);
  if (c.has_in(3)) cost.vector_ops += c.n_in(0) + c.n_in(1) + c.n_in(2);
}

// query [B, S, D], or packed with K and V when key is absent; past K and V [B, kv heads, P, d]; lengths. A cache
// whose past and present have one shape is one buffer: only the new rows are written.
void group_query_attention(const Context& c, OpCost& cost) {
  const auto &q = c.in(0), &past = c.in(3);
  const double heads = attribute(c, "num_heads"), kv_heads = attribute(c, "kv_num_heads");
  const double width = ratio(dim(q, 2), c.has_in(1) ? heads : heads + 2 * kv_heads);
  const double batch = dim(q, 0), queries = dim(q, 1);
  const double present = c.has_out(1) ? dim(c.out(1), 2) : queries + dim(past, 2);
  const double keys = c.scalar(6).value_or(present);
  attend(cost, {batch, heads, queries, keys, width, width}, softcap(c) + (c.has_in(10) ? 1 : 0));
  if (attribute(c, "do_rotary") != 0) cost.vector_ops += 6 * batch * queries * width * (heads + kv_heads);
  if (c.has_in(3) && past.dims == c.out(1).dims)
    cost.bytes_written = c.out(0).bytes() + to_bytes(bytes_of(past, 2 * batch * queries * kv_heads * width));
}

// One query a sequence: query, key, value, mask, attention bias, past K and V [B, heads, P, d], past length.
void decoder_masked_attention(const Context& c, OpCost& cost) {
  const auto& q = c.in(0);
  const double heads = attribute(c, "num_heads");
  const double past = c.scalar(7).value_or(dim(c.in(5), 2));
  const double fresh = rank(c.in(1)) == 4 ? dim(c.in(1), 2) : dim(q, 1);
  const double width = ratio(dim(q, 2), heads);
  attend(cost, {dim(q, 0), heads, dim(q, 1), fresh + past, width, ratio(dim(c.out(0), -1), heads)},
         (c.has_in(3) ? 1 : 0) + (c.has_in(4) ? 1 : 0));
}

void rotary_embedding(const Context& c, OpCost& cost) {
  constexpr double kRotate = 6;  // four products, two sums for each pair and its partner
  cost.vector_ops = kRotate * c.n_in();
}

}  // namespace allot::cost::ops
