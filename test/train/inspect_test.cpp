// SPDX-License-Identifier: Apache-2.0
#include "train/inspect.h"

#include <memory>

#include <catch2/catch.hpp>

#include "small_nets.h"

using namespace allot;

namespace {

train::Network network(ir::Model model, train::NetworkOptions options = {}) {
  return train::Network(std::make_shared<const ir::Model>(std::move(model)), std::move(options));
}

bool any_has(const std::vector<std::string>& lines, const std::string& part) {
  for (const std::string& line : lines)
    if (line.find(part) != line.npos) return true;
  return false;
}

}  // namespace

TEST_CASE("a table shows every weight with its decision") {
  const auto net = network(test::conv_net(4), {.freeze = {"head.b"}});
  const auto table = train::weight_table(net);
  REQUIRE(table.rows.size() == 8);
  const auto row = [&](const std::string& name) {
    for (const auto& each : table.rows)
      if (each[0] == name) return each;
    return std::vector<std::string>{};
  };
  using Row = std::vector<std::string>;
  CHECK(row("conv.w") == Row{"conv.w", "float32[4,2,3,3]", "Conv W", "yes", "yes", "a parameter of the operator"});
  CHECK(row("bn.scale")[4] == "no");
  CHECK(row("bn.mean")[5] == "a running statistic");
  CHECK(row("head.b")[3] == "no");
  CHECK(train::trained_numbers(net) == 72 + 8 + 48);
}

TEST_CASE("what a user should know is told") {
  const auto mlp = train::notices(network(test::mlp({3, 5, 4})));
  REQUIRE(mlp.size() == 1);
  CHECK(mlp[0] == "the loss takes 'Gemm_2', before Softmax");
  CHECK(any_has(train::notices(network(test::conv_net(4))), "exported for batches of 4; any size is taken now: input"));

  test::NetBuilder folded(1);
  ir::Str value = folded.input("x", ir::DataType::float32, {-1, 2, 4, 4});
  for (const char* name : {"a", "b", "c"})
    value = folded.add("Conv", {value, folded.weight(std::string(name) + ".w", {2, 2, 1, 1}, 1),
                                folded.weight(std::string(name) + ".b", {2}, 1)});
  folded.output(value, ir::DataType::float32, {-1, 2, 4, 4});
  CHECK(any_has(train::notices(network(folded.finish())), "the export folded it"));
}

TEST_CASE("a graph that mixes the batch up is noticed") {
  test::NetBuilder net(1);
  const ir::Str x = net.input("x", ir::DataType::float32, {-1, 4});
  const ir::Str rows = net.add("Reshape", {x, net.ints({-1, 8})});
  net.output(net.add("MatMul", {rows, net.weight("w", {8, 2}, 1)}), ir::DataType::float32, {-1, 2});
  CHECK(any_has(train::notices(network(net.finish())), "a batch of 2 gives logits float32[1,2]"));
}
