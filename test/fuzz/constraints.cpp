// SPDX-License-Identifier: Apache-2.0
// A constraints file.
#include "cluster/constraints.h"

#include "fuzz/target.h"

void allot::fuzz::parse(std::string_view bytes) { cluster::load_constraints(MemoryFile(bytes).path()); }
