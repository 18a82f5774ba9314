// SPDX-License-Identifier: Apache-2.0
// Normalisations by statistics of the input itself.
#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/native_layer_norm.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/std.h>
#include <ATen/ops/where.h>

#include "exec/check.h"
#include "exec/dtype.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

constexpr bool kUseCudnn = true;  // where there is one

double epsilon_of(const Site& site) { return site.float_or("epsilon", 1e-5f); }

Kernel make_instance_normalization(const Site& site) {
  return [epsilon = epsilon_of(site)](Call& call) {
    call.set(0, at::instance_norm(call.in(0), call.in(1), call.in(2), {}, {}, true, 0, epsilon, kUseCudnn));
  };
}

at::IntArrayRef sizes_from(const at::Tensor& x, int64_t axis) {
  return x.sizes().slice(static_cast<size_t>(front_axis(axis, x.dim())));
}

bool is_affine_of(const at::Tensor& parameter, const at::Tensor& x, at::IntArrayRef normalized) {
  return !parameter.defined() || (parameter.sizes() == normalized && parameter.scalar_type() == x.scalar_type());
}

// Types of fewer bits than `stash` are computed in it; torch does the same for half types within one kernel.
at::Tensor stashed(const at::Tensor& x, at::ScalarType stash) {
  return c10::elementSize(x.scalar_type()) < c10::elementSize(stash) ? x.to(stash) : x;
}

Kernel make_layer_normalization(const Site& site) {
  const at::ScalarType stash = scalar_type(site.type_or("stash_type", ir::DataType::float32));
  return [axis = site.int_or("axis", -1), epsilon = epsilon_of(site), stash](Call& call) {
    const at::Tensor &x = call.in(0), &scale = call.in(1), &bias = call.in_or_none(2);
    const auto normalized = sizes_from(x, axis);
    const bool wants_statistics = call.wants(1) || call.wants(2);
    if (!wants_statistics && is_affine_of(scale, x, normalized) && is_affine_of(bias, x, normalized))
      return call.set(0, at::layer_norm(x, normalized, scale, bias, epsilon));
    const auto [y, mean, inverse_deviation] = at::native_layer_norm(stashed(x, stash), normalized, {}, {}, epsilon);
    const at::Tensor scaled = y.to(x.scalar_type()) * scale;
    call.set(0, bias.defined() ? scaled + bias : scaled);
    call.set(1, mean.to(stash));
    call.set(2, inverse_deviation.to(stash));
  };
}

Kernel make_rms_normalization(const Site& site) {
  const at::ScalarType stash = scalar_type(site.type_or("stash_type", ir::DataType::float32));
  return [axis = site.int_or("axis", -1), epsilon = epsilon_of(site), stash](Call& call) {
    const at::Tensor &x = call.in(0), &scale = call.in(1);
    const auto normalized = sizes_from(x, axis);
    if (is_affine_of(scale, x, normalized)) return call.set(0, at::rms_norm(x, normalized, scale, epsilon));
    call.set(0, at::rms_norm(stashed(x, stash), normalized, {}, epsilon).to(x.scalar_type()) * scale);
  };
}

// In version 18 there is a scale and a bias for every group, since then for every channel.
Kernel make_group_normalization(const Site& site) {
  const int64_t groups = site.int_or("num_groups", 0);
  if (groups < 1) malformed("attribute 'num_groups' is {}", groups);
  return [groups, epsilon = epsilon_of(site), by_group = site.opset() < 21](Call& call) {
    const at::Tensor& x = call.in(0);
    if (x.dim() < 2 || x.size(1) % groups != 0) malformed("{} has no {} groups", Value(x).describe(), groups);
    at::Tensor scale = call.in(1), bias = call.in(2);
    if (by_group && scale.numel() == groups && x.size(1) != groups) {
      scale = scale.repeat_interleave(x.size(1) / groups);
      bias = bias.repeat_interleave(x.size(1) / groups);
    }
    call.set(0, at::group_norm(x, groups, scale, bias, epsilon, kUseCudnn));
  };
}

// What has no length stays zero.
Kernel make_lp_normalization(const Site& site) {
  const int64_t p = site.int_or("p", 2);
  if (p != 1 && p != 2) site.refuse("p must be 1 or 2");
  return [p, axis = site.int_or("axis", -1)](Call& call) {
    const at::Tensor& x = call.in(0);
    const at::Tensor norm = at::linalg_vector_norm(x, p, axis, true);
    call.set(0, x / at::where(norm == 0, 1, norm));
  };
}

constexpr double kVarianceGuard = 1e-9;  // in the function body of MeanVarianceNormalization

Kernel make_mean_variance_normalization(const Site& site) {
  const std::vector<int64_t> axes = site.has("axes") ? site.ints("axes") : std::vector<int64_t>{0, 2, 3};
  return [axes](Call& call) {
    const at::Tensor& x = call.in(0);
    call.set(0, (x - x.mean(axes, true)) / (at::std(x, axes, 0, true) + kVarianceGuard));
  };
}

// x / (bias + alpha / size * sum of squares of neighbouring channels) ^ beta, the longer half of an even window behind.
Kernel make_lrn(const Site& site) {
  const int64_t size = site.int_or("size", 0);
  if (size < 1) malformed("attribute 'size' is {}", size);
  return [size, alpha = site.float_or("alpha", 1e-4f), beta = site.float_or("beta", 0.75f),
          bias = site.float_or("bias", 1)](Call& call) {
    const at::Tensor& x = call.in(0);
    if (x.dim() < 2) malformed("{} has no channels", Value(x).describe());
    const at::Tensor squares = (x * x).reshape({x.size(0), 1, x.size(1), -1});
    const at::Tensor padded = at::constant_pad_nd(squares, {0, 0, (size - 1) / 2, size / 2});
    const at::Tensor means = at::avg_pool2d(padded, {size, 1}, {1, 1}).reshape(x.sizes());
    call.set(0, x / (means * alpha + bias).pow(beta));
  };
}

constexpr Operator kOperators[] = {
    {"GroupNormalization", make_group_normalization},
    {"InstanceNormalization", make_instance_normalization},
    {"LRN", make_lrn},
    {"LayerNormalization", make_layer_normalization},
    {"LpNormalization", make_lp_normalization},
    {"MeanVarianceNormalization", make_mean_variance_normalization},
    {"RMSNormalization", make_rms_normalization},
};

}  // namespace

std::span<const Operator> normalization_operators() { return kOperators; }

}  // namespace allot::exec
