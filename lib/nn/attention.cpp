// SPDX-License-Identifier: Apache-2.0
#include "nn/attention.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

namespace allot::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kSlab = 1 << 19;  // elements at a time: 2 MiB stay in the cache

int64_t queries_at_a_time(const at::Tensor& memory) {
  return std::max<int64_t>(1, kSlab / std::max<int64_t>(1, memory.numel()));
}

class AdditiveScores : public torch::autograd::Function<AdditiveScores> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& query, const at::Tensor& memory,
                            const at::Tensor& v) {
    context->save_for_backward({query, memory, v});
    auto scores = at::empty({query.size(0), memory.size(0)}, query.options());
    const int64_t many = queries_at_a_time(memory);
    for (int64_t q = 0; q < query.size(0); q += many) {
      const int64_t few = std::min(many, query.size(0) - q);
      const auto hidden = (query.narrow(0, q, few).unsqueeze(1) + memory.unsqueeze(0)).tanh_();
      scores.narrow(0, q, few).copy_(hidden.matmul(v));
    }
    return scores;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &query = saved[0], &memory = saved[1], &v = saved[2];
    const at::Tensor& given = gradients[0];
    auto of_query = at::empty_like(query), of_memory = at::zeros_like(memory), of_v = at::zeros_like(v);
    const int64_t many = queries_at_a_time(memory);
    for (int64_t q = 0; q < query.size(0); q += many) {
      const int64_t few = std::min(many, query.size(0) - q);
      auto hidden = (query.narrow(0, q, few).unsqueeze(1) + memory.unsqueeze(0)).tanh_();  // [few, places, width]
      const auto weight = given.narrow(0, q, few).contiguous();
      of_v += weight.reshape({1, -1}).matmul(hidden.reshape({-1, v.size(0)})).squeeze(0);
      hidden.mul_(hidden).neg_().add_(1).mul_(weight.unsqueeze(2));  // times v at the end: it is the same for all
      of_query.narrow(0, q, few).copy_(hidden.sum(1));
      of_memory += hidden.sum(0);
    }
    return {of_query.mul_(v), of_memory.mul_(v), of_v};
  }
};

}  // namespace

at::Tensor additive_scores(const at::Tensor& query, const at::Tensor& memory, const at::Tensor& v) {
  return AdditiveScores::apply(query, memory, v);
}

at::Tensor dot_scores(const at::Tensor& query, const at::Tensor& memory) {
  return query.matmul(memory.transpose(-1, -2)) * (1.0 / std::sqrt(static_cast<double>(query.size(-1))));
}

at::Tensor read(const at::Tensor& scores, const at::Tensor& memory) { return scores.softmax(-1).matmul(memory); }

}  // namespace allot::nn
