// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "graph/build.h"
#include "support/model_builder.h"

using namespace allot;
using test::attr;
using test::ModelBuilder;

namespace {

struct Hashes {
  std::string structure;
  std::vector<std::string> fingerprints;
};

Hashes hashes(ModelBuilder builder) {
  const ir::Model model = builder.build();
  const auto planning = graph::prepare(model, {});
  const auto graph = graph::build(planning, {}).graph;
  return {graph::structure_hash(planning, graph), graph::fingerprints(planning, graph)};
}

struct Variant {
  std::string prefix;             // of every name
  bool branches_swapped = false;  // in the file
  int64_t channels = 4, pad = 1;
  int64_t slice_end = 2;
  std::string activation = "Relu";
};

// Conv, then two branches of which one is sliced, then a join.
ModelBuilder model(const Variant& v) {
  ModelBuilder b;
  const auto n = [&](const char* name) { return v.prefix + name; };
  b.input(n("x"), {1, 3, 8, 8}).weight(n("w"), {v.channels, 3, 3, 3});
  b.ints(n("starts"), {v.slice_end - 2}).ints(n("ends"), {v.slice_end}).ints(n("axes"), {1});
  b.node("Conv", {n("x"), n("w")}, {n("c")}, {attr("pads", {v.pad, v.pad, v.pad, v.pad})}, n("conv"));
  const auto left = [&] { b.node(v.activation, {n("c")}, {n("l")}, {}, n("left")); };
  const auto right = [&] { b.node("Slice", {n("c"), n("starts"), n("ends"), n("axes")}, {n("r")}, {}, n("right")); };
  if (v.branches_swapped) {
    right();
    left();
  } else {
    left();
    right();
  }
  b.node("Concat", {n("l"), n("r")}, {n("y")}, {attr("axis", 1)}, n("join"));
  b.output(n("y"));
  return b;
}

std::vector<std::string> sorted(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace

TEST_CASE("names and the order of nodes in the file do not enter the hashes") {
  const auto original = hashes(model({}));
  CHECK(original.structure.size() == 64);
  Variant renamed;
  renamed.prefix = "/model/";
  CHECK(hashes(model(renamed)).structure == original.structure);
  CHECK(hashes(model(renamed)).fingerprints == original.fingerprints);
  Variant swapped;
  swapped.branches_swapped = true;
  const auto other_order = hashes(model(swapped));
  CHECK(other_order.structure == original.structure);
  CHECK(other_order.fingerprints != original.fingerprints);  // other op numbers
  CHECK(sorted(other_order.fingerprints) == sorted(original.fingerprints));
}

TEST_CASE("operators, attributes, shapes and small integer constants do enter") {
  std::vector<Variant> variants(5);
  variants[1].channels = 5;
  variants[2].pad = 2;
  variants[3].slice_end = 3;  // the same shapes, other channels
  variants[4].activation = "Exp";
  std::set<std::string> seen;
  for (const auto& variant : variants) seen.insert(hashes(model(variant)).structure);
  CHECK(seen.size() == variants.size());
}

TEST_CASE("one value read twice is not two equal values read once") {
  const auto shared = [](bool twice) {
    ModelBuilder b;
    b.input("x", {4}).node("Relu", {"x"}, {"a"}).node("Relu", {"x"}, {"b"});
    b.node("Exp", {"a"}, {"c"}).node("Neg", {twice ? "a" : "b"}, {"d"}).output("c").output("d").output("b");
    return b;
  };
  CHECK(hashes(shared(true)).structure != hashes(shared(false)).structure);
}

TEST_CASE("the order of inputs and which one is which counts") {
  const auto divide = [](const char* a, const char* b_name) {
    ModelBuilder b;
    b.input("x", {4}).input("z", {4}).node("Exp", {"x"}, {"e"}).node("Div", {a, b_name}, {"y"}).output("y").output("e");
    return b;
  };
  CHECK(hashes(divide("e", "z")).structure != hashes(divide("z", "e")).structure);
  CHECK(hashes(divide("e", "z")).structure != hashes(divide("e", "x")).structure);
}

TEST_CASE("bodies of control flow count") {
  const auto conditional = [](const char* type) {
    ModelBuilder b;
    b.input("x", {4}).input("c", {}, ir::DataType::boolean);
    auto yes = b.body(), no = b.body();
    yes.node(type, {"x"}, {"t"}).output("t");
    no.node("Neg", {"x"}, {"e"}).output("e");
    b.node("If", {"c"}, {"y"}, {attr("then_branch", std::move(yes)), attr("else_branch", std::move(no))}).output("y");
    return b;
  };
  CHECK(hashes(conditional("Exp")).structure == hashes(conditional("Exp")).structure);
  CHECK(hashes(conditional("Exp")).structure != hashes(conditional("Log")).structure);
}

TEST_CASE("a fingerprint reaches three ops far") {
  const auto chain = [](const char* first) {
    ModelBuilder b;
    b.input("x", {4}).node(first, {"x"}, {"v0"});
    for (int i = 0; i < 5; ++i) b.node("Relu", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)});
    b.output("v5");
    return b;
  };
  const auto a = hashes(chain("Exp")).fingerprints, b = hashes(chain("Log")).fingerprints;
  REQUIRE(a.size() == 6);
  for (size_t op = 0; op < 6; ++op) {
    CAPTURE(op);
    CHECK(a[op].size() == 16);
    CHECK((a[op] == b[op]) == (op > 3));
  }
}
