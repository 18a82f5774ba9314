// SPDX-License-Identifier: Apache-2.0
#include "exec/constant.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include "base/error.h"
#include "exec/load.h"

namespace allot::exec {

Value load_constant(const Site& site) {
  if (site.has("value")) return site.tensor("value");
  if (site.has("value_float")) return at::scalar_tensor(site.float_or("value_float", 0), at::kFloat);
  if (site.has("value_floats")) return at::tensor(site.floats("value_floats"), at::kFloat);
  if (site.has("value_int")) return at::scalar_tensor(site.int_or("value_int", 0), at::kLong);
  if (site.has("value_ints")) return at::tensor(site.ints("value_ints"), at::kLong);
  if (site.has("value_string")) return Value(Strings{{std::string(site.string_or("value_string", ""))}, {}});
  if (const ir::Attribute* list = site.node().find("value_strings"))
    return Value(Strings{{list->strings.begin(), list->strings.end()}, {static_cast<int64_t>(list->strings.size())}});
  if (const ir::Attribute* sparse = site.node().find("sparse_value"); sparse && !sparse->sparse_tensors.empty())
    return load(site.model(), sparse->sparse_tensors[0]);
  throw base::Error(base::ErrorKind::malformed, "", "it holds no value", "export the model again");
}

}  // namespace allot::exec
