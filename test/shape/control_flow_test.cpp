// SPDX-License-Identifier: Apache-2.0
// If, Loop, Scan, sequences and optionals.
#include <catch2/catch.hpp>

#include "base/error.h"
#include "shape/inferred.h"

using namespace allot;
using namespace allot::test;
using shape::Bindings;
using shape::Trust;

namespace {

/// y = condition ? x[0:1] : x joined with itself
ir::Model two_branches(bool known, bool condition = true) {
  ModelBuilder b;
  b.input("x", {4, 6}).ints("zero", {0}).ints("one", {1});
  if (known)
    b.bool_scalar("c", condition);
  else
    b.input("c", {}, ir::DataType::boolean);
  GraphBuilder small = b.body(), large = b.body();
  small.node("Slice", {"x", "zero", "one"}, {"s"}).output("s");
  large.node("Concat", {"x", "x"}, {"l"}, {attr("axis", 0)}).output("l");
  b.node("If", {"c"}, {"y"}, {attr("then_branch", std::move(small)), attr("else_branch", std::move(large))})
      .output("y");
  return b.build();
}

/// The body of a loop over one carried value "state" that becomes "next" after `fill` adds its nodes.
template <typename Fill>
ir::Model loop_model(int64_t trips, bool known, Fill fill) {
  ModelBuilder b;
  b.input("start", {2, 3});
  if (known)
    b.int_scalar("m", trips);
  else
    b.input("m", {}, ir::DataType::int64);
  GraphBuilder body = b.body();
  body.input("i", {}, ir::DataType::int64).input("go", {}, ir::DataType::boolean).input("state", {2, -1});
  body.node("Identity", {"go"}, {"again"});
  fill(body);
  body.output("again").output("next").output("row");
  b.node("Loop", {"m", "", "start"}, {"final", "rows"}, {attr("body", std::move(body))}).output("final").output("rows");
  return b.build();
}

}  // namespace

TEST_CASE("an If of known condition has the shape of the branch that is taken") {
  CHECK(Inferred(two_branches(true, true)).dims("y") == Dims{1, 6});
  CHECK(Inferred(two_branches(true, false)).dims("y") == Dims{8, 6});
  CHECK(Inferred(two_branches(true, true)).type("y").trust == Trust::inferred);
}

TEST_CASE("an If of unknown condition is bounded by the larger branch") {
  const Inferred inferred(two_branches(false));
  CHECK(inferred.dims("y") == Dims{8, 6});
  CHECK(inferred.type("y").trust == Trust::bound);
}

TEST_CASE("a contradiction in a branch that is not taken is no error") {
  const auto model = [](bool condition) {
    ModelBuilder b;
    b.input("x", {4, 6}).bool_scalar("c", condition);
    GraphBuilder good = b.body(), bad = b.body();
    good.node("Identity", {"x"}, {"a"}).output("a");
    bad.node("MatMul", {"x", "x"}, {"z"}).output("z");
    b.node("If", {"c"}, {"y"}, {attr("then_branch", std::move(good)), attr("else_branch", std::move(bad))}).output("y");
    return b.build();
  };
  const Inferred inferred(model(true));
  CHECK(inferred.dims("y") == Dims{4, 6});
  CHECK(inferred.result.warnings.empty());
  CHECK_THROWS_AS(Inferred(model(false)), base::Error);
}

TEST_CASE("a loop of known trip count stacks its scan outputs") {
  const auto same = [](GraphBuilder& body) { body.node("Relu", {"state"}, {"next"}).node("Relu", {"state"}, {"row"}); };
  const Inferred known(loop_model(5, true, same));
  CHECK(known.dims("final") == Dims{2, 3});
  CHECK(known.dims("rows") == Dims{5, 2, 3});
  CHECK(known.type("rows").trust == Trust::inferred);

  const Inferred unknown(loop_model(5, false, same));
  CHECK(unknown.dims("final") == Dims{2, 3});
  CHECK(unknown.type("final").trust == Trust::inferred);
  CHECK(unknown.dims("rows") == Dims{1, 2, 3});
  CHECK(unknown.type("rows").trust == Trust::assumed);
  CHECK(unknown.result.warnings.size() == 1);
}

TEST_CASE("a carried value that grows is bounded by its growth in all iterations") {
  const Inferred inferred(loop_model(4, true, [](GraphBuilder& body) {
    body.node("Concat", {"state", "state"}, {"next"}, {attr("axis", 1)}).node("Neg", {"i"}, {"row"});
  }));
  CHECK(inferred.dims("final") == Dims{2, 15});  // 3 columns, and 3 more in each of 4 iterations
  CHECK(inferred.type("final").trust == Trust::bound);
  CHECK(inferred.dims("rows") == Dims{4});
}

TEST_CASE("Scan slices its inputs and stacks its outputs along any axis") {
  ModelBuilder b;
  b.input("start", {7}).input("x", {3, 7, 5});
  GraphBuilder body = b.body();
  body.input("s", {-1}).input("e", {-1, -1});
  body.node("Identity", {"s"}, {"next"}).node("Transpose", {"e"}, {"out"}).output("next").output("out");
  b.node("Scan", {"start", "x"}, {"final", "stacked"},
         {attr("body", std::move(body)), attr("num_scan_inputs", 1), attr("scan_input_axes", {2}),
          attr("scan_output_axes", {1})});
  b.output("final").output("stacked");
  const Inferred inferred(b.build());
  CHECK(inferred.dims("final") == Dims{7});
  CHECK(inferred.dims("stacked") == Dims{7, 5, 3});
}

TEST_CASE("values inside bodies are constants only when all they use is") {
  ModelBuilder b;
  b.input("x", {2}).input("c", {}, ir::DataType::boolean).floats("w", {1, 2});
  GraphBuilder a = b.body(), z = b.body();
  a.node("Neg", {"w"}, {"p"}).node("Add", {"x", "p"}, {"q"}).output("q");
  z.node("Identity", {"x"}, {"r"}).output("r");
  b.node("If", {"c"}, {"y"}, {attr("then_branch", std::move(a)), attr("else_branch", std::move(z))}).output("y");
  const Inferred inferred(b.build());
  CHECK(inferred.constant_inner("p"));
  CHECK_FALSE(inferred.constant_inner("q"));
  CHECK_FALSE(inferred.constant("y"));
}

TEST_CASE("sequences are followed element by element") {
  ModelBuilder b;
  b.input("x", {2, 3}).input("z", {4, 3}).int_scalar("zero", 0).int_scalar("minus", -1);
  b.node("SequenceConstruct", {"x", "z"}, {"s"}).node("SequenceAt", {"s", "minus"}, {"last"});
  b.node("SequenceInsert", {"s", "x", "zero"}, {"longer"}).node("SequenceErase", {"longer", "minus"}, {"shorter"});
  b.node("ConcatFromSequence", {"longer"}, {"joined"}, {attr("axis", 0)});
  b.node("ConcatFromSequence", {"shorter"}, {"stacked"}, {attr("axis", 0), attr("new_axis", 1)});
  b.node("SequenceLength", {"longer"}, {"n"});
  b.node("SplitToSequence", {"z"}, {"rows"}, {attr("axis", 0), attr("keepdims", 0)})
      .node("SequenceAt", {"rows", "zero"}, {"row"});
  b.node("SequenceAt", {"s", "at"}, {"any"}).input("at", {}, ir::DataType::int64);
  for (const char* name : {"last", "joined", "stacked", "n", "row", "any"}) b.output(name);
  const Inferred inferred(b.build());
  CHECK(inferred.dims("last") == Dims{4, 3});
  CHECK(inferred.dims("joined") == Dims{8, 3});
  CHECK(inferred.dims("stacked") == Dims{2, 2, 3});
  CHECK(inferred.content("n") == std::vector<double>{3});
  CHECK(inferred.dims("row") == Dims{3});
  CHECK(inferred.dims("any") == Dims{4, 3});  // whichever it is, it fits
  CHECK(inferred.type("any").trust == Trust::bound);
}

TEST_CASE("graphs nested too deep are refused") {
  ModelBuilder b;
  b.input("x", {2}).input("c", {}, ir::DataType::boolean);
  GraphBuilder inner = b.body();
  inner.node("Identity", {"x"}, {"v0"}).output("v0");
  for (int depth = 1; depth < 70; ++depth) {
    const std::string name = "v" + std::to_string(depth);
    GraphBuilder outer = b.body(), other = b.body();
    other.node("Identity", {"x"}, {"o" + std::to_string(depth)}).output("o" + std::to_string(depth));
    outer.node("If", {"c"}, {name}, {attr("then_branch", std::move(inner)), attr("else_branch", std::move(other))})
        .output(name);
    inner = std::move(outer);
  }
  GraphBuilder other = b.body();
  other.node("Identity", {"x"}, {"o"}).output("o");
  b.node("If", {"c"}, {"y"}, {attr("then_branch", std::move(inner)), attr("else_branch", std::move(other))})
      .output("y");
  CHECK_THROWS_WITH(Inferred(b.build()), Catch::Contains("nests deeper than 64"));
}
