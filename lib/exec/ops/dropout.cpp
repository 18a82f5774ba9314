// SPDX-License-Identifier: Apache-2.0
// Dropout: active in training, whatever the node's own training_mode says, and never in evaluation.
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>

#include "exec/check.h"
#include "exec/item_range.h"
#include "exec/ops/random.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

constexpr double kDefaultRatio = 0.5;

// What each element is multiplied with: 0 for those dropped, 1 / (1 - ratio) for the others.
at::Tensor noise(const Call& call, const at::Tensor& x, double ratio, float seed) {
  if (!(ratio >= 0 && ratio <= 1)) malformed("the ratio is {}", ratio);
  if (ratio == 1) return at::zeros_like(x);
  const auto dropped = static_cast<uint64_t>(std::llround(ratio * 0x1.0p32));
  const float kept = static_cast<float>(1 / (1 - ratio));
  const at::Tensor result = at::empty(x.sizes(), at::kFloat);
  float* out = result.mutable_data_ptr<float>();
  RandomBits(call, seed).for_each(
      x.numel(), [=](int64_t i, uint32_t bits) { out[i] = bits < dropped ? 0 : kept; },
      ItemRange::first_element(x.numel()));
  return result.to(x.options());
}

// Until opset 11 the ratio is an attribute, and until 9 the mask has the type of the data.
Kernel make_dropout(const Site& site) {
  const bool has_attribute = site.opset() < 12, mask_is_bool = site.opset() >= 10;
  return
      [has_attribute, mask_is_bool, fixed = site.options().dropout, attribute = site.float_or("ratio", kDefaultRatio),
       seed = static_cast<float>(site.int_or("seed", 0))](Call& call) {
        const at::Tensor& x = call.in(0);
        double ratio = 0;
        if (call.training()) {
          ratio = has_attribute ? attribute : call.has(1) ? call.number(1) : kDefaultRatio;
          if (fixed) ratio = *fixed;
        }
        const at::ScalarType mask_type = mask_is_bool ? at::kBool : x.scalar_type();
        if (ratio == 0) {
          call.set(0, x);
          if (call.wants(1)) call.set(1, at::ones_like(x, mask_type));
          return;
        }
        const at::Tensor factor = noise(call, x, ratio, seed);
        call.set(0, x * factor);
        if (call.wants(1)) call.set(1, (factor != 0).to(mask_type));
      };
}

constexpr Operator kOperators[] = {
    {"Dropout", make_dropout, Gradient::flows, true},
};

}  // namespace

std::span<const Operator> dropout_operators() { return kOperators; }

}  // namespace allot::exec
