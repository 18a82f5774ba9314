// SPDX-License-Identifier: Apache-2.0
// The walk: every node in topological order, its rule applied, the file's own declarations weighed against it.
#pragma once

#include "shape/state.h"

namespace allot::shape {

/// Infers all values of a graph whose inputs and captured values are known. Control-flow rules call it for bodies:
/// they set the types of the body's inputs first. Errors: malformed when graphs nest deeper than 64.
void infer_graph(State& state, ir::GraphId graph);

/// How a body is entered: its contradictions are errors only when it surely runs, and of no interest when it never
/// does.
enum class Entry { certain, possible, never };

/// Infers the body of a node whose rule has set the types of the body's inputs.
void infer_body(State& state, ir::GraphId body, Entry entry);

/// Sets the type of input `i` of a body, completed by what the file declares; ignored when there is no such input.
void set_body_input(State& state, ir::GraphId body, size_t i, ValueType type);

/// Completes the type of a value with what the file declares, or warns where the two disagree.
void reconcile(State& state, ir::ValueId value);

}  // namespace allot::shape
