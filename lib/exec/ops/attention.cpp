// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention: torch's fused kernel where nothing between its products is asked for.
#include <cmath>
#include <limits>
#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "exec/body.h"
#include "exec/dtype.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum Input : size_t { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kLengths };
enum Output : size_t { kY, kPresentKey, kPresentValue, kScores };

struct Attention {
  int64_t query_heads = 0, key_heads = 0;  // 0: inputs have a dimension of heads
  bool causal = false;
  double softcap = 0;
  std::optional<double> scale;
  int64_t score_stage = 0;  // what kScores shows: 0 products, 1 softcapped, 2 masked, 3 probabilities
  std::optional<at::ScalarType> softmax_type;
};

// [batch, heads, time, size] of any input.
Tensor with_heads(const Tensor& x, int64_t heads, std::string_view name) {
  if (x.dim() == 4) return x;
  TORCH_CHECK(x.dim() == 3 && heads > 0 && x.size(2) % heads == 0, name, " ", x.sizes(), " cannot be cut into ", heads,
              " heads");
  return x.unflatten(2, {heads, -1}).transpose(1, 2);
}

// Keys and values, heads repeated until there are as many as queries have.
Tensor repeated(const Tensor& x, int64_t query_heads) {
  const int64_t heads = x.size(1);
  if (heads == query_heads) return x;
  TORCH_CHECK(heads > 0 && query_heads % heads == 0, query_heads, " heads of Q are no multiple of ", heads);
  return x.unsqueeze(2).expand({-1, -1, query_heads / heads, -1, -1}).flatten(1, 2);
}

double scale_of(const std::optional<double>& given, const Tensor& query) {
  return given ? *given : 1 / std::sqrt(static_cast<double>(query.size(3)));
}

// The mask as torch takes it: boolean, or of the queries' type; as long as the keys.
Tensor whole_mask(const Tensor& mask, const Tensor& query, int64_t total) {
  const bool is_bool = mask.scalar_type() == at::kBool;
  TORCH_CHECK(mask.dim() >= 1 && mask.size(-1) <= total, "a mask ", mask.sizes(), " is longer than ", total, " keys");
  const Tensor typed = is_bool ? mask : mask.to(query.scalar_type());
  const int64_t missing = total - mask.size(-1);
  if (missing == 0 || mask.size(-1) == 1) return typed;
  return is_bool ? at::constant_pad_nd(typed, {0, missing}, 0) : at::constant_pad_nd(typed, {0, missing}, -kInfinity);
}

// Which keys a query may see, of those that are neither hidden by order nor padding; undefined when it is all.
Tensor visible(const Attention& attention, const Call& call, const Tensor& query, int64_t past, int64_t total) {
  Tensor seen;
  const auto device = query.options().dtype(at::kLong);
  const auto keys = [&] { return at::arange(total, device); };
  if (attention.causal) seen = keys() <= at::arange(past, past + query.size(2), device).unsqueeze(1);
  if (call.has(kLengths)) {
    const Tensor filled = keys() < call.in(kLengths).to(at::kLong).reshape({-1, 1, 1, 1});
    seen = seen.defined() ? seen.logical_and(filled) : filled;
  }
  return seen;
}

// Both kinds of mask in one.
Tensor combined(const Tensor& mask, const Tensor& seen) {
  if (!mask.defined() || !seen.defined()) return mask.defined() ? mask : seen;
  if (mask.scalar_type() == at::kBool) return mask.logical_and(seen);
  return at::where(seen, mask, at::Scalar(-kInfinity));
}

Tensor masked(const Tensor& scores, const Tensor& mask) {
  if (!mask.defined()) return scores;
  return mask.scalar_type() == at::kBool ? at::where(mask, scores, at::Scalar(-kInfinity)) : scores + mask;
}

Tensor softmax_in(const Tensor& scores, at::ScalarType type) {
  return at::softmax(scores, -1, type == scores.scalar_type() ? std::nullopt : std::optional(type));
}

// Step by step, with the scores shown where they were asked for.
Tensor composed(const Attention& attention, const Call& call, const Tensor& query, const Tensor& key,
                const Tensor& value, const Tensor& mask) {
  const double root = std::sqrt(scale_of(attention.scale, query));
  const auto show = [&](int64_t stage, const Tensor& scores) {
    if (attention.score_stage == stage) call.set(kScores, scores.to(query.scalar_type()));
  };
  Tensor scores = at::matmul(query * root, (repeated(key, query.size(1)) * root).transpose(2, 3));
  show(0, scores);
  if (attention.softcap > 0) scores = at::tanh(scores / attention.softcap) * attention.softcap;
  show(1, scores);
  scores = masked(scores, mask);
  show(2, scores);
  const Tensor weights = softmax_in(scores, attention.softmax_type.value_or(scores.scalar_type()));
  show(3, weights);
  return at::matmul(weights, repeated(value, query.size(1)).to(weights.scalar_type())).to(query.scalar_type());
}

void run_attention(const Attention& attention, const Call& call) {
  const bool packed = call.in(kQuery).dim() == 3;
  const Tensor query = with_heads(call.in(kQuery), attention.query_heads, "Q");
  Tensor key = with_heads(call.in(kKey), attention.key_heads, "K");
  Tensor value = with_heads(call.in(kValue), attention.key_heads, "V");
  TORCH_CHECK(query.dim() == 4 && key.dim() == 4 && value.dim() == 4, "Q, K and V must have 3 or 4 dimensions each");
  const int64_t past = call.has(kPastKey) ? call.in(kPastKey).size(2) : 0;
  if (call.has(kPastKey)) key = at::cat({call.in(kPastKey), key}, 2);
  if (call.has(kPastValue)) value = at::cat({call.in(kPastValue), value}, 2);
  call.set(kPresentKey, key);
  call.set(kPresentValue, value);

  const Tensor mask = call.has(kMask) ? whole_mask(call.in(kMask), query, key.size(2)) : Tensor();
  const bool is_fused =
      attention.softcap == 0 && !call.wants(kScores) && attention.softmax_type.value_or(at::kFloat) != at::kDouble;
  const auto fused = [&](std::optional<Tensor> bias, bool causal) {
    return at::scaled_dot_product_attention(query, key, value, bias, 0.0, causal, scale_of(attention.scale, query),
                                            key.size(1) != query.size(1));
  };
  Tensor y;
  if (is_fused && attention.causal && !mask.defined() && past == 0 && !call.has(kLengths)) {
    y = fused(std::nullopt, true);
  } else {
    const Tensor all = combined(mask, visible(attention, call, query, past, key.size(2)));
    if (is_fused)
      y = fused(all.defined() ? std::optional(all) : std::nullopt, false);
    else
      y = composed(attention, call, query, key, value, all);
  }
  call.set(kY, packed ? y.transpose(1, 2).flatten(2) : y);
}

std::optional<at::ScalarType> softmax_type(const Site& site) {
  if (!site.has("softmax_precision")) return std::nullopt;
  const ir::DataType type = site.type_or("softmax_precision", ir::DataType::float32);
  if (!ir::is_float(type) || ir::bits(type) < 16)
    site.refuse("softmax_precision is no floating type of 16 bits or more");
  return scalar_type(type);
}

Kernel make_attention(const Site& site) {
  Attention attention;
  attention.query_heads = site.int_or("q_num_heads", 0);
  attention.key_heads = site.int_or("kv_num_heads", 0);
  attention.causal = site.int_or("is_causal", 0) != 0;
  attention.softcap = site.float_or("softcap", 0);
  if (site.has("scale")) attention.scale = site.float_or("scale", 1);
  attention.score_stage = site.int_or("qk_matmul_output_mode", 0);
  if (attention.score_stage < 0 || attention.score_stage > 3) site.refuse("qk_matmul_output_mode is not 0 to 3");
  attention.softmax_type = softmax_type(site);
  return [attention](Call& call) { run_attention(attention, call); };
}

// Scores or probabilities through a body, if there is one.
Tensor modified(Frame& frame, const std::optional<uint32_t>& block, const Tensor& x) {
  if (!block) return x;
  const auto outputs = run_body(frame, *block, {Value(x)});
  TORCH_CHECK(outputs.size() == 1 && outputs[0].is_tensor() && outputs[0].tensor().sizes() == x.sizes(),
              "a modifier must give one tensor of the shape that it gets");
  return outputs[0].tensor();
}

// FlexAttention-1 of ai.onnx.preview.
Kernel make_flex_attention(const Site& site) {
  const auto block = [&](ir::Str name) { return site.has(name) ? std::optional(site.block(name)) : std::nullopt; };
  const auto scale = site.has("scale") ? std::optional(site.float_or("scale", 1)) : std::nullopt;
  return [scale, type = softmax_type(site), score = block("score_mod"), prob = block("prob_mod")](Call& call) {
    const Tensor &query = call.in(kQuery), &key = call.in(kKey), &value = call.in(kValue);
    TORCH_CHECK(query.dim() == 4 && key.dim() == 4 && value.dim() == 4, "Q, K and V must have 4 dimensions each");
    const auto usual = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::ScalarType work = type.value_or(usual);
    const Tensor products = at::matmul(query.to(work), repeated(key, query.size(1)).to(work).transpose(2, 3));
    const Tensor scores = modified(call.frame(), score, products * scale_of(scale, query));
    const Tensor weights = modified(call.frame(), prob, at::softmax(scores, -1));
    call.set(kY, at::matmul(weights, repeated(value, query.size(1)).to(work)).to(query.scalar_type()));
  };
}

// The bodies of FlexAttention may hold operators that are impure.
constexpr Operator kOperators[] = {
    {"Attention", make_attention},
    {"FlexAttention", make_flex_attention, Gradient::flows, true},
};

}  // namespace

std::span<const Operator> attention_operators() { return kOperators; }

}  // namespace allot::exec
