// SPDX-License-Identifier: Apache-2.0
// Attention whose memory is a matrix a head, and rotary position embedding.
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;

// The inputs of LinearAttention.
enum Input : size_t { kQuery, kKey, kValue, kPastState, kDecay, kBeta };

struct LinearAttention {
  int64_t query_heads = 0, key_heads = 0;
  double scale = 0;  // 0: 1 / sqrt(size of a key)
  bool gated = false, delta = false;
};

// [batch, time, heads * size] as [time][batch, heads, size].
std::vector<Tensor> steps_of(const Tensor& x, int64_t heads, at::ScalarType type, std::string_view name) {
  TORCH_CHECK(x.dim() == 3 && x.size(2) % heads == 0, name, " ", x.sizes(), " cannot be cut into ", heads, " heads");
  return x.to(type).unflatten(2, {heads, -1}).unbind(1);
}

// LinearAttention-27, one time step after the other; states are [batch, heads, key, value].
void run_linear_attention(const LinearAttention& attention, const Call& call) {
  const Tensor& query = call.in(kQuery);
  const at::ScalarType type = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto q = steps_of(query, attention.query_heads, type, "query");
  const auto k = steps_of(call.in(kKey), attention.key_heads, type, "key");
  const auto v = steps_of(call.in(kValue), attention.key_heads, type, "value");
  std::vector<Tensor> decay, beta;
  if (attention.gated) decay = steps_of(call.in(kDecay), attention.key_heads, type, "decay");
  if (attention.delta) {
    const int64_t heads = call.in(kBeta).dim() == 3 && call.in(kBeta).size(2) == 1 ? 1 : attention.key_heads;
    beta = steps_of(call.in(kBeta), heads, type, "beta");
  }
  TORCH_CHECK(!q.empty() && k.size() == q.size() && v.size() == q.size() &&
                  (decay.empty() || decay.size() == q.size()) && (beta.empty() || beta.size() == q.size()),
              "the inputs differ in their number of time steps, or have none");
  const int64_t group = attention.query_heads / attention.key_heads, size = q[0].size(2);
  const double scale = attention.scale != 0 ? attention.scale : 1 / std::sqrt(static_cast<double>(size));
  const bool has_past = call.has(kPastState);
  Tensor state = has_past ? call.in(kPastState).to(type)
                          : at::zeros({query.size(0), attention.key_heads, size, v[0].size(2)}, k[0].options());
  std::vector<Tensor> outputs;
  for (size_t t = 0; t < q.size(); ++t) {
    if (attention.gated) state = state * at::exp(decay[t]).unsqueeze(3);
    Tensor row = v[t];
    if (attention.delta) row = beta[t] * (row - at::matmul(k[t].unsqueeze(2), state).squeeze(2));
    state = state + k[t].unsqueeze(3) * row.unsqueeze(2);
    // Queries of a group read the state of one head.
    outputs.push_back(at::matmul(q[t].unflatten(1, {attention.key_heads, group}), state).flatten(1) * scale);
  }
  call.set(0, at::stack(outputs, 1).to(query.scalar_type()));
  call.set(1, state.to(has_past ? call.in(kPastState).scalar_type() : query.scalar_type()));
}

Kernel make_linear_attention(const Site& site) {
  LinearAttention attention;
  attention.query_heads = site.int_or("q_num_heads", 0);
  attention.key_heads = site.int_or("kv_num_heads", 0);
  attention.scale = site.float_or("scale", 0);
  const ir::Str rule = site.string_or("update_rule", "gated_delta");
  attention.gated = rule == "gated" || rule == "gated_delta";
  attention.delta = rule == "delta" || rule == "gated_delta";
  if (!attention.gated && !attention.delta && rule != "linear")
    site.refuse("update_rule is none of linear, gated, delta, gated_delta");
  if (attention.key_heads <= 0 || attention.query_heads <= 0 || attention.query_heads % attention.key_heads != 0)
    site.refuse("q_num_heads is no positive multiple of kv_num_heads");
  return [attention](Call& call) { run_linear_attention(attention, call); };
}

struct Rotary {
  int64_t heads = 0, size = 0;  // of a packed input; how much of a head is turned, 0: all
  bool interleaved = false;
};

// Cosines or sines as [batch, time, 1, half].
Tensor angles(const Call& call, size_t cache, int64_t half) {
  Tensor rows = call.in(cache);
  if (call.has(3)) {
    const Tensor& positions = call.in(3);
    TORCH_CHECK(rows.dim() == 2 && positions.dim() == 2, "caches must have two dimensions where positions are given");
    rows = rows.index_select(0, positions.flatten().to(at::kLong)).unflatten(0, positions.sizes());
  }
  TORCH_CHECK(rows.dim() == 3 && rows.size(2) == half, "a cache ", rows.sizes(), " does not hold ", half,
              " angles a token");
  return rows.unsqueeze(2);
}

void run_rotary(const Rotary& rotary, const Call& call) {
  const Tensor& given = call.in(0);
  const bool packed = given.dim() == 3;
  TORCH_CHECK(given.dim() == 4 || (packed && rotary.heads > 0 && given.size(2) % rotary.heads == 0), "X ",
              given.sizes(), " cannot be cut into ", rotary.heads, " heads");
  const Tensor x = packed ? given.unflatten(2, {rotary.heads, -1}) : given.transpose(1, 2);  // batch, time, head, size
  const int64_t size = rotary.size > 0 ? rotary.size : x.size(3), half = size / 2;
  TORCH_CHECK(size % 2 == 0 && size <= x.size(3), "rotary_embedding_dim ", size, " does not fit heads of ", x.size(3));
  const Tensor cosine = angles(call, 1, half), sine = angles(call, 2, half);
  const Tensor turned = x.narrow(3, 0, size);
  const auto pairs = rotary.interleaved ? turned.unflatten(3, {half, 2}).unbind(4) : turned.split(half, 3);
  const Tensor real = cosine * pairs[0] - sine * pairs[1], imaginary = sine * pairs[0] + cosine * pairs[1];
  Tensor y = rotary.interleaved ? at::stack({real, imaginary}, 4).flatten(3) : at::cat({real, imaginary}, 3);
  if (size < x.size(3)) y = at::cat({y, x.narrow(3, size, x.size(3) - size)}, 3);
  call.set(0, packed ? y.flatten(2) : y.transpose(1, 2));
}

Kernel make_rotary_embedding(const Site& site) {
  const Rotary rotary{site.int_or("num_heads", 0), site.int_or("rotary_embedding_dim", 0),
                      site.int_or("interleaved", 0) != 0};
  return [rotary](Call& call) { run_rotary(rotary, call); };
}

constexpr Operator kOperators[] = {
    {"LinearAttention", make_linear_attention},
    {"RotaryEmbedding", make_rotary_embedding},
};

}  // namespace

std::span<const Operator> linear_attention_operators() { return kOperators; }

}  // namespace allot::exec
