// SPDX-License-Identifier: Apache-2.0
// Each pattern in the form exporters write it, and what keeps it from being fused.
#include "graph/fusion.h"

#include <catch2/catch.hpp>
#include <map>

#include "graph/build.h"
#include "support/model_builder.h"

using namespace allot;
using test::attr;
using test::ModelBuilder;

namespace {

/// Kernel -> the names of its group's ops, main first; nodes are named by their first output.
using Kernels = std::multimap<std::string, std::vector<std::string>>;

Kernels kernels(ModelBuilder& builder) {
  for (auto& node : builder.graph().nodes)
    if (node.name.empty()) node.name = node.outputs[0];
  const ir::Model model = builder.build();
  const auto planning = graph::prepare(model, {});
  const auto built = graph::build(planning, {.colocation = graph::BuildOptions::Colocation::none, .fuse = true});
  Kernels result;
  for (graph::OpId op = 0; op < built.graph.num_ops(); ++op) {
    if (built.fusion.main_of[op] != op) {
      CHECK(built.fusion.kernel[op].empty());
      CHECK(built.graph.unit_of[op] == built.graph.unit_of[built.fusion.main_of[op]]);
      continue;
    }
    std::vector<std::string> names{std::string(built.graph.op_names[op])};
    for (graph::OpId member = 0; member < built.graph.num_ops(); ++member)
      if (member != op && built.fusion.main_of[member] == op) names.emplace_back(built.graph.op_names[member]);
    result.emplace(built.fusion.kernel[op], names);
  }
  return result;
}

ModelBuilder convolution() {
  ModelBuilder b;
  b.input("x", {1, 16, 8, 8}).weight("w", {16, 16, 3, 3}).weight("c", {16, 1, 1}).weight("one", {1});
  for (const char* name : {"scale", "bias", "mean", "var"}) b.weight(name, {16});
  b.node("Conv", {"x", "w"}, {"y"}, {attr("pads", {1, 1, 1, 1})});
  return b;
}

}  // namespace

TEST_CASE("a convolution takes normalisation, factors of channels and one activation") {
  auto b = convolution();
  b.node("BatchNormalization", {"y", "scale", "bias", "mean", "var"}, {"n"}).node("Mul", {"n", "c"}, {"m"});
  b.node("Add", {"m", "c"}, {"a"}).node("Relu", {"a"}, {"r"}).node("Relu", {"r"}, {"s"}).output("s");
  CHECK(kernels(b) == Kernels{{"com.microsoft.FusedConv", {"y", "n", "m", "a", "r"}}, {"Relu", {"s"}}});
}

TEST_CASE("a factor that is not one a channel, or a value read twice, stays") {
  auto b = convolution();
  b.node("Mul", {"y", "one"}, {"m"}).node("Relu", {"m"}, {"r"}).output("r");
  CHECK(kernels(b) == Kernels{{"Conv", {"y"}}, {"Mul", {"m"}}, {"Relu", {"r"}}});
  b = convolution();
  b.node("Relu", {"y"}, {"r"}).output("r").output("y");
  CHECK(kernels(b) == Kernels{{"Conv", {"y"}}, {"Relu", {"r"}}});
}

TEST_CASE("a residual sum joins the last of two convolutions that the blocked layout fits") {
  for (const int64_t channels : {16, 12}) {
    ModelBuilder b;
    b.input("x", {1, channels, 8, 8}).weight("w", {channels, channels, 1, 1}).weight("v", {channels, channels, 1, 1});
    b.node("Conv", {"x", "w"}, {"p"}).node("Conv", {"p", "v"}, {"q"});
    b.node("Add", {"q", "p"}, {"s"}).node("Relu", {"s"}, {"r"}).output("r");
    const auto found = kernels(b);
    if (channels == 16)
      CHECK(found == Kernels{{"Conv", {"p"}}, {"com.microsoft.FusedConv", {"q", "s", "r"}}});
    else
      CHECK(found.size() == 4);
  }
}

TEST_CASE("products take bias, activation, scales and transposed inputs") {
  ModelBuilder b;
  b.input("x", {4, 8}).weight("w", {8, 6}).weight("b", {6});
  b.node("MatMul", {"x", "w"}, {"m"}).node("Add", {"m", "b"}, {"g"}).node("Tanh", {"g"}, {"t"}).output("t");
  CHECK(kernels(b) == Kernels{{"com.microsoft.FusedGemm", {"m", "g", "t"}}});
  ModelBuilder scaled;
  scaled.input("q", {2, 4, 8}).input("k", {2, 4, 8}).floats("s", {0.5f});
  scaled.node("Mul", {"q", "s"}, {"qs"}).node("Transpose", {"k"}, {"kt"}, {attr("perm", {0, 2, 1})});
  scaled.node("MatMul", {"qs", "kt"}, {"m"}).node("Div", {"m", "s"}, {"d"}).output("d");
  CHECK(kernels(scaled) == Kernels{{"com.microsoft.FusedMatMul", {"m", "qs", "kt", "d"}}});
  ModelBuilder cube;
  cube.input("x", {2, 4, 8}).weight("w", {8, 6}).weight("b", {6});
  cube.node("MatMul", {"x", "w"}, {"m"}).node("Add", {"m", "b"}, {"g"}).output("g");
  CHECK(kernels(cube).size() == 2);  // no Gemm on three dimensions
}

TEST_CASE("layer normalisation spelled out, with the sum and bias in front of it") {
  ModelBuilder b;
  b.input("u", {2, 4, 8}).input("v", {2, 4, 8}).weight("vb", {8}).weight("g", {8}).weight("h", {8}).floats("two", {2});
  b.floats("eps", {1e-5f});
  b.node("Add", {"v", "vb"}, {"biased"}).node("Add", {"u", "biased"}, {"x"});
  b.node("ReduceMean", {"x"}, {"mean"}, {attr("axes", {-1})}).node("Sub", {"x", "mean"}, {"sub"});
  b.node("Pow", {"sub", "two"}, {"pow"}).node("ReduceMean", {"pow"}, {"var"}, {attr("axes", {-1})});
  b.node("Add", {"var", "eps"}, {"shift"}).node("Sqrt", {"shift"}, {"root"}).node("Div", {"sub", "root"}, {"div"});
  b.node("Mul", {"div", "g"}, {"mul"}).node("Add", {"mul", "h"}, {"out"}).output("out");
  const auto found = kernels(b);
  REQUIRE(found.size() == 1);
  CHECK(found.begin()->first == "com.microsoft.SkipLayerNormalization");
  CHECK(found.begin()->second.size() == 11);
  CHECK(found.begin()->second[0] == "div");
}

TEST_CASE("a sum that somebody else reads stays in front of its norm") {
  ModelBuilder b;
  b.input("u", {2, 4, 8}).input("v", {2, 4, 8}).weight("g", {8});
  b.node("Add", {"u", "v"}, {"x"}).node("LayerNormalization", {"x", "g"}, {"n"}).output("n");
  b.node("Neg", {"x"}, {"other"}).output("other");
  CHECK(kernels(b).count("LayerNormalization") == 1);
}

TEST_CASE("Gelu by erf, by tanh, by sigmoid; its bias") {
  ModelBuilder erf;
  erf.input("in", {2, 4, 8}).weight("b", {8}).floats("c", {1.4142f}).floats("one", {1}).floats("half", {0.5f});
  erf.node("Add", {"in", "b"}, {"x"}).node("Div", {"x", "c"}, {"d"}).node("Erf", {"d"}, {"e"});
  erf.node("Add", {"e", "one"}, {"s"}).node("Mul", {"x", "s"}, {"p"}).node("Mul", {"p", "half"}, {"y"}).output("y");
  CHECK(kernels(erf) == Kernels{{"com.microsoft.BiasGelu", {"e", "x", "d", "s", "p", "y"}}});
  ModelBuilder tanh;
  tanh.input("x", {2, 4, 8}).floats("c", {0.8f}).floats("k", {0.04f}).floats("three", {3}).floats("one", {1});
  tanh.node("Pow", {"x", "three"}, {"cube"}).node("Mul", {"cube", "k"}, {"kc"}).node("Add", {"x", "kc"}, {"in"});
  tanh.node("Mul", {"in", "c"}, {"arg"}).node("Tanh", {"arg"}, {"t"}).node("Add", {"t", "one"}, {"s"});
  tanh.node("Mul", {"x", "k"}, {"half"}).node("Mul", {"half", "s"}, {"y"}).output("y");
  const auto found = kernels(tanh);
  REQUIRE(found.size() == 1);
  CHECK(found.begin()->first == "com.microsoft.FastGelu");
  ModelBuilder sigmoid;
  sigmoid.input("x", {4}).node("Sigmoid", {"x"}, {"s"}).node("Mul", {"x", "s"}, {"y"}).output("y");
  CHECK(kernels(sigmoid) == Kernels{{"com.microsoft.QuickGelu", {"s", "y"}}});
}

TEST_CASE("what does nothing belongs to its producer, or to its reader after a graph input") {
  ModelBuilder b;
  b.input("x", {4}).node("Identity", {"x"}, {"i"}).node("Relu", {"i"}, {"r"}).node("Dropout", {"r"}, {"d", "mask"});
  b.node("Cast", {"d"}, {"c"}, {attr("to", 1)}).node("Neg", {"c"}, {"n"}).node("Exp", {"c"}, {"e"});
  b.output("n").output("e");
  CHECK(kernels(b) == Kernels{{"Relu", {"r", "i", "d", "c"}}, {"Neg", {"n"}}, {"Exp", {"e"}}});
}

TEST_CASE("an op between quantized values is one kernel on integers") {
  ModelBuilder b;
  b.input("x", {1, 3, 8, 8}, ir::DataType::uint8).weight("w", {4, 3, 3, 3}, ir::DataType::int8).floats("s", {0.1f});
  b.weight("z", {}, ir::DataType::uint8).weight("zw", {}, ir::DataType::int8);
  b.node("DequantizeLinear", {"x", "s", "z"}, {"xf"}).node("DequantizeLinear", {"w", "s", "zw"}, {"wf"});
  b.node("Conv", {"xf", "wf"}, {"y"}).node("QuantizeLinear", {"y", "s", "z"}, {"q"}).output("q");
  CHECK(kernels(b) == Kernels{{"com.microsoft.QLinearConv", {"y", "xf", "q"}}});
}

TEST_CASE("a Reshape to sizes of its own data knows them; to those of other data it has to wait") {
  const auto reshaped = [](const std::string& measured) {
    ModelBuilder b;
    b.input("x", {2, 3, 4}).input("y", {2, 5}).ints("first", {0}).ints("rest", {-1});
    b.node("Relu", {"x"}, {"data"}).node("Shape", {measured}, {"sizes"}).node("Gather", {"sizes", "first"}, {"batch"});
    b.node("Cast", {"batch"}, {"whole"}, {attr("to", 7)})
        .node("Concat", {"whole", "rest"}, {"shape"}, {attr("axis", 0)});
    b.node("Reshape", {"data", "shape"}, {"r"}).output("r");
    return b;
  };
  auto own = reshaped("data"), other = reshaped("y");
  const Kernels known = kernels(own), apart = kernels(other);
  CHECK(known == Kernels{{"Relu", {"data"}}, {"Reshape", {"r", "sizes", "batch", "whole", "shape"}}});
  CHECK(apart.count("Reshape") == 1);
  CHECK(apart.find("Reshape")->second == std::vector<std::string>{"r"});
  CHECK(apart.count("Concat") == 1);
}
