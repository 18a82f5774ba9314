// SPDX-License-Identifier: Apache-2.0
// How work ends that was asked to.
#pragma once

#include <exception>

namespace allot::base {

/// Thrown by work that a signal stopped before it had anything to save. No error: the command ends with 128 + n.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped"; }
};

}  // namespace allot::base
