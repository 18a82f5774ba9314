// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "dist/ranks.h"

namespace allot::dist {

/// MPI's world. Call once. Errors: unavailable in a build without MPI.
std::unique_ptr<Ranks> join_mpi();

}  // namespace allot::dist
