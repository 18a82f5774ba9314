// SPDX-License-Identifier: Apache-2.0
#include "nn/threads.h"

#include <ATen/Parallel.h>

namespace allot::nn {

void compute_alone() {
  at::get_num_threads();  // the first call sets up a default, which must not come later
  at::set_num_threads(1);
}

}  // namespace allot::nn
