// SPDX-License-Identifier: Apache-2.0
// Steps of optimisers as operators (ai.onnx.preview.training).
#include <cmath>

#include <ATen/TensorOperators.h>

#include "exec/check.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// Inputs are the rate, the count of steps, then all tensors of one kind behind those of another; outputs likewise,
// without gradients.
class Groups {
 public:
  Groups(const Call& call, size_t kinds)
      : call_(call), count_((call.inputs() - std::min<size_t>(call.inputs(), 2)) / kinds) {
    if (call.inputs() != 2 + kinds * count_)
      malformed("its {} inputs are not rate, count and {} lists", call.inputs(), kinds);
  }
  size_t count() const { return count_; }
  const at::Tensor& in(size_t kind, size_t i) const { return call_.in(2 + kind * count_ + i); }
  void set(size_t kind, size_t i, at::Tensor tensor) const { call_.set(kind * count_ + i, std::move(tensor)); }

 private:
  const Call& call_;
  size_t count_;
};

Kernel make_adagrad(const Site& site) {
  return [epsilon = site.float_or("epsilon", 1e-6f), decay = site.float_or("decay_factor", 0),
          weight_decay = site.float_or("norm_coefficient", 0)](Call& call) {
    const Groups groups(call, 3);
    const double rate = call.number(0) / (1 + call.number(1) * decay);
    for (size_t i = 0; i < groups.count(); ++i) {
      const at::Tensor& x = groups.in(0, i);
      const at::Tensor gradient = x * weight_decay + groups.in(1, i);
      const at::Tensor squares = groups.in(2, i) + gradient * gradient;
      groups.set(0, i, x - rate * gradient / (squares.sqrt() + epsilon));
      groups.set(1, i, squares);
    }
  };
}

Kernel make_adam(const Site& site) {
  return [alpha = site.float_or("alpha", 0.9f), beta = site.float_or("beta", 0.999f),
          epsilon = site.float_or("epsilon", 1e-6f), weight_decay = site.float_or("norm_coefficient", 0),
          decay_after = site.float_or("norm_coefficient_post", 0)](Call& call) {
    const Groups groups(call, 4);
    const double steps = call.number(1);
    double rate = call.number(0);
    if (steps > 0) rate *= std::sqrt(1 - std::pow(beta, steps)) / (1 - std::pow(alpha, steps));
    for (size_t i = 0; i < groups.count(); ++i) {
      const at::Tensor& x = groups.in(0, i);
      const at::Tensor gradient = x * weight_decay + groups.in(1, i);
      const at::Tensor mean = groups.in(2, i) * alpha + gradient * (1 - alpha);
      const at::Tensor square = groups.in(3, i) * beta + gradient * gradient * (1 - beta);
      groups.set(0, i, (x - rate * mean / (square.sqrt() + epsilon)) * (1 - decay_after));
      groups.set(1, i, mean);
      groups.set(2, i, square);
    }
  };
}

Kernel make_momentum(const Site& site) {
  const auto mode = site.string_or("mode", "standard");
  if (mode != "standard" && mode != "nesterov") malformed("attribute 'mode' is '{}'", base::printable(mode));
  return [alpha = site.float_or("alpha", 0), beta = site.float_or("beta", 0),
          weight_decay = site.float_or("norm_coefficient", 0), looks_ahead = mode == "nesterov"](Call& call) {
    const Groups groups(call, 3);
    const double rate = call.number(0), share = call.number(1) > 0 ? beta : 1;
    for (size_t i = 0; i < groups.count(); ++i) {
      const at::Tensor& x = groups.in(0, i);
      const at::Tensor gradient = x * weight_decay + groups.in(1, i);
      const at::Tensor momentum = groups.in(2, i) * alpha + gradient * share;
      groups.set(0, i, x - rate * (looks_ahead ? gradient + momentum * alpha : momentum));
      groups.set(1, i, momentum);
    }
  };
}

constexpr Operator kOperators[] = {
    {"Adagrad", make_adagrad},
    {"Adam", make_adam},
    {"Momentum", make_momentum},
};

}  // namespace

std::span<const Operator> optimizer_operators() { return kOperators; }

}  // namespace allot::exec
