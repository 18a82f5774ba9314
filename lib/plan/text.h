// SPDX-License-Identifier: Apache-2.0
// What the placement tools print: tables of methods, totals and operators.
#pragma once

#include <string>

#include "plan/input.h"
#include "plan/placed.h"

namespace allot::plan {

/// "1.23 ms", and where a lower bound is known, "1.23 ms, 4.5 % above the bound".
std::string score_text(const place::Problem& problem, const place::Score& score);

/// Every method with makespan, ratio to the bound, peak memory per device, crossings and evaluations; the chosen one
/// is marked; then bounds and parallelism, and a remark when no placement can gain much.
std::string methods_text(const Input& input, const Placed& placed);

/// Ops, units, arithmetic, parameters, activations, critical path, parallelism.
std::string totals_text(const Input& input);

/// The `count` operator types with the most time on the fastest device.
std::string top_operators_text(const Input& input, size_t count);

/// One object with the schema allot.apply/1: model, chosen method, metrics, methods.
std::string methods_json(const Input& input, const Placed& placed);

/// allot.report/1: totals, and a row an op with its costs on every device.
std::string report_json(const Input& input);
/// The rows alone.
std::string report_csv(const Input& input);

/// Why a node is where it is: its times, its inputs, its schedule, and what moving its unit would cost.
/// Errors: input_missing with the nearest names when no node has that name or output.
std::string explain_text(const Input& input, const Placed& placed, const std::string& node);

}  // namespace allot::plan
