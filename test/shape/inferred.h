// SPDX-License-Identifier: Apache-2.0
// A whole model with its inference, by name.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/values.h"
#include "shape/infer.h"
#include "support/model_builder.h"

namespace allot::test {

using Dims = std::vector<int64_t>;

struct Inferred {
  ir::Model model;
  ir::Values values;
  shape::Result result;

  explicit Inferred(ir::Model m, const shape::Bindings& bindings = {})
      : model(std::move(m)), values(ir::resolve(model)), result(shape::infer(model, values, bindings)) {}

  const shape::ValueType& type(const std::string& name) const { return result.types[values.find(name)]; }
  const Dims& dims(const std::string& name) const { return type(name).dims; }
  std::vector<double> content(const std::string& name) const { return result.content[values.find(name)].data; }
  bool constant(const std::string& name) const { return result.constant[values.find(name)] != 0; }
  /// Of a value in any graph.
  bool constant_inner(const std::string& name) const {
    for (ir::ValueId v = 0; v < values.values.size(); ++v)
      if (values.values[v].name == name) return result.constant[v] != 0;
    return false;
  }
};

}  // namespace allot::test
