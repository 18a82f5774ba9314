// SPDX-License-Identifier: Apache-2.0
// How many threads compute.
#pragma once

namespace allot::nn {

/// From now on torch's kernels run on the calling thread alone, so that results do not depend on how many there are.
void compute_alone();

}  // namespace allot::nn
