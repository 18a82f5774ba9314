// SPDX-License-Identifier: Apache-2.0
// Products of matrices.
#include <ATen/ops/addmm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>

#include "exec/registry.h"

namespace allot::exec {
namespace {

Kernel make_matmul(const Site&) {
  return [](Call& call) { call.set(0, at::matmul(call.in(0), call.in(1))); };
}

constexpr Operator kOperators[] = {
    {"MatMul", make_matmul},
};

}  // namespace

std::span<const Operator> matmul_operators() { return kOperators; }

}  // namespace allot::exec
