// SPDX-License-Identifier: Apache-2.0
#include "exec/ties.h"

#include <map>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/sum.h>

#include "exec/load.h"
#include "exec/weights.h"

namespace allot::exec {
namespace {

// Alike in a matrix and its transpose, whatever the bits mean: the sum of all elements' bits.
int64_t fingerprint(const at::Tensor& matrix) {
  const auto bits = c10::elementSize(matrix.scalar_type()) == 8   ? at::kLong
                    : c10::elementSize(matrix.scalar_type()) == 4 ? at::kInt
                                                                  : at::kShort;
  return matrix.view(bits).sum(at::kLong).item<int64_t>();
}

bool is_one_number(const at::Tensor& matrix) { return at::equal(matrix, matrix.flatten()[0].expand(matrix.sizes())); }

}  // namespace

void find_ties(const ir::Model& model, const ir::Values& values, std::vector<Weight>& weights) {
  using Key = std::tuple<ir::DataType, int64_t, int64_t>;  // type, elements, fingerprint
  std::map<Key, std::vector<uint32_t>> alike;
  for (uint32_t i = 0; i < weights.size(); ++i) {
    Weight& weight = weights[i];
    if (!weight.trained || weight.dims.size() != 2 || ir::bits(weight.type) < 16) continue;
    const at::Tensor matrix = load(model, *stored_tensor(values, weight.value)).tensor();
    if (matrix.numel() < 2 || is_one_number(matrix)) continue;
    auto& candidates = alike[{weight.type, matrix.numel(), fingerprint(matrix)}];
    for (const uint32_t c : candidates) {
      const at::Tensor other = load(model, *stored_tensor(values, weights[c].value)).tensor();
      weight.transposed = !other.sizes().equals(matrix.sizes()) || !at::equal(other, matrix);
      if (weight.transposed && !(other.t().sizes().equals(matrix.sizes()) && at::equal(other.t(), matrix))) {
        weight.transposed = false;
        continue;
      }
      weight.tied_to = c;
      break;
    }
    if (weight.tied_to == ir::kNone) candidates.push_back(i);
  }
}

}  // namespace allot::exec
