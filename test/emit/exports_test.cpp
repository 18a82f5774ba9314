// SPDX-License-Identifier: Apache-2.0
#include "emit/exports.h"

#include <rapidcheck.h>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "emit/name_rules.h"
#include "support/model_builder.h"
#include "support/simple_cluster.h"

using namespace allot;
using namespace allot::emit;

namespace {

using Names = std::vector<std::string>;
using Groups = std::vector<uint32_t>;

/// The slow way: every rule is tried, the longest that fits counts.
uint32_t match(const std::vector<NameRule>& rules, const std::string& name, bool anywhere) {
  const NameRule* best = nullptr;
  for (const auto& rule : rules) {
    const size_t at = name.find(rule.pattern);
    const bool fits = anywhere ? at != name.npos : at == 0;
    if (fits && (!best || rule.pattern.size() > best->pattern.size())) best = &rule;
  }
  return best ? best->group : ~uint32_t{0};
}

/// A chain of named ops on devices d0 (cpu) and d1.
struct Placed {
  ir::Model model;
  cluster::Cluster cluster = test::simple_cluster();
  std::vector<cluster::DeviceId> devices;

  Placed(const Names& names, std::vector<cluster::DeviceId> placement) : devices(std::move(placement)) {
    test::ModelBuilder b;
    b.input("v0", {4});
    for (size_t i = 0; i < names.size(); ++i)
      b.node("Relu", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)}, {}, names[i]);
    b.output("v" + std::to_string(names.size()));
    model = b.build();
    cluster.devices[0].ort = {"cpu", "CPUExecutionProvider", {}};
    cluster.devices[1].ort = {"cuda", "CUDAExecutionProvider", {{"device_id", "0"}}};
    cluster.devices[1].kind = "cuda";
  }
  nlohmann::json json(const char* kind) const { return nlohmann::json::parse(text(kind)); }
  std::string text(const char* kind) const { return find_export(kind).write({model, cluster, devices, "out/p.onnx"}); }
};

}  // namespace

TEST_CASE("a block of layers takes one rule") {
  const Names names = {"/net/0/conv", "/net/0/relu", "/net/1/conv", "/net/1/relu", "/head/out"};
  CHECK(prefix_rules(names, {0, 0, 1, 1, 1}, '/') == std::vector<NameRule>{{"/head", 1}, {"/net", 0}, {"/net/1", 1}});
}

TEST_CASE("rules give every name its group") {
  const bool holds = rc::check([] {
    base::Rng rng(*rc::gen::arbitrary<uint32_t>());
    const uint32_t count = *rc::gen::inRange<uint32_t>(1, 40);
    std::map<std::string, uint32_t> nodes;  // names of few letters: many are prefixes and parts of others
    for (uint32_t i = 0; i < count; ++i) {
      std::string name;
      for (uint32_t length = 1 + rng.below(6); length-- > 0;) name += "ab/"[rng.below(3)];
      nodes[name] = rng.below(3);
    }
    Names names;
    Groups groups;
    for (const auto& [name, group] : nodes) names.push_back(name), groups.push_back(group);
    const auto prefixes = prefix_rules(names, groups, '/');
    const auto substrings = substring_rules(names, groups);
    for (size_t i = 0; i < names.size(); ++i) {
      RC_ASSERT(match(prefixes, names[i], false) == groups[i]);
      RC_ASSERT(match(substrings, names[i], true) == groups[i]);
    }
  });
  CHECK(holds);
}

TEST_CASE("what rules on names cannot say is refused") {
  CHECK_THROWS_WITH(prefix_rules({"a", "a"}, {0, 1}, '/'), Catch::Contains("shares its name"));
  CHECK(prefix_rules({"a", "a"}, {1, 1}, '/').size() == 1);
  CHECK_THROWS_WITH(prefix_rules({"a", ""}, {0, 1}, '/'), Catch::Contains("node #1: has no name"));
  CHECK_THROWS_WITH(substring_rules({"a(b)"}, {0}), Catch::Contains("cannot hold"));
}

TEST_CASE("exports name every node's device") {
  const Placed placed({"/a/x", "/a/y", "/b/z", ""}, {0, 0, 1, 1});
  const auto explorer = placed.json("model-explorer")["main"]["results"];
  CHECK(explorer["/a/x"]["value"] == "d0");
  CHECK(explorer["v4"]["value"] == "d1");
  CHECK(explorer["/a/x"]["bgColor"] != explorer["/b/z"]["bgColor"]);
  const auto affinity = placed.json("openvino")["affinity"];
  CHECK(affinity["/a/y"] == "CPU");
  CHECK(affinity["v4"] == "GPU");
  const auto mlir = placed.json("onnx-mlir")["device_placement"];
  REQUIRE(mlir.size() == 3);
  CHECK(mlir[2] == nlohmann::json({{"device", "nnpa"}, {"node_type", "onnx.Relu"}, {"onnx_node_name", "/b/z"}}));
}

TEST_CASE("exports by rules") {
  const Placed placed({"/a/x", "/b/z", "/a.1/y"}, {0, 1, 0});
  CHECK(placed.json("olive")["split_assignments"] == ".a=0;.a.1=2;.b=1");
  CHECK(placed.json("name-prefix")["rules"].size() == 3);
  CHECK(placed.json("ort-names")["session.name_based_layer_assignment"] == "cpu(/a, /a.1); cuda(/b)");
}

TEST_CASE("session settings for C++ and genai, unless no session can follow") {
  Placed placed({"a", "b"}, {0, 1});
  const std::string cpp = placed.text("ort-cpp");
  CHECK_THAT(cpp, Catch::Contains("static_assert(ORT_API_VERSION >= 25"));
  CHECK_THAT(cpp, Catch::Contains(R"x("session.layer_assignment_settings", "cuda(=allot.d1); cpu(=allot.d0)")x"));
  CHECK_THAT(cpp, Catch::Contains(R"({"device_id", "0"})"));
  const auto genai = placed.json("ort-genai")["session_options"];
  CHECK(genai["provider_options"] == nlohmann::json::parse(R"([{"cuda": {"device_id": "0"}}])"));
  placed.cluster.devices[0].ort = placed.cluster.devices[1].ort;
  CHECK_THROWS_WITH(placed.text("ort-cpp"), Catch::Contains("--split"));
  CHECK_THROWS_WITH(find_export("oliv"), Catch::Contains("olive"));
}
