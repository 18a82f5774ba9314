// SPDX-License-Identifier: Apache-2.0
#include "exec/allocator.h"

#include <cstdlib>  // tells whether this is glibc

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace allot::exec {

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kMost = 1 << 30;
  constexpr int kKept = 16 << 20;
  mallopt(M_MMAP_THRESHOLD, kKept);
  mallopt(M_TRIM_THRESHOLD, kMost);
#endif
}

}  // namespace allot::exec
