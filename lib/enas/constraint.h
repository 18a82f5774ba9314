// SPDX-License-Identifier: Apache-2.0
// Bounds on what architectures may choose together, and draws that keep to them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "enas/supergraph.h"

namespace allot::enas {

/// Reads "count(op*, 'avg') + 2*count(op*, 'max') <= 6": a weighted sum of counts, a comparison (<= < >= > ==) and a
/// number. count(V, L) says how often alternatives labelled L are chosen in the variables named V, decisions that take
/// no effect left out; both may hold the wildcards * and ?. Source: specification of enas-search, 5.2.
/// Errors: config, naming `where`, for another text and for a count that no variable or label meets.
Constraint parse_constraint(const std::string& text, const std::vector<Variable>& variables, const std::string& where);

/// Whether `child` keeps all constraints of its space.
bool keeps_constraints(const Supergraph& supergraph, const Child& child);

/// `count` assignments that constraints allow: draw(attempt) gives as many; those that are forbidden are taken from
/// later attempts. Errors: check_failed when a place still has none after 1,000 attempts.
std::vector<Assignment> draw_allowed(const Supergraph& supergraph, size_t count,
                                     const std::function<std::vector<Assignment>(uint32_t attempt)>& draw);
/// What generators of random numbers are keyed with in an attempt of draw_allowed: at first `seed` itself.
uint64_t seed_of_attempt(uint64_t seed, uint32_t attempt);

/// A random assignment that constraints allow: see random_assignment.
Assignment random_allowed(const Supergraph& supergraph, uint64_t seed, uint32_t stream, uint32_t step, uint32_t item);

}  // namespace allot::enas
