// SPDX-License-Identifier: Apache-2.0
// What kernels say about inputs that do not fit. The node is named by whoever runs the kernel.
#pragma once

#include <cstdint>
#include <utility>

#include "base/error.h"

namespace allot::exec {

/// Throws that the model or its inputs are wrong.
template <typename... Args>
[[noreturn]] void malformed(fmt::format_string<Args...> text, Args&&... args) {
  throw base::Error(base::ErrorKind::malformed, "", fmt::format(text, std::forward<Args>(args)...));
}

/// `axis` counted from the front. Errors: malformed when a tensor of that rank does not have it.
inline int64_t front_axis(int64_t axis, int64_t rank) {
  const int64_t front = axis < 0 ? axis + rank : axis;
  if (front < 0 || front >= rank) malformed("axis {} does not exist: the rank is {}", axis, rank);
  return front;
}

}  // namespace allot::exec
