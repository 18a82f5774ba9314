// SPDX-License-Identifier: Apache-2.0
// Kernels of the groups that exec/fuse.h finds.
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

// Q [..., L, E], K^T [..., E, S], V [..., S, D], mask that broadcasts to [..., L, S].
Kernel make_attention(const Site& site) {
  return [scale = number(site, "scale")](Call& call) {
    std::optional<at::Tensor> mask;
    if (call.has(3)) mask = call.in(3);
    call.set(0, at::scaled_dot_product_attention(call.in(0), call.in(1).transpose(-2, -1), call.in(2), mask, 0.0, false,
                                                 scale));
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
