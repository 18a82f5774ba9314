// SPDX-License-Identifier: Apache-2.0
#include "graph/generate_model.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "graph/build.h"
#include "graph/generate.h"
#include "graph/statistics.h"

using namespace allot;
using namespace allot::graph;

namespace {

struct Made {
  explicit Made(const std::string& recipe)
      : model(generate(parse_recipe(recipe))),
        planning(prepare(model, {})),
        built(build(planning, {.colocation = BuildOptions::Colocation::none})) {}
  ir::Model model;
  PlanningModel planning;
  Built built;
};

}  // namespace

TEST_CASE("every family gives about the asked number of live ops, whose shapes are all known") {
  for (const Family& family : families()) {
    INFO(family.name);
    const Made made(std::string(family.name) + ":ops=1000,size=64,seed=3");
    check_invariants(made.built.graph);
    CHECK(made.built.dead.empty());
    CHECK(made.built.graph.num_ops() >= 1000);
    CHECK(made.built.graph.num_ops() <= 1100);
    CHECK(made.planning.shapes.warnings.empty());
    for (const auto& type : made.planning.shapes.types) CHECK((type.has_rank && type.trust <= shape::Trust::declared));
  }
}

TEST_CASE("a recipe fixes the model") {
  for (const Family& family : families()) {
    INFO(family.name);
    const std::string recipe = std::string(family.name) + ":ops=200,size=32,seed=";
    const Made a(recipe + "1"), b(recipe + "1"), c(recipe + "2");
    CHECK(structure_hash(a.planning, a.built.graph) == structure_hash(b.planning, b.built.graph));
    const bool random = a.built.graph.type_names.front() == "allot.Work";
    CHECK((structure_hash(a.planning, a.built.graph) != structure_hash(c.planning, c.built.graph)) == random);
    CHECK(to_string(parse_recipe(to_string(parse_recipe(recipe + "1")))) == to_string(parse_recipe(recipe + "1")));
  }
}

TEST_CASE("families have the structure that their names promise") {
  const auto width_of = [](const std::string& recipe) { return statistics(Made(recipe).built.graph).max_width; };
  const auto depth_of = [](const std::string& recipe) { return statistics(Made(recipe).built.graph).depth; };
  CHECK(width_of("chain:ops=50") == 1);
  CHECK(depth_of("star:ops=50") == 3);
  CHECK(width_of("star:ops=50") == 48);
  CHECK(width_of("transformer:ops=100,width=1,size=64") == 3);  // queries, keys and values
  CHECK(width_of("transformer:ops=100,width=4,size=64") == 12);
  CHECK(width_of("matmul:ops=100,width=3,size=8") == 27);
  CHECK(width_of("inception:ops=100,width=5,size=64") == 5);
  CHECK(depth_of("rnn:ops=140,width=1,size=8") >= 10 * 5);  // ten steps of MatMul, Add, Add, Split ...
  CHECK(2 * depth_of("rnn:ops=560,width=4,size=8") < depth_of("rnn:ops=560,width=1,size=8"));
  CHECK(depth_of("nmt:ops=660,width=2,size=8") >= 2 * 10 * 5);  // ten steps to read, then ten to write
  CHECK(width_of("nmt:ops=660,width=2,size=8") >= 10);          // all words of the source at once
  CHECK(depth_of("giph:ops=400,width=20") < depth_of("giph:ops=400,width=5"));
}

TEST_CASE("abstract work keeps the sizes of its graph, times the factor on communication") {
  const OpGraph graph = layered({.ops = 100, .seed = 9});
  const ir::Model model = work_model(graph, 2, 9);
  const PlanningModel planning = prepare(model, {});
  const Built built = build(planning, {.colocation = BuildOptions::Colocation::none});
  CHECK(built.graph.inputs.items == graph.inputs.items);
  CHECK(built.graph.is_output == graph.is_output);
  for (TensorId tensor = 0; tensor < graph.num_tensors(); ++tensor)
    CHECK(std::abs(built.graph.tensor_bytes[tensor] - 2 * graph.tensor_bytes[tensor]) <= 2);
}

TEST_CASE("wrong recipes are refused with a remedy") {
  const auto message = [](const std::string& text) -> std::string {
    try {
      generate(parse_recipe(text));
    } catch (const base::Error& error) {
      CHECK(error.kind() == base::ErrorKind::usage);
      return error.what();
    }
    return "";
  };
  CHECK(message("layred") == "--gen: unknown family 'layred'; did you mean 'layered'?");
  CHECK(message("chain:opps=3") == "--gen: unknown key 'opps'; did you mean 'ops'?");
  CHECK(message("chain:ops=2") == "--gen: ops=2: is not a number in [3, 10000000]; change it");
  CHECK(message("chain:ops=") == "--gen: ops=: is not a number in [3, 10000000]; change it");
  CHECK(message("chain:ops=1e3") != "");
  CHECK(message("star:ops=3,") == "");
}
