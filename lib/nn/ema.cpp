// SPDX-License-Identifier: Apache-2.0
#include "nn/ema.h"

#include <algorithm>

#include <ATen/ops/full.h>
#include <ATen/ops/lerp.h>
#include <c10/core/GradMode.h>

#include "base/error.h"

namespace allot::nn {

Ema::Ema(std::vector<NamedTensor> source, std::vector<NamedTensor> average, double decay, bool warms_up)
    : source_(std::move(source)), average_(std::move(average)), decay_(decay), warms_up_(warms_up) {
  copy_values(source_, average_, "the average of a network");
}

void Ema::update() {
  const at::NoGradGuard no_gradients;
  const auto t = static_cast<double>(updates_++);
  const double decay = warms_up_ ? std::min(decay_, (1 + t) / (10 + t)) : decay_;
  for (size_t i = 0; i < source_.size(); ++i) {
    at::Tensor& average = average_[i].second;
    if (average.is_floating_point())
      average.lerp_(source_[i].second, 1 - decay);
    else
      average.copy_(source_[i].second);
  }
}

std::vector<NamedTensor> Ema::state() const {
  auto state = average_;
  state.emplace_back("ema.updates", at::full({1}, updates_, at::kLong));
  return state;
}

void Ema::assign(const std::vector<NamedTensor>& state, const std::string& where) {
  const auto own = this->state();  // shares the average; the last one is the number of updates
  copy_values(state, own, where);
  updates_ = own.back().second.const_data_ptr<int64_t>()[0];
}

}  // namespace allot::nn
