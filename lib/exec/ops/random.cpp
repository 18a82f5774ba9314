// SPDX-License-Identifier: Apache-2.0
// Tensors of random numbers, and random choices.
#include "exec/ops/random.h"

#include <bit>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/searchsorted.h>

#include "exec/check.h"
#include "exec/dtype.h"
#include "exec/registry.h"

namespace allot::exec {

RandomBits::RandomBits(const Call& call, float seed) {
  base::Rng rng = call.rng();
  key_ = {rng.next_u32() ^ std::bit_cast<uint32_t>(seed), rng.next_u32()};
}

at::Tensor RandomBits::uniform(at::IntArrayRef dims, at::ScalarType type) const {
  if (type != at::kDouble) {
    const at::Tensor result = at::empty(dims, at::kFloat);
    float* out = result.mutable_data_ptr<float>();
    for_each(result.numel(), [out](int64_t i, uint32_t bits) { out[i] = static_cast<float>(bits >> 8) * 0x1.0p-24f; });
    return result;
  }
  const at::Tensor words = at::empty({c10::multiply_integers(dims), 2}, at::kLong);
  int64_t* out = words.mutable_data_ptr<int64_t>();
  for_each(words.numel(), [out](int64_t i, uint32_t bits) { out[i] = bits; });
  const at::Tensor wide = words.select(1, 0) * (int64_t{1} << 21) + words.select(1, 1).bitwise_right_shift(11);
  return (wide.to(at::kDouble) * 0x1.0p-53).reshape(dims);
}

// Box and Muller: one uniform number gives the radius, another the angle, and each pair two normal ones.
at::Tensor RandomBits::normal(at::IntArrayRef dims, at::ScalarType type) const {
  const int64_t n = c10::multiply_integers(dims);
  const at::Tensor numbers = uniform({2, (n + 1) / 2}, type);
  const at::Tensor radius = (numbers.select(0, 0).neg().log1p() * -2).sqrt();
  const at::Tensor angle = numbers.select(0, 1) * (2 * std::numbers::pi);
  return at::cat({radius * angle.cos(), radius * angle.sin()}).narrow(0, 0, n).reshape(dims);
}

namespace {

using Dims = std::vector<int64_t>;

at::ScalarType dtype_or(const Site& site, ir::DataType otherwise) {
  return scalar_type(site.type_or("dtype", otherwise));
}

using Draw = at::Tensor (RandomBits::*)(at::IntArrayRef dims, at::ScalarType type) const;

// A number drawn, times `scale`, plus `offset`.
struct Distribution {
  Draw draw;
  double scale, offset;
  float seed;

  at::Tensor sample(const Call& call, at::IntArrayRef dims, at::ScalarType type) const {
    return ((RandomBits(call, seed).*draw)(dims, type) * scale + offset).to(type);
  }
};

Distribution uniform(const Site& site) {
  const double low = site.float_or("low", 0), high = site.float_or("high", 1);
  return {&RandomBits::uniform, high - low, low, site.node().float_or("seed", 0)};
}

Distribution normal(const Site& site) {
  return {&RandomBits::normal, site.float_or("scale", 1), site.float_or("mean", 0), site.node().float_or("seed", 0)};
}

using Choose = Distribution (*)(const Site&);

template <Choose choose>
Kernel make_random(const Site& site) {
  if (!site.has("shape")) malformed("attribute 'shape' is missing");
  return [distribution = choose(site), shape = site.ints("shape"), type = dtype_or(site, ir::DataType::float32)](
             Call& call) { call.set(0, distribution.sample(call, shape, type)); };
}

template <Choose choose>
Kernel make_random_like(const Site& site) {
  return [distribution = choose(site), is_given = site.has("dtype"),
          given = dtype_or(site, ir::DataType::float32)](Call& call) {
    const Value& x = call.value(0);
    const at::ScalarType type = is_given || !x.is_tensor() ? given : x.tensor().scalar_type();
    const at::Tensor result = distribution.sample(call, x.dims(), type);
    call.set(0, x.is_tensor() ? result.to(x.tensor().device()) : result);
  };
}

Kernel make_bernoulli(const Site& site) {
  return [seed = site.node().float_or("seed", 0), is_given = site.has("dtype"),
          given = dtype_or(site, ir::DataType::float32)](Call& call) {
    const at::Tensor& chance = call.in(0);
    const at::ScalarType compute = chance.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor draw = RandomBits(call, seed).uniform(chance.sizes(), compute).to(chance.device());
    call.set(0, (draw < chance.to(compute)).to(is_given ? given : chance.scalar_type()));
  };
}

// The class in whose part of the distribution function a uniform number falls.
Kernel make_multinomial(const Site& site) {
  const int64_t samples = site.int_or("sample_size", 1);
  if (samples < 1) malformed("attribute 'sample_size' is {}", samples);
  return [samples, seed = site.node().float_or("seed", 0), type = dtype_or(site, ir::DataType::int32)](Call& call) {
    const at::Tensor& logits = call.in(0);
    if (logits.dim() != 2 || logits.size(1) < 1) malformed("needs log-probabilities [batch, classes]");
    const at::Tensor below = logits.detach().to(at::kDouble).softmax(1).cumsum(1);
    const at::Tensor draw = RandomBits(call, seed).uniform({logits.size(0), samples}, at::kDouble).to(below.device());
    const at::Tensor total = below.narrow(1, logits.size(1) - 1, 1);
    call.set(0, at::searchsorted(below, draw * total, false, /*right=*/true).clamp_max(logits.size(1) - 1).to(type));
  };
}

constexpr Operator kOperators[] = {
    {"Bernoulli", make_bernoulli, Gradient::zero, true},
    {"Multinomial", make_multinomial, Gradient::zero, true},
    {"RandomNormal", make_random<normal>, Gradient::zero, true},
    {"RandomNormalLike", make_random_like<normal>, Gradient::zero, true},
    {"RandomUniform", make_random<uniform>, Gradient::zero, true},
    {"RandomUniformLike", make_random_like<uniform>, Gradient::zero, true},
};

}  // namespace

std::span<const Operator> random_operators() { return kOperators; }

}  // namespace allot::exec
