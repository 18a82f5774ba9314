// SPDX-License-Identifier: Apache-2.0
#include "nn/graph_net.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

namespace allot::nn {
namespace {

/// 1 / sqrt(how often each vertex stands in `ends`), at most 1: [vertices, 1].
at::Tensor scale_of(const at::Tensor& ends, int64_t vertices, const at::TensorOptions& options) {
  const auto plain = options.requires_grad(false);
  return at::zeros({vertices}, plain)
      .index_add_(0, ends, at::zeros(ends.sizes(), plain).add_(1))
      .clamp_min_(1)
      .rsqrt_()
      .unsqueeze(1);
}

}  // namespace

GraphNet::GraphNet(Parameters& parameters, const std::string& name, int64_t input, int64_t width, int rounds)
    : width_(width),
      enter_(parameters.glorot(name + ".enter", {input, width})),
      enter_bias_(parameters.constant(name + ".enter_bias", {width}, 0)) {
  for (int i = 0; i < rounds; ++i) {
    const std::string round = name + ".round" + std::to_string(i);
    rounds_.push_back({parameters.glorot(round + ".in", {3 * width, width}),
                       parameters.constant(round + ".bias", {width}, 0),
                       parameters.glorot(round + ".out", {width, width})});
  }
}

at::Tensor GraphNet::operator()(const at::Tensor& features, const Edges& edges) const {
  auto h = at::addmm(enter_bias_, features, enter_).relu();
  const int64_t vertices = features.size(0);
  const auto into = scale_of(edges.to, vertices, enter_.options()),
             out_of = scale_of(edges.from, vertices, enter_.options());
  const auto none = at::zeros({vertices, width_}, enter_.options().requires_grad(false));
  for (const Round& round : rounds_) {
    const auto before = none.index_add(0, edges.to, h.index_select(0, edges.from)) * into;
    const auto after = none.index_add(0, edges.from, h.index_select(0, edges.to)) * out_of;
    const auto heard = at::addmm(round.bias, at::cat({h, before, after}, 1), round.in).relu();
    h = at::layer_norm(at::addmm(h, heard, round.out), {width_});
  }
  return h;
}

}  // namespace allot::nn
