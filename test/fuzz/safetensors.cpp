// SPDX-License-Identifier: Apache-2.0
// A safetensors file: every tensor lies inside it and has the size that its shape says.
#include "base/safetensors.h"

#include "fuzz/target.h"

void allot::fuzz::parse(std::string_view bytes) {
  const auto file = base::read_safetensors(MemoryFile(bytes).path());
  for (const auto& [name, tensor] : file.tensors) {
    size_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= static_cast<size_t>(size);
    ALLOT_ASSERT(tensor.data.size() == elements * base::safetensors_dtype_bytes(tensor.dtype));
    const auto* const whole = reinterpret_cast<const std::byte*>(file.file->data());
    ALLOT_ASSERT(tensor.data.data() >= whole && tensor.data.data() + tensor.data.size() <= whole + file.file->size());
  }
}
