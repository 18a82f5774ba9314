// SPDX-License-Identifier: Apache-2.0
#include "onnxio/checker.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "onnxio/proto.h"
#include "onnxio/reader.h"

using namespace allot;
using namespace allot::test;

namespace {

Proto relu_graph() {
  return Proto()
      .message(1, node("Relu", {"x"}, {"y"}))
      .text(2, "g")
      .message(11, value_info("x", {1}))
      .message(12, value_info("y", {1}));
}

void check_bytes(const Proto& proto) { onnxio::check(onnxio::read(base::Bytes::from(proto.bytes, "m.onnx"))); }

}  // namespace

TEST_CASE("the library knows IR 13 and opset 27") {
  const auto version = onnxio::library_version();
  CHECK(version.onnx == "1.22.0");
  CHECK(version.ir == 13);
  CHECK(version.opset == 27);
}

TEST_CASE("what ONNX's checker finds is reported") {
  CHECK_NOTHROW(check_bytes(model(relu_graph())));
  const auto unknown = model(relu_graph().message(1, node("NoSuchOperator", {"x"}, {"z"})));
  CHECK_THROWS_WITH(check_bytes(unknown), Catch::Contains("ONNX's checker says") && Catch::Contains("NoSuchOperator"));
  CHECK_THROWS_AS(check_bytes(unknown), base::Error);
}

TEST_CASE("large weights, sparse ones and deep nesting pass the checker") {
  Proto body = relu_graph().message(5, tensor("w", {1000, 1000}, 1, std::string(4000000, 'w')));
  CHECK_NOTHROW(check_bytes(model(body)));
  const auto sparse = Proto()
                          .message(1, tensor("s", {300}, 7, std::string(2400, 'v')))
                          .message(2, tensor("", {300}, 7,
                                             [] {
                                               std::string indices(2400, '\0');
                                               for (int64_t i = 0; i < 300; ++i)
                                                 std::memcpy(indices.data() + 8 * i, &i, 8);
                                               return indices;
                                             }()))
                          .number(3, 1000);
  CHECK_NOTHROW(check_bytes(model(relu_graph().message(15, sparse))));

  Proto deep = Proto().text(2, "leaf").message(1, node("Relu", {"x"}, {"y0"})).message(12, Proto().text(1, "y0"));
  for (int i = 1; i < 63; ++i) {
    const auto y = "y" + std::to_string(i);
    Proto branch = node("If", {"c"}, {y});
    for (const char* name : {"then_branch", "else_branch"}) {
      const Proto flat =
          Proto().text(2, "flat").message(1, node("Relu", {"x"}, {name + y})).message(12, Proto().text(1, name + y));
      branch.message(5, Proto().text(1, name).number(20, 5).message(6, name[0] == 't' ? deep : flat));
    }
    deep = Proto().text(2, "g").message(1, branch).message(12, i == 62 ? value_info(y, {1}) : Proto().text(1, y));
  }
  deep.message(11, value_info("x", {1})).message(11, value_info("c", {}, 9));
  CHECK_NOTHROW(check_bytes(model(deep)));
}
