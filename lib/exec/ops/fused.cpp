// SPDX-License-Identifier: Apache-2.0
// Kernels of the groups that exec/fuse.h finds.
#include <algorithm>
#include <bit>

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/split_with_sizes.h>

#include "exec/registry.h"

namespace allot::exec {
namespace {

// What add_number() wrote.
double number(const Site& site, ir::Str attribute) { return std::bit_cast<double>(site.int_or(attribute, 0)); }

// x [..., in], W [in, out], b [out].
Kernel make_linear(const Site&) {
  return [](Call& call) {
    const at::Tensor& x = call.in(0);
    const at::Tensor& weight = call.in(1);
    if (x.dim() == 2) return call.set(0, at::addmm(call.in(2), x, weight));
    auto dims = x.sizes().vec();
    TORCH_CHECK(!dims.empty(), "a matrix product needs matrices");
    dims.back() = weight.size(1);
    call.set(0, at::addmm(call.in(2), x.reshape({-1, x.size(-1)}), weight).reshape(dims));
  };
}

/// One square of zeros up to the diagonal, and beyond it numbers that leave no share to what they are added to.
bool is_causal(const at::Tensor& mask) {
  constexpr float kHidden = -1e30f;
  const int64_t length = mask.dim() < 2 ? 0 : mask.size(-1);
  if (length == 0 || mask.numel() != length * length || mask.size(-2) != length || !mask.device().is_cpu() ||
      mask.scalar_type() != at::kFloat || mask.requires_grad())
    return false;
  const at::Tensor rows = mask.contiguous();
  const float* row = rows.const_data_ptr<float>();
  for (int64_t i = 0; i < length; ++i, row += length) {
    if (std::any_of(row, row + i + 1, [](float value) { return value != 0; })) return false;
    if (std::any_of(row + i + 1, row + length, [](float value) { return !(value < kHidden); })) return false;
  }
  return true;
}

// Q [..., L, E], K^T [..., E, S], V [..., S, D], mask that broadcasts to [..., L, S]. What a causal mask hides is not
// even computed.
Kernel make_attention(const Site& site) {
  return [scale = number(site, "scale")](Call& call) {
    std::optional<at::Tensor> mask;
    if (call.has(3)) mask = call.in(3);
    const at::Tensor query = call.in(0), key = call.in(1).transpose(-2, -1);
    const bool causal = mask && query.size(-2) == mask->size(-1) && key.size(-2) == mask->size(-1) && is_causal(*mask);
    if (causal) mask.reset();
    call.set(0, at::scaled_dot_product_attention(query, key, call.in(2), mask, 0.0, causal, scale));
  };
}

Kernel make_layer_norm(const Site& site) {
  return [epsilon = number(site, "epsilon")](Call& call) {
    call.set(0, at::layer_norm(call.in(0), call.in(1).sizes(), call.in(1), call.in(2), epsilon));
  };
}

Kernel make_gelu(const Site& site) {
  return [approximate = site.int_or("tanh", 0) ? "tanh" : "none"](Call& call) {
    call.set(0, at::gelu(call.in(0), approximate));
  };
}

// Split and joined once, the way back is one copy.
Kernel make_reordered(const Site& site) {
  return [axis = site.int_or("axis", 0), sizes = site.ints("sizes"), order = site.ints("order")](Call& call) {
    const auto parts = at::split_with_sizes(call.in(0), sizes, axis);
    std::vector<at::Tensor> picked;
    for (const int64_t i : order) picked.push_back(parts[static_cast<size_t>(i)]);
    call.set(0, at::cat(picked, axis));
  };
}

constexpr Operator kOperators[] = {
    {"Attention", make_attention},
    {"Gelu", make_gelu},
    {"LayerNorm", make_layer_norm},
    {"Linear", make_linear},
    {"Reordered", make_reordered},
};

}  // namespace

std::span<const Operator> fused_operators() { return kOperators; }

}  // namespace allot::exec
