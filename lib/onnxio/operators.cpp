// SPDX-License-Identifier: Apache-2.0
#include "onnxio/operators.h"

#include <map>
#include <utility>

#include <onnx/defs/schema.h>

namespace allot::onnxio {

std::vector<StandardOperator> standard_operators() {
  std::map<std::pair<std::string, std::string>, std::map<int64_t, ONNX_NAMESPACE::OpSchema>> schemas;
  for (auto& schema : ONNX_NAMESPACE::OpSchemaRegistry::get_all_schemas_with_history())
    schemas[{schema.domain(), schema.Name()}].emplace(schema.SinceVersion(), schema);
  std::vector<StandardOperator> operators;
  for (const auto& [name, versions] : schemas) {
    StandardOperator& op = operators.emplace_back();
    std::tie(op.domain, op.type) = name;
    for (const auto& [version, schema] : versions) {
      op.versions.push_back(version);
      op.deprecated = schema.Deprecated();
      op.has_body = op.has_body || schema.HasFunction() || schema.HasContextDependentFunction();
    }
  }
  return operators;
}

}  // namespace allot::onnxio
