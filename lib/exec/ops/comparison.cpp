// SPDX-License-Identifier: Apache-2.0
// Comparisons, logic and the choice that follows from them.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/broadcast_tensors.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eq.h>
#include <ATen/ops/ge.h>
#include <ATen/ops/gt.h>
#include <ATen/ops/le.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/logical_or.h>
#include <ATen/ops/logical_xor.h>
#include <ATen/ops/lt.h>
#include <ATen/ops/where.h>

#include "exec/ops/broadcast.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

at::Tensor equal(const at::Tensor& a, const at::Tensor& b) { return at::eq(a, b); }
at::Tensor greater(const at::Tensor& a, const at::Tensor& b) { return at::gt(a, b); }
at::Tensor greater_or_equal(const at::Tensor& a, const at::Tensor& b) { return at::ge(a, b); }
at::Tensor less(const at::Tensor& a, const at::Tensor& b) { return at::lt(a, b); }
at::Tensor less_or_equal(const at::Tensor& a, const at::Tensor& b) { return at::le(a, b); }

// Numbers of the strings, in their shape: torch broadcasts those.
at::Tensor positions(const Strings& strings) {
  return at::arange(static_cast<int64_t>(strings.data.size()), at::kLong).reshape(strings.dims);
}

at::Tensor equal_strings(const Strings& a, const Strings& b) {
  const auto both = at::broadcast_tensors({positions(a), positions(b)});
  const at::Tensor of_a = both[0].contiguous(), of_b = both[1].contiguous();
  at::Tensor result = at::empty(of_a.sizes(), at::kBool);
  const auto *i = of_a.const_data_ptr<int64_t>(), *j = of_b.const_data_ptr<int64_t>();
  bool* out = result.mutable_data_ptr<bool>();
  for (int64_t n = 0; n < result.numel(); ++n)
    out[n] = a.data[static_cast<size_t>(i[n])] == b.data[static_cast<size_t>(j[n])];
  return result;
}

Kernel make_equal(const Site& site) {
  return [numbers = make_binary<equal>(site)](Call& call) {
    if (!call.value(0).is_strings()) return numbers(call);
    call.set(0, equal_strings(call.value(0).strings(), call.value(1).strings()));
  };
}

// Strings of `no` are numbered behind those of `yes`.
Value choose_strings(const at::Tensor& condition, const Strings& yes, const Strings& no) {
  const auto behind = static_cast<int64_t>(yes.data.size());
  const at::Tensor chosen = at::where(condition, positions(yes), positions(no) + behind).contiguous();
  Strings result{{}, chosen.sizes().vec()};
  result.data.reserve(static_cast<size_t>(chosen.numel()));
  const auto* from = chosen.const_data_ptr<int64_t>();
  for (int64_t n = 0; n < chosen.numel(); ++n)
    result.data.push_back(from[n] < behind ? yes.data[static_cast<size_t>(from[n])]
                                           : no.data[static_cast<size_t>(from[n] - behind)]);
  return Value(std::move(result));
}

Kernel make_where(const Site&) {
  return [](Call& call) {
    const at::Tensor& condition = call.in(0);
    if (call.value(1).is_strings())
      return call.set(0, choose_strings(condition, call.value(1).strings(), call.value(2).strings()));
    check_same_type(call.in(1), call.in(2));
    call.set(0, at::where(condition, call.in(1), call.in(2)));
  };
}

constexpr Operator kOperators[] = {
    {"And", make_binary<at::logical_and>, Gradient::zero},
    {"Equal", make_equal, Gradient::zero},
    {"Greater", make_binary<comparing<greater>>, Gradient::zero},
    {"GreaterOrEqual", make_binary<comparing<greater_or_equal>>, Gradient::zero},
    {"Less", make_binary<comparing<less>>, Gradient::zero},
    {"LessOrEqual", make_binary<comparing<less_or_equal>>, Gradient::zero},
    {"Or", make_binary<at::logical_or>, Gradient::zero},
    {"Where", make_where},
    {"Xor", make_binary<at::logical_xor>, Gradient::zero},
};

}  // namespace

std::span<const Operator> comparison_operators() { return kOperators; }

}  // namespace allot::exec
