// SPDX-License-Identifier: Apache-2.0
// The operators that ONNX knows against the table of rules.
#include <set>

#include <onnx/defs/schema.h>
#include <catch2/catch.hpp>

#include "shape/registry.h"

TEST_CASE("every operator of ONNX has a rule") {
  const std::set<std::string> without_tensors = {"CastMap", "DictVectorizer"};  // from maps of unknown size
  size_t operators = 0;
  for (const auto& schema : ONNX_NAMESPACE::OpSchemaRegistry::get_all_schemas_with_history()) {
    INFO(schema.domain() << " " << schema.Name());
    ++operators;
    CHECK((allot::shape::find_rule(schema.domain(), schema.Name()) != nullptr) !=
          (without_tensors.count(schema.Name()) > 0));
  }
  CHECK(operators > 500);
}
