// SPDX-License-Identifier: Apache-2.0
// Whether two runs gave the same.
#pragma once

#include <string>
#include <vector>

#include "exec/value.h"
#include "measure/messages.h"

namespace allot::run {

/// A value to compare, and how messages call it.
struct Named {
  std::string name;
  exec::Value value;
};

/// Sequences are compared by element. Ok: the same types and shapes, integers and strings equal, floats within
/// `tolerance` of the largest magnitude of the wanted value (not-a-number and infinities in the same places).
measure::Check compare(const std::vector<Named>& wanted, const std::vector<Named>& given, double tolerance);

}  // namespace allot::run
