// SPDX-License-Identifier: Apache-2.0
// Operators of two tensors with ONNX's rules of broadcasting, old and new.
#pragma once

#include "exec/ops/unsigned.h"
#include "exec/registry.h"

namespace allot::exec {

/// Before opset 7 shapes were aligned by hand: `b` starts at `axis` of `a`, or ends where `a` does.
/// Errors: malformed when it does not fit there.
at::Tensor aligned(const at::Tensor& a, const at::Tensor& b, int64_t axis);

/// ONNX never promotes types; torch would do so silently, and may under autocast. Errors: malformed, naming both.
void check_same_type(const at::Tensor& a, const at::Tensor& b);

/// The kernel of an operator of two tensors of one type.
template <Binary function>
Kernel make_binary(const Site& site) {
  if (site.opset() >= 7 || !site.int_or("broadcast", 0))
    return [](Call& call) {
      const at::Tensor &a = call.in(0), &b = call.in(1);
      check_same_type(a, b);
      call.set(0, function(a, b));
    };
  return [axis = site.int_or("axis", -1)](Call& call) {
    const at::Tensor &a = call.in(0), &b = call.in(1);
    check_same_type(a, b);
    call.set(0, function(a, aligned(a, b, axis)));
  };
}

}  // namespace allot::exec
