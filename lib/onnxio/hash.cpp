// SPDX-License-Identifier: Apache-2.0
#include "onnxio/hash.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "onnxio/tensors.h"

namespace allot::onnxio {

std::string hash_without_weights(const ir::Model& model) {
  using Where = ir::Payload::Where;
  const std::string_view file = model.file ? model.file->view() : std::string_view();
  std::vector<ir::Span> weights;
  each_tensor(model, [&](const ir::Tensor& tensor, const auto&) {
    if (tensor.payload.where != Where::raw && tensor.payload.where != Where::typed) return;
    for (const auto& chunk : tensor.payload.chunks) weights.push_back(chunk.span);
  });
  std::sort(weights.begin(), weights.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  base::Sha256 hash;
  uint64_t at = 0;
  for (const auto& span : weights) {
    hash.add(file.substr(at, span.offset - at));
    at = span.offset + span.size;
  }
  hash.add(file.substr(at));
  return hash.hex();
}

}  // namespace allot::onnxio
