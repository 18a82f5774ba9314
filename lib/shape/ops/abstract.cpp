// SPDX-License-Identifier: Apache-2.0
// The domain "allot": abstract work of generated graphs.
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// The file declares the outputs: nothing can be inferred.
void work(Context&) {}

constexpr Operator kOperators[] = {{"Work", work}};

}  // namespace

std::span<const Operator> abstract_operators() { return kOperators; }

}  // namespace allot::shape
