// SPDX-License-Identifier: Apache-2.0
// Bytes read and written, and what counts as an alias.
#include <catch2/catch.hpp>
#include <cmath>

#include "cost/one_node.h"

using namespace allot;
using namespace allot::test;
using cluster::OpClass;
using ir::DataType;

namespace {

struct Case {
  OneNode node;
  int64_t read, written;
};

}  // namespace

TEST_CASE("each input is read once and each output written once, unless the operator touches less") {
  const auto i64 = DataType::int64;
  const std::vector<Case> cases{
      {{"Conv", {in({1, 3, 8, 8}), in({4, 3, 3, 3}), in({4})}, {attr("pads", {1, 1, 1, 1})}}, 1216, 1024},
      {{"Add", {in({2, 3}), in({3})}}, 36, 24},
      {{"MatMul", {in({2, 3, 4}), in({2, 4, 5})}}, 256, 120},
      {{"MatMul", {in({3, 4}, DataType::float16), in({4, 5}, DataType::float16)}}, 64, 30},
      {{"com.microsoft.MatMulNBits",
        {in({2, 3, 64}), in({16, 2, 16}, DataType::uint8), in({32})},
        {attr("K", 64), attr("N", 16), attr("bits", 4), attr("block_size", 32)}},
       2176,
       384},
      {{"BatchNormalization", {in({2, 3, 4, 4}), in({3}), in({3}), in({3}), in({3})}}, 432, 384},
      {{"Slice", {in({10, 4}), ints({2}), ints({4})}}, 32 + 16, 32},
      {{"Gather", {in({100, 8}), in({3}, i64)}}, 24 + 96, 96},
      {{"GatherElements", {in({100, 8}), in({2, 8}, i64)}}, 128 + 64, 64},
      {{"GatherND", {in({100, 8}), in({3, 1}, i64)}}, 24 + 96, 96},
      {{"Gather", {in({2, 8}), in({30}, i64)}}, 240 + 64, 960},  // rows repeat: the table once
      {{"Expand", {in({1, 3}), ints({4, 3})}}, 12 + 16, 48},
      {{"ScatterND", {in({8}), in({2, 1}, i64), in({2})}}, 32 + 16 + 8, 32},
      {{"Transpose", {in({2, 3, 4})}, {attr("perm", {0, 2, 1})}}, 96, 96},
      {{"Resize", {in({1, 1, 8, 8}), none(), none(), ints({1, 1, 2, 2})}}, 16 + 32, 16},
      {{"com.microsoft.EmbedLayerNormalization",
        {in({2, 3}, DataType::int32), in({2, 3}, DataType::int32), in({100, 8}), in({50, 8}), in({2, 8}), in({8}),
         in({8})},
        {},
        1},
       24 + 24 + 3 * 192 + 64,
       192},
      {{"com.microsoft.MoE", {in({1, 8}), in({1, 4}), in({4, 16, 8}), none(), in({4, 8, 16})}, {attr("k", 1)}},
       32 + 16 + 1024,
       32},
  };
  for (const auto& [node, read, written] : cases) {
    CAPTURE(node.type, node.inputs[0].dims);
    const auto cost = cost_of(node);
    CHECK(cost.bytes_read == read);
    CHECK(cost.bytes_written == written);
    CHECK(cost.launches == 1);
  }
}

TEST_CASE("a value read twice is read once") {
  ModelBuilder b;
  b.input("x", {2, 3}).node("Mul", {"x", "x"}, {"y"}).output("y");
  CHECK(cost_of_node(b.build(), 0).bytes_read == 24);
}

TEST_CASE("a second pass over the input in training") {
  const auto cost = cost_of(
      {"BatchNormalization", {in({2, 3, 4, 4}), in({3}), in({3}), in({3}), in({3})}, {attr("training_mode", 1)}, 3});
  CHECK(cost.bytes_read == 432 + 384);
}

TEST_CASE("views cost nothing") {
  const std::vector<OneNode> views{
      {"Reshape", {in({2, 6}), ints({3, 4})}},
      {"Flatten", {in({2, 3, 4})}},
      {"Squeeze", {in({2, 1}), ints({1})}},
      {"Unsqueeze", {in({2}), ints({0})}},
      {"Identity", {in({2})}},
      {"Shape", {in({2, 3})}},
      {"Size", {in({2, 3})}},
      {"Cast", {in({2})}, {attr("to", 1)}},
      {"Transpose", {in({2, 1, 3})}, {attr("perm", {1, 0, 2})}},
      {"Transpose", {in({1, 5})}},
      {"Dropout", {in({2, 3})}},
  };
  for (const auto& view : views) {
    CAPTURE(view.type, view.inputs[0].dims);
    const auto cost = cost_of(view);
    CHECK(cluster::name(cost.op_class) == "alias");
    CHECK(cost.mac_flops + cost.vector_ops == 0);
    CHECK(cost.bytes_read + cost.bytes_written == 0);
    CHECK(cost.launches == 0);
  }
  CHECK(cost_of({"Transpose", {in({2, 3})}}).op_class == OpClass::strided);
}

TEST_CASE("dropout works only in training") {
  for (const bool training : {false, true}) {
    ModelBuilder b;
    b.input("x", {2, 3}).floats("ratio", {0.5f}).bool_scalar("training", training);
    b.node("Dropout", {"x", "", "training"}, {"y", "mask"}).output("y");
    CHECK(cost_of_node(b.build(), 0).vector_ops == (training ? 72 : 0));
  }
}

TEST_CASE("large sizes are counted in full") {
  const auto cost = cost_of({"MatMul", {in({1 << 20, 1 << 30}), in({1 << 30, 1 << 20})}});
  CHECK(cost.mac_flops == std::ldexp(1.0, 71));
  CHECK(cost.bytes_read == int64_t{1} << 53);
  CHECK(cost.bytes_written == int64_t{1} << 42);
}
