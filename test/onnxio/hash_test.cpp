// SPDX-License-Identifier: Apache-2.0
#include "onnxio/hash.h"

#include <catch2/catch.hpp>

#include "base/hash.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"
#include "support/model_builder.h"

using namespace allot;

namespace {

ir::Model with_weight(std::vector<float> content) {
  test::ModelBuilder b;
  b.input("x", {2}).floats("w", content).node("Add", {"x", "w"}, {"y"}).output("y");
  return onnxio::read(base::Bytes::from(onnxio::serialize(b.build())));
}

}  // namespace

TEST_CASE("the hash of a file sees its structure and not its weights") {
  const auto hash = onnxio::hash_without_weights(with_weight({1, 2}));
  CHECK(hash.size() == 64);
  CHECK(hash == onnxio::hash_without_weights(with_weight({3, 4})));
  auto renamed = with_weight({1, 2});
  renamed.graph.nodes[0].name = "other";
  renamed.graph.nodes[0].edited = true;
  CHECK(hash != onnxio::hash_without_weights(onnxio::read(base::Bytes::from(onnxio::serialize(renamed)))));
  CHECK(onnxio::hash_without_weights(ir::Model()) == base::sha256(""));
}
