// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "contrast/batch_independence.h"
#include "ir/builder.h"

using namespace allot;

namespace {

/// One node or two between an input "x" [batch, 4, 6] and the output "y".
struct Small {
  explicit Small(int64_t opset = 17) : builder("g", opset) {
    x = builder.input("x", ir::DataType::float32, {-1, 4, 6});
  }
  contrast::Independence check(ir::Str y, std::vector<int64_t> dims) {
    builder.output(y, ir::DataType::float32, dims);
    contrast::IndependenceOptions options;
    options.output = std::string(y);
    return contrast::check_independence(builder.finish(), options);
  }
  ir::Str reduce(const char* type, std::vector<int64_t> axes) {
    return builder.add(type, {x},
                       ir::attributes(ir::ints_attribute("axes", std::move(axes)), ir::int_attribute("keepdims", 0)));
  }
  ir::Builder builder;
  ir::Str x;
};

std::string message(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::check_failed);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("what works within items passes, and tells the item's dimensions") {
  Small reduced;
  CHECK(reduced.check(reduced.reduce("ReduceMean", {1}), {-1, 6}).item == std::vector<int64_t>{6});
  Small softmax;
  const ir::Str y = softmax.builder.add("Softmax", {softmax.x}, ir::attributes(ir::int_attribute("axis", 1)));
  CHECK(softmax.check(y, {-1, 4, 6}).item == std::vector<int64_t>{4, 6});
  Small merged;  // [batch * 4, 6] and back, with the batch outermost
  ir::Str z = merged.builder.add("Reshape", {merged.x, merged.builder.ints({-1, 6})});
  z = merged.builder.add("Softmax", {z}, ir::attributes(ir::int_attribute("axis", 1)));
  z = merged.builder.add("Reshape", {z, merged.builder.ints({-1, 24})});
  const auto found = merged.check(z, {-1, 24});
  CHECK(found.item == std::vector<int64_t>{24});
  CHECK(found.undecided.empty());
  Small like;  // what has the type of all items is none of them
  const ir::Str weight = like.builder.add("CastLike", {like.builder.ints({1, 2, 3, 4, 5, 6}), like.x});
  CHECK(like.check(like.builder.add("Add", {like.x, weight}), {-1, 4, 6}).item == std::vector<int64_t>{4, 6});
}

TEST_CASE("what mixes items is refused by name") {
  CHECK_THAT(message([] {
               Small s;
               s.check(s.reduce("ReduceMean", {0, 1}), {6});
             }),
             Catch::Contains("ReduceMean"));
  CHECK_THAT(message([] {
               Small s;
               const ir::Str y = s.builder.add("Softmax", {s.x}, ir::attributes(ir::int_attribute("axis", 0)));
               s.check(y, {-1, 4, 6});
             }),
             Catch::Contains("Softmax") && Catch::Contains("normalises over the items"));
  CHECK_THAT(message([] {
               Small s;  // x - mean over the batch
               const ir::Str mean =
                   s.builder.add("ReduceMean", {s.x},
                                 ir::attributes(ir::ints_attribute("axes", {0}), ir::int_attribute("keepdims", 1)));
               s.check(s.builder.add("Sub", {s.x, mean}), {-1, 4, 6});
             }),
             Catch::Contains("ReduceMean"));
  CHECK_THAT(message([] {
               Small s;  // all pairs
               const ir::Str flat = s.builder.add("Flatten", {s.x});
               const ir::Str turned = s.builder.add("Transpose", {flat});
               s.check(s.builder.add("MatMul", {flat, turned}), {-1, -1});
             }),
             Catch::Contains("MatMul"));
  CHECK_THAT(message([] {
               Small s;  // softmax over [batch * 4]
               ir::Str y = s.builder.add("Reshape", {s.x, s.builder.ints({-1, 6})});
               y = s.builder.add("Softmax", {y}, ir::attributes(ir::int_attribute("axis", 0)));
               s.check(y, {-1, 6});
             }),
             Catch::Contains("Softmax"));
  CHECK_THAT(message([] {
               Small s;
               s.check(s.builder.add("RandomNormalLike", {s.x}), {-1, 4, 6});
             }),
             Catch::Contains("random numbers"));
  CHECK_THAT(
      message([] {
        Small s;
        const ir::Str turned = s.builder.add("Transpose", {s.x}, ir::attributes(ir::ints_attribute("perm", {1, 0, 2})));
        const ir::Str dropped = s.builder.add("Dropout", {turned, s.builder.number(0.5f)});
        s.check(s.builder.add("Transpose", {dropped}, ir::attributes(ir::ints_attribute("perm", {1, 0, 2}))),
                {-1, 4, 6});
      }),
      Catch::Contains("Dropout") && Catch::Contains("--dropout 0"));
}

TEST_CASE("operators without a rule are told") {
  Small s;
  const ir::Str places = s.builder.add("Cast", {s.x}, ir::attributes(ir::int_attribute("to", 7)));
  const ir::Str picked = s.builder.add("GatherElements", {s.x, places}, ir::attributes(ir::int_attribute("axis", 1)));
  const auto found = s.check(s.builder.add("Flatten", {picked}), {-1, 24});
  REQUIRE(found.undecided.size() == 1);
  CHECK(found.undecided[0].find("GatherElements") != std::string::npos);
}
