// SPDX-License-Identifier: Apache-2.0
// Profiles as ONNX Runtime writes them, and back to the ops of a model.
#include "cost/profile.h"

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "cost/match_profile.h"
#include "support/op_graph_builder.h"

using namespace allot;

namespace {

/// A profile whose runs follow one another, each made of the nodes that are added to it.
class ProfileText {
 public:
  void run(const std::vector<std::tuple<std::string, std::string, int>>& nodes, const char* provider = "CPU") {
    const int start = now_;
    for (const auto& [name, type, us] : nodes) {
      add("Node", name + "_kernel_time", now_, us,
          fmt::format(R"({{"op_name":"{}","provider":"{}","output_size":"64"}})", type, provider));
      now_ += us;
    }
    add("Session", "SequentialExecutor::Execute", start, now_ - start);
    add("Session", "model_run", start, now_ - start);
    now_ += 100;
  }
  void inner(const std::string& name, int ts, int us) {
    add("Node", name + "_kernel_time", ts, us, R"({"op_name":"Add","provider":"CPU"})");
  }
  void plain(int us) { add("Session", "plain_run", 0, us); }
  void kernel(const std::string& name, int us) { add("Api", name, 0, us); }
  cost::Profile parse() const { return cost::parse_profile("[" + text_ + "]", "p.json"); }

 private:
  void add(const char* category, const std::string& name, int ts, int us, const std::string& args = "{}") {
    text_ += fmt::format(R"({}{{"cat":"{}","name":"{}","ts":{},"dur":{},"ph":"X","args":{}}})",
                         text_.empty() ? "" : ",", category, name, ts, us, args);
  }
  std::string text_;
  int now_ = 0;
};

}  // namespace

TEST_CASE("the first run does not count, nor the slower half of the others, node by node") {
  ProfileText text;
  text.run({{"a", "Conv", 900}, {"b", "Relu", 900}});
  for (const auto& [a, b] : {std::pair(10, 7), {12, 1}, {50, 2}, {11, 30}})
    text.run({{"a", "Conv", a}, {"b", "Relu", b}});
  const auto profile = text.parse();
  CHECK(profile.runs == 5);
  REQUIRE(profile.nodes.size() == 2);
  CHECK(profile.nodes[0].name == "a");
  CHECK(profile.nodes[0].type == "Conv");
  CHECK(profile.nodes[0].us() == 10.5);  // of 10, 11, 12, 50
  CHECK(profile.nodes[1].us() == 1.5);   // of 1, 2, 7, 30: microseconds in whole numbers average out
  CHECK(profile.nodes[0].bytes == 64);
  CHECK(profile.run_us == 15);  // of 13, 17, 41, 52
}

TEST_CASE("what a run takes without profiling tells what profiling costs a node") {
  ProfileText text;
  for (int i = 0; i < 3; ++i) text.run({{"a", "Conv", 100}, {"b", "Relu", 4}, {"c", "Shape", 2}});
  text.plain(97);
  auto profile = text.parse();
  cost::take_off_profiling(std::vector{&profile});
  CHECK(profile.nodes[0].us() == Approx(97 * 97 / 98.2));  // each is 3 shorter, but a node takes a tenth at least
  CHECK(profile.nodes[1].us() == Approx(1 * 97 / 98.2));
  CHECK(profile.nodes[2].us() == Approx(0.2 * 97 / 98.2));
}

TEST_CASE("profiles agree on what profiling costs, the one with most nodes a microsecond first") {
  ProfileText short_text, long_text, unknown_text;
  for (int i = 0; i < 3; ++i) {
    short_text.run({{"a", "Conv", 12}, {"b", "Relu", 12}});
    long_text.run({{"a", "Conv", 9'000}, {"b", "Relu", 1'000}});  // quicker than without profiling: noise
    unknown_text.run({{"a", "Conv", 12}});
  }
  short_text.plain(20);
  long_text.plain(10'100);
  auto brief = short_text.parse(), lengthy = long_text.parse(), unknown = unknown_text.parse();
  cost::take_off_profiling(std::vector{&brief, &lengthy, &unknown});
  CHECK(brief.nodes[0].us() == Approx(10));
  CHECK(lengthy.nodes[0].us() + lengthy.nodes[1].us() == Approx(10'100));
  CHECK(lengthy.nodes[0].us() / lengthy.nodes[1].us() == Approx(8'998.0 / 998).epsilon(1e-4));
  CHECK(unknown.nodes[0].us() == 12);
}

TEST_CASE("nodes inside control flow count in their owner") {
  ProfileText text;
  for (const int start : {0, 140, 280}) {
    text.inner("body", start + 5, 20);
    text.run({{"branch", "If", 30}, {"after", "Add", 10}});
  }
  const auto profile = text.parse();
  REQUIRE(profile.nodes.size() == 2);
  CHECK(profile.nodes[0].us() == 30);
}

TEST_CASE("kernels that a device reports replace the time of their launches") {
  ProfileText text;
  for (int i = 0; i < 3; ++i) text.run({{"a", "Conv", 5}, {"b", "Add", 6}}, "WebGpuExecutionProvider");
  for (int i = 0; i < 3; ++i) {
    text.kernel("a&Conv&Transpose", 100);
    text.kernel("a&Conv&MatMul", 300 + i);
  }
  const auto profile = text.parse();
  CHECK(profile.nodes[0].host_us == 5);
  CHECK(profile.nodes[0].us() == 401);
  CHECK(profile.nodes[1].device_us == -1);
  CHECK(profile.nodes[1].us() == 6);
}

TEST_CASE("what is no profile is refused") {
  CHECK_THROWS_WITH(cost::parse_profile("{}", "p.json"), Catch::Contains("no profile"));
  CHECK_THROWS_WITH(cost::parse_profile("[1, {\"cat\": 3}]", "p.json"), Catch::Contains("holds 0 run(s)"));
  CHECK_THROWS_AS(cost::parse_profile("[", "p.json"), base::Error);
  ProfileText once;
  once.run({{"a", "Conv", 5}});
  CHECK_THROWS_WITH(once.parse(), Catch::Contains("holds 1 run(s)"));
}

TEST_CASE("nodes of a profile find their ops by name, by kernel and by neighbourhood") {
  test::OpGraphBuilder builder;
  std::vector<uint32_t> last;
  for (const char* name : {"conv", "relu", "sum", "norm", "dense", "bias"}) {
    last = {builder.op(last)};
    builder.name(name);
  }
  const auto graph = builder.build();  // the value of op i is called t<i>
  graph::Fusion fusion;
  fusion.main_of = {0, 0, 3, 3, 4, 4};
  fusion.kernel = {"com.microsoft.FusedConv", "", "", "com.microsoft.SkipLayerNormalization", "Gemm", ""};
  ProfileText text;
  for (int i = 0; i < 3; ++i)
    text.run({{"ReorderInput_token_3", "ReorderInput", 1},
              {"t1_nchwc", "Conv", 20},
              {"ReorderOutput", "ReorderOutput", 2},
              {"SkipLayerNormalization_token_9", "SkipLayerNormalization", 30},
              {"copy", "MemcpyToHost", 500},
              {"dense/MatMulAddFusion", "Gemm", 40}});
  const auto measured = cost::match_profile(text.parse(), graph, fusion);
  CHECK(measured.us == std::vector<double>{23, 0, 0, 30, 40, 0});
  CHECK(measured.nodes == 5);
  CHECK(measured.by_name == 2);
  CHECK(measured.us_by_name == 60);
  CHECK(measured.us_in_all == 93);
  REQUIRE(measured.copies.size() == 1);
  CHECK(measured.copies[0].us() == 500);
}

TEST_CASE("factors a channel that became blocked convolutions are found by their values") {
  test::OpGraphBuilder builder;
  builder.op({builder.op({})});
  const auto graph = builder.build();  // values t0 and t1
  const graph::Fusion apart{.main_of = {0, 1}, .kernel = {"BatchNormalization", "Mul"}};
  ProfileText text;
  for (int i = 0; i < 2; ++i) text.run({{"t0_bn_nchwc", "Conv", 4}, {"t1_mul_nchwc", "Conv", 5}});
  CHECK(cost::match_profile(text.parse(), graph, apart).us == std::vector<double>{4, 5});
}

TEST_CASE("an op that no node belongs to is not measured") {
  test::OpGraphBuilder builder;
  builder.op({});
  builder.name("kept");
  builder.op({});
  builder.name("gone");
  const auto graph = builder.build();
  const graph::Fusion apart{.main_of = {0, 1}, .kernel = {"Add", "Shape"}};
  ProfileText text;
  for (int i = 0; i < 2; ++i) text.run({{"fused kept", "Add", 4}});
  CHECK(cost::match_profile(text.parse(), graph, apart).us == std::vector<double>{4, -1});
}
