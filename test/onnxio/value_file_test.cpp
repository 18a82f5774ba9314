// SPDX-License-Identifier: Apache-2.0
#include "onnxio/value_file.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "ir/payload.h"
#include "onnxio/proto.h"

using namespace allot;
using test::Proto;
using Kind = onnxio::StoredValue::Kind;
using TypeKind = ir::Type::Kind;

namespace {

const std::string kTwoFloats("\0\0\x80\x3f\0\0\0\x40", 8);  // 1, 2

Proto two_floats() { return test::tensor("t", {2}, 1, kTwoFloats); }

onnxio::ValueFile read(const Proto& proto, TypeKind kind) {
  return onnxio::read_value(base::Bytes::from(proto.bytes, "v.pb"), kind);
}

std::string error_of(const Proto& proto, TypeKind kind) {
  try {
    read(proto, kind);
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::exit_code(error.kind()), error.what());
  }
  return "no error";
}

std::vector<double> numbers(const onnxio::ValueFile& file, const onnxio::StoredValue& value) {
  return ir::read_doubles(file.storage, value.tensor, 100).value();
}

// A field of SequenceProto or OptionalProto.
constexpr uint32_t kTensor = 3, kSequence = 5, kMap = 6, kOptional = 7;

}  // namespace

TEST_CASE("value file: a tensor, its elements decoded from the file") {
  const auto file = read(two_floats(), TypeKind::tensor);
  CHECK(file.value.kind == Kind::tensor);
  CHECK(file.value.tensor.dims == std::vector<int64_t>{2});
  CHECK(numbers(file, file.value) == std::vector<double>{1, 2});
}

TEST_CASE("value file: sequences and optionals hold one another") {
  const auto pair =
      read(Proto().number(2, 1).message(kTensor, two_floats()).message(kTensor, two_floats()), TypeKind::sequence);
  CHECK(pair.value.kind == Kind::sequence);
  REQUIRE(pair.value.elements.size() == 2);
  CHECK(numbers(pair, pair.value.elements[1]) == std::vector<double>{1, 2});

  CHECK(read(Proto(), TypeKind::sequence).value.kind == Kind::sequence);
  CHECK(read(Proto().number(2, 1), TypeKind::optional).value.kind == Kind::nothing);
  CHECK(read(Proto().message(kTensor, two_floats()), TypeKind::optional).value.kind == Kind::tensor);

  const Proto optional = Proto().message(kSequence, Proto().message(kTensor, two_floats()));
  const auto deep = read(Proto().message(kOptional, optional).message(kOptional, Proto()), TypeKind::sequence);
  REQUIRE(deep.value.elements.size() == 2);
  CHECK(deep.value.elements[0].elements.at(0).kind == Kind::tensor);
  CHECK(deep.value.elements[1].kind == Kind::nothing);
}

TEST_CASE("value file: damage is named by file and byte") {
  CHECK(error_of(test::tensor("t", {3}, 1, kTwoFloats), TypeKind::tensor) ==
        "65 v.pb: byte 0: the tensor holds 8 bytes where its shape and type (float32) take 12; the file is damaged or "
        "no ONNX model; fetch or export it again");
  const std::string inner =
      error_of(Proto().message(kTensor, test::tensor("t", {3}, 1, kTwoFloats)), TypeKind::sequence);
  CHECK(inner.find("v.pb: byte 2: the tensor holds") != std::string::npos);
  Proto cut = two_floats();
  cut.bytes.pop_back();
  CHECK(error_of(cut, TypeKind::tensor).find("claims 8 bytes where its message has 7 left") != std::string::npos);
  CHECK(error_of(Proto().number(kTensor, 1), TypeKind::sequence).find("wire type 0 instead of 2") != std::string::npos);
  const Proto both = Proto().message(kTensor, two_floats()).message(kTensor, two_floats());
  CHECK(error_of(both, TypeKind::optional).find("an optional holds two values") != std::string::npos);
}

TEST_CASE("value file: nesting is bounded, maps are refused") {
  Proto deep;
  for (int i = 0; i < 70; ++i) deep = Proto().message(kSequence, deep);
  CHECK(error_of(deep, TypeKind::sequence).find("values nest deeper than 64") != std::string::npos);
  CHECK(error_of(Proto().message(kMap, Proto()), TypeKind::sequence).substr(0, 37) ==
        "69 v.pb: byte 0: maps are not support");
  CHECK(error_of(Proto(), TypeKind::map).substr(0, 2) == "69");
}
