// SPDX-License-Identifier: Apache-2.0
// Bodies of control-flow nodes, as their kernels run them.
#pragma once

#include <vector>

#include "exec/call.h"

namespace allot::exec {

/// Sets the inputs of a body, runs it, and gives what it gives.
/// Errors: malformed when the body has another number of inputs, and whatever its nodes throw.
std::vector<Value> run_body(Frame& frame, uint32_t block, std::vector<Value> inputs);

/// While it lives, random numbers in a body depend on which time round it is, through all loops around it.
class Iteration {
 public:
  explicit Iteration(Frame& frame) : frame_(frame), outer_(frame.iteration) {}
  ~Iteration() { frame_.iteration = outer_; }
  Iteration(const Iteration&) = delete;
  Iteration& operator=(const Iteration&) = delete;
  void set(int64_t i) { frame_.iteration = outer_ * 0x9E3779B1u + static_cast<uint32_t>(i) + 1; }

 private:
  Frame& frame_;
  const uint32_t outer_;
};

}  // namespace allot::exec
