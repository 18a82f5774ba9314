// SPDX-License-Identifier: Apache-2.0
#include "onnxio/function_body.h"

#include <algorithm>

#include <catch2/catch.hpp>

#include "ir/builder.h"
#include "ir/payload.h"

using namespace allot;

namespace {

ir::Node node(ir::Str type, std::vector<ir::Str> inputs) {
  ir::Node node;
  node.op_type = type;
  node.inputs = std::move(inputs);
  node.outputs = {"y"};
  return node;
}

std::vector<std::string> operators(const ir::Function& function) {
  std::vector<std::string> types;
  for (const auto& node : function.nodes) types.emplace_back(node.op_type);
  return types;
}

int64_t import_of(const ir::Function& function) {
  REQUIRE(function.opset_imports.size() == 1);
  return function.opset_imports[0].version;
}

const std::vector<ir::Type> kFloat = {ir::tensor_type(ir::DataType::float32, {2})};

}  // namespace

TEST_CASE("function body: the one for the model's opset, with the opset that it is written for") {
  ir::Model model;
  const auto old = onnxio::function_body(model, node("Softmax", {"x"}), 14, kFloat);
  const auto recent = onnxio::function_body(model, node("Softmax", {"x"}), 22, kFloat);
  REQUIRE(old);
  REQUIRE(recent);
  CHECK(import_of(*old) == 13);
  CHECK(import_of(*recent) == 18);
  const auto has_axes_attribute = [](const ir::Function& function) {
    return std::any_of(function.nodes.begin(), function.nodes.end(),
                       [](const ir::Node& n) { return n.op_type == "ReduceMax" && n.find("axes"); });
  };
  CHECK(has_axes_attribute(*old));
  CHECK_FALSE(has_axes_attribute(*recent));  // axes of reductions became inputs
  // Defined by others only since opset 18: that body serves before, too, since it names its own opset.
  const auto elu = onnxio::function_body(model, node("Elu", {"x"}), 10, kFloat);
  REQUIRE(elu);
  CHECK(import_of(*elu) == 18);
}

TEST_CASE("function body: attributes that a node may leave out have defaults, constants their elements") {
  ir::Model model;
  const auto elu = onnxio::function_body(model, node("Elu", {"x"}), 22, kFloat);
  REQUIRE(elu);
  REQUIRE(elu->attribute_defaults.size() == 1);
  CHECK(elu->attribute_defaults[0].name == "alpha");
  CHECK(elu->attribute_defaults[0].f == 1.f);

  const auto swish = onnxio::function_body(model, node("HardSwish", {"x"}), 14, kFloat);
  REQUIRE(swish);
  CHECK(operators(*swish) == std::vector<std::string>{"HardSigmoid", "Mul"});

  const auto window = onnxio::function_body(model, node("HannWindow", {"n"}), 17, {});
  REQUIRE(window);
  const ir::Attribute* value = nullptr;
  for (const auto& inner : window->nodes)
    if (inner.is("Constant") && inner.find("value")) value = inner.find("value");
  REQUIRE(value);
  CHECK(ir::read_doubles(model, value->tensors.at(0), 1).has_value());
}

TEST_CASE("function body: none for operators without one, and none while its types are unknown") {
  ir::Model model;
  CHECK_FALSE(onnxio::function_body(model, node("Conv", {"x", "w"}), 21, {}));
  CHECK_FALSE(onnxio::function_body(model, node("NoSuchOperator", {"x"}), 21, {}));
  CHECK_FALSE(onnxio::function_body(model, node("CastLike", {"x", "t"}), 21, {ir::Type{}, ir::Type{}}));
  CHECK(onnxio::function_body(model, node("CastLike", {"x", "t"}), 21, {kFloat[0], kFloat[0]}));
}
