// SPDX-License-Identifier: Apache-2.0
// BatchNormalization in all of its versions and modes.
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "base/log.h"
#include "exec/check.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// Some exporters wrote 1, which would never take up anything new.
constexpr double kFrozenMomentum = 0.9999, kUsualMomentum = 0.9;

constexpr bool kUseCudnn = true;  // where there is one

struct Statistics {
  at::Tensor mean, variance;  // of the population, dividing by the number of elements
};

class BatchNormalization {
 public:
  explicit BatchNormalization(const Site& site)
      : epsilon_(site.float_or("epsilon", 1e-5f)),
        momentum_(site.float_or("momentum", 0.9f)),
        mode_(site.options().batch_norm),
        node_trains_(trains(site)),
        owns_statistics_(site.constant(3) && site.constant(4)),
        spatial_(site.opset() >= 9 || site.int_or("spatial", 1) != 0) {
    if (mode_ == BatchNorm::train && momentum_ >= kFrozenMomentum) {
      base::warn("node '{}' has a momentum of {}; running statistics take {}", base::printable(site.node().name),
                 momentum_, kUsualMomentum);
      momentum_ = kUsualMomentum;
    }
  }

  void operator()(Call& call) const {
    const at::Tensor& given = call.in(0);
    const at::Tensor x = batched(given);
    const at::Tensor &mean = call.in(3), &variance = call.in(4);
    const at::ScalarType type = parameter_type(call);
    const auto parameter = [type](const at::Tensor& p) { return p.flatten().to(type); };
    const at::Tensor scale = parameter(call.in(1)), bias = parameter(call.in(2));
    const bool updates = mode_ == BatchNorm::train && call.training();
    if (!updates && !(mode_ == BatchNorm::as_is && node_trains_)) {
      const at::Tensor y =
          at::batch_norm(x, scale, bias, parameter(mean), parameter(variance), false, 0, epsilon_, kUseCudnn);
      call.set(0, x.dim() == given.dim() ? y : y.reshape(given.sizes()));
      call.set(1, mean);
      call.set(2, variance);
      return;
    }
    Statistics current{at::zeros_like(scale), at::zeros_like(bias)};
    // With a momentum of one torch's running statistics are those of this batch.
    const at::Tensor y = at::batch_norm(x, scale, bias, current.mean, current.variance, true, 1, epsilon_, kUseCudnn);
    call.set(0, x.dim() == given.dim() ? y : y.reshape(given.sizes()));
    const at::NoGradGuard no_gradients;
    take_up(call, of_population(current, x), call.updates_state() && updates && owns_statistics_);
  }

 private:
  // Before opset 14 a node trains when it has the outputs of training, before opset 7 unless it says it tests.
  static bool trains(const Site& site) {
    if (site.opset() >= 14) return site.int_or("training_mode", 0) != 0;
    if (site.opset() >= 7) return site.outputs() > 1;
    return site.int_or("is_test", 0) == 0;
  }

  // Batch, channels and the rest. A vector is a batch of one channel; without `spatial` each element is a channel.
  at::Tensor batched(const at::Tensor& x) const {
    if (x.dim() == 0) malformed("the input has no batch axis");
    if (x.dim() == 1) return x.unsqueeze(1);
    return spatial_ ? x : x.flatten(1);
  }

  // torch wants all parameters in one type, that of the input or float32 where the input has half of its bits.
  static at::ScalarType parameter_type(const Call& call) {
    const at::Tensor& x = call.in(0);
    bool same = true;
    for (size_t i = 1; i < 5; ++i) same = same && call.in(i).scalar_type() == x.scalar_type();
    return same || x.element_size() >= 4 ? x.scalar_type() : at::kFloat;
  }

  static Statistics of_population(const Statistics& sample, const at::Tensor& x) {
    const int64_t channels = x.size(1), n = channels ? x.numel() / channels : 0;
    if (n < 2) return {sample.mean, at::zeros_like(sample.variance)};
    return {sample.mean, sample.variance * (static_cast<double>(n - 1) / static_cast<double>(n))};
  }

  void take_up(Call& call, const Statistics& current, bool in_place) const {
    const at::Tensor &mean = call.in(3), &variance = call.in(4);
    const at::Tensor new_mean = blend(mean, current.mean), new_variance = blend(variance, current.variance);
    if (in_place) {
      mean.copy_(new_mean);
      variance.copy_(new_variance);
    }
    call.set(1, new_mean);
    call.set(2, new_variance);
    // The cache that training once kept for the backward pass.
    call.set(3, current.mean.reshape(mean.sizes()));
    call.set(4, current.variance.reshape(variance.sizes()));
  }

  at::Tensor blend(const at::Tensor& running, const at::Tensor& current) const {
    return running.mul(momentum_).add(current.reshape(running.sizes()), 1 - momentum_).to(running.scalar_type());
  }

  double epsilon_, momentum_;
  BatchNorm mode_;
  bool node_trains_, owns_statistics_, spatial_;  // owns: they are weights, which nobody else computes
};

Kernel make_batch_normalization(const Site& site) { return BatchNormalization(site); }

// It may change running statistics.
constexpr Operator kOperators[] = {
    {"BatchNormalization", make_batch_normalization, Gradient::flows, true},
};

}  // namespace

std::span<const Operator> batch_normalization_operators() { return kOperators; }

}  // namespace allot::exec
