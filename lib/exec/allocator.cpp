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
  constexpr int kMostMmapThreshold = 32 << 20;  // more is refused
  mallopt(M_MMAP_THRESHOLD, kMostMmapThreshold);
  mallopt(M_TRIM_THRESHOLD, kMost);
#endif
}

}  // namespace allot::exec
