// SPDX-License-Identifier: Apache-2.0
#include "run/compare.h"

#include <algorithm>
#include <limits>

#include <ATen/ops/equal.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

namespace allot::run {
namespace {

constexpr double kDifferent = std::numeric_limits<double>::max();

// Relative to the largest magnitude of what is wanted.
double distance(const at::Tensor& wanted, const at::Tensor& given) {
  const at::Tensor w = wanted.detach().to(at::kCPU, at::kDouble), g = given.detach().to(at::kCPU, at::kDouble);
  const at::Tensor finite = w.isfinite();
  if (!at::equal(finite, g.isfinite())) return kDifferent;
  const at::Tensor zero = at::zeros_like(w);
  // Where both are not finite they must be of one kind.
  const at::Tensor odd_w = at::where(finite, zero, w), odd_g = at::where(finite, zero, g);
  if (!at::equal(odd_w.isnan(), odd_g.isnan()) || !at::equal(odd_w.nan_to_num(), odd_g.nan_to_num())) return kDifferent;
  const double scale = at::where(finite, w, zero).abs().max().item<double>();
  const double off = (at::where(finite, w, zero) - at::where(finite, g, zero)).abs().max().item<double>();
  return off == 0 ? 0 : scale == 0 ? kDifferent : off / scale;
}

double distance(const exec::Value& wanted, const exec::Value& given) {
  if (wanted.describe() != given.describe()) return kDifferent;
  if (wanted.is_strings()) return wanted.strings().data == given.strings().data ? 0 : kDifferent;
  if (wanted.is_sequence()) {
    double worst = 0;
    for (size_t i = 0; i < wanted.sequence().size(); ++i)
      worst = std::max(worst, distance(wanted.sequence()[i], given.sequence()[i]));
    return worst;
  }
  if (!wanted.is_tensor() || wanted.tensor().numel() == 0) return 0;
  const at::Tensor& w = wanted.tensor();
  if (at::equal(w.detach().to(at::kCPU), given.tensor().detach().to(at::kCPU))) return 0;
  return at::isFloatingType(w.scalar_type()) ? distance(w, given.tensor()) : kDifferent;
}

}  // namespace

measure::Check compare(const std::vector<Named>& wanted, const std::vector<Named>& given, double tolerance) {
  measure::Check check;
  check.values = static_cast<uint32_t>(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double off = i < given.size() ? distance(wanted[i].value, given[i].value) : kDifferent;
    if (off <= check.largest_error) continue;
    check.largest_error = off;
    check.worst = wanted[i].name;
  }
  check.identical = check.largest_error == 0;
  check.ok = check.largest_error <= tolerance;
  return check;
}

}  // namespace allot::run
