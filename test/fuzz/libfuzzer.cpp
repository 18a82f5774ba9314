// SPDX-License-Identifier: Apache-2.0
// Hands a target to libFuzzer, whose entry point this is.
#include "fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  allot::fuzz::attempt({reinterpret_cast<const char*>(data), size});
  return 0;
}
