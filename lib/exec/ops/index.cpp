// SPDX-License-Identifier: Apache-2.0
#include "exec/ops/index.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>

#include "exec/check.h"

namespace allot::exec {

at::Tensor front_index(const at::Tensor& index, int64_t size) {
  const at::Tensor wide = index.to(at::kLong);
  if (!wide.is_cpu()) return at::where(wide < 0, wide + size, wide);
  const at::Tensor host = wide.contiguous();
  int64_t low = 0, high = -1;
  const int64_t* data = host.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < host.numel(); ++i) {
    low = std::min(low, data[i]);
    high = std::max(high, data[i]);
  }
  if (low < -size || high >= size)
    malformed("index {} is out of range for a dimension of {}", low < -size ? low : high, size);
  return low < 0 ? at::where(host < 0, host + size, host) : host;
}

}  // namespace allot::exec
