// SPDX-License-Identifier: Apache-2.0
#include "run/wire.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using exec::Value;

namespace {

Value example() {
  at::Tensor asks = at::randn({2, 3});
  asks.set_requires_grad(true);
  return Value(exec::Sequence{Value(), Value(asks), Value(at::randn({3, 2}, at::kDouble).t()),
                              Value(exec::Strings{{"a", std::string("b\0c", 3)}, {2, 1}}),
                              Value(at::randn({0}).to(at::kChar), ir::DataType::int4)});
}

}  // namespace

TEST_CASE("wire: every kind of value arrives as it was sent") {
  const Value sent = example();
  run::WireWriter out;
  out.number(uint32_t{7});
  out.value(sent);
  const std::string bytes = out.take();
  run::WireReader in(bytes);
  CHECK(in.number<uint32_t>() == 7);
  const Value got = in.value();
  REQUIRE(got.sequence().size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(got.sequence()[i].describe() == sent.sequence()[i].describe());
  CHECK(at::equal(got.sequence()[1].tensor(), sent.sequence()[1].tensor()));
  CHECK(got.sequence()[1].tensor().requires_grad());
  CHECK(at::equal(got.sequence()[2].tensor(), sent.sequence()[2].tensor()));
  CHECK_FALSE(got.sequence()[2].tensor().requires_grad());
  CHECK(got.sequence()[3].strings().data[1] == std::string("b\0c", 3));
  CHECK(got.sequence()[4].widened() == ir::DataType::int4);
}

TEST_CASE("wire: bytes that end early are an error") {
  run::WireWriter out;
  out.value(example());
  const std::string bytes = out.take();
  for (size_t size = 0; size < bytes.size(); ++size) {
    run::WireReader in(std::string_view(bytes).substr(0, size));
    CHECK_THROWS_AS(in.value(), base::Error);
  }
}
