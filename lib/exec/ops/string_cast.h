// SPDX-License-Identifier: Apache-2.0
// Numbers as text, both ways, as Cast has them.
#pragma once

#include "exec/value.h"

namespace allot::exec {

/// Numbers of texts in plain or scientific notation; INF, +INF, -INF and NaN in any case. The result is int64 or uint64
/// where `to` is an integer, else float64. Errors: malformed, quoting a text that is no number.
at::Tensor parse_numbers(const Strings& strings, ir::DataType to);

/// The shortest texts that read back as the same numbers; booleans as 1 and 0.
Strings spell_numbers(const Value& value);

}  // namespace allot::exec
