// SPDX-License-Identifier: Apache-2.0
#include "onnxio/reader.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "ir/payload.h"
#include "ir/values.h"
#include "onnxio/corpus.h"
#include "onnxio/proto.h"

using namespace allot;
using namespace allot::test;

namespace {

ir::Model read_bytes(std::string content) { return onnxio::read(base::Bytes::from(std::move(content), "m.onnx")); }

std::string message_of(std::string content) {
  try {
    read_bytes(std::move(content));
  } catch (const base::Error& error) {
    CHECK(error.kind() == base::ErrorKind::malformed);
    CHECK_FALSE(error.fix().empty());
    return error.what();
  }
  return "";
}

std::string message_of(const Proto& proto) { return message_of(proto.bytes); }

Proto small_graph() {
  return Proto()
      .message(1, node("Relu", {"x"}, {"y"}))
      .text(2, "g")
      .message(11, value_info("x", {1}))
      .message(12, value_info("y", {1}));
}

/// A model whose one initializer is `tensor`.
Proto with_initializer(const Proto& tensor) { return model(small_graph().message(5, tensor)); }

Proto packed_tensor(uint32_t field, const Proto& list, int64_t elem, std::vector<int64_t> dims) {
  Proto proto;
  for (const int64_t dim : dims) proto.number(1, dim);
  return proto.number(2, elem).text(8, "w").message(field, list);
}

/// `depth` graphs, each the body of an If in the one before.
Proto nested(int depth) {
  Proto body = small_graph();
  for (int i = 1; i < depth; ++i)
    body = Proto().text(2, "g").message(
        1, node("If", {"c"}, {"y"}).message(5, Proto().text(1, "then_branch").number(20, 5).message(6, body)));
  return model(body);
}

}  // namespace

TEST_CASE("foreign files are named with a remedy") {
  using Catch::Contains;
  CHECK_THAT(message_of(""), Contains("m.onnx: is empty"));
  CHECK_THAT(message_of("\x1f\x8b\x08rest"), Contains("gzip"));
  CHECK_THAT(message_of("PK\x03\x04rest"), Contains("zip archive"));
  CHECK_THAT(message_of("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), Contains("git lfs pull"));
  CHECK_THAT(message_of("<!DOCTYPE html><html></html>"), Contains("HTML page"));
  CHECK_THAT(message_of("<\n  ir_version: 8\n>\n"), Contains("as text"));
  CHECK_THAT(message_of("hello\n"), Contains("text file"));
  CHECK_THAT(message_of(std::string("\x18\0\0\0ORTM\0\0\0\0", 12)), Contains("ONNX Runtime flatbuffer"));
  CHECK_THAT(message_of(std::string("\x08\0\0\0\0\0\0\0{\"a\":1} ", 16)), Contains("safetensors"));
  CHECK_THAT(message_of(std::string("GGUF\3\0\0\0", 8)), Contains("GGUF"));
}

TEST_CASE("what is wrong in the bytes is named with its place") {
  using Catch::Contains;
  CHECK_THAT(message_of("\x3a\xff\xff\xff\xff\x07"), Contains("m.onnx: byte 0: field 7 claims 2147483647 bytes"));
  CHECK_THAT(message_of("\x08"), Contains("byte 1: a number is cut off"));
  CHECK_THAT(message_of("\x08" + std::string(10, '\xff') + "\x01"), Contains("byte 1: a number takes more than 10"));
  CHECK_THAT(message_of("\x08\x0a\x02"), Contains("byte 2: there is no field number 0"));
  CHECK_THAT(message_of("\x0b"), Contains("impossible wire type 3"));
  CHECK_THAT(message_of(Proto().text(1, "seven")), Contains("byte 0: field 1 of ModelProto has wire type 2"));
  CHECK_THAT(message_of(model(small_graph()).message(7, small_graph())),
             Contains("field 7 of ModelProto occurs twice"));
  CHECK_THAT(message_of(Proto().number(1, 10)), Contains("holds no graph"));
  CHECK_THAT(message_of(model(small_graph().message(1, Proto()))), Contains("a node names no operator"));
  const auto bad_type = value_info("z", {}, 27);
  CHECK_THAT(message_of(model(small_graph().message(13, bad_type))), Contains("element type 27 is unknown"));
  CHECK_THAT(message_of(model(small_graph().message(13, value_info("z", {-2})))), Contains("a dimension is -2"));
}

TEST_CASE("versions are checked") {
  using Catch::Contains;
  const auto with = [](int64_t ir, int64_t opset) {
    return Proto().number(1, ir).message(7, small_graph()).message(8, Proto().number(2, opset));
  };
  CHECK(message_of(with(3, 7)).empty());
  {
    const Quiet quiet;
    CHECK(message_of(with(99, 999)).empty());
  }
  CHECK_THAT(message_of(with(2, 7)), Contains("has IR version 2; the oldest one supported is 3"));
  CHECK_THAT(message_of(Proto().message(7, small_graph())), Contains("has no IR version"));
  CHECK_THAT(message_of(with(8, 0)), Contains("imports opset version 0 of the operator domain ''"));
  CHECK_THAT(message_of(Proto().number(1, 8).message(7, small_graph())), Contains("imports no operator set"));
}

TEST_CASE("payloads must fit dims and type") {
  using Catch::Contains;
  CHECK(message_of(with_initializer(tensor("w", {2}, 1, "12345678"))).empty());
  CHECK_THAT(message_of(with_initializer(tensor("w", {2}, 1, "1234567"))),
             Contains("m.onnx: initializer 'w': holds 7 bytes where its shape and type (float32) take 8"));
  CHECK_THAT(message_of(with_initializer(tensor("w", {-1}, 1, ""))), Contains("negative dimension"));
  CHECK_THAT(message_of(with_initializer(tensor("w", {1ll << 40, 1ll << 40}, 1, ""))), Contains("more elements than"));
  CHECK_THAT(message_of(with_initializer(tensor("w", {1ll << 31}, 1, "abc"))), Contains("holds 3 bytes"));
  CHECK_THAT(message_of(with_initializer(tensor("w", {1}, 0, "a"))), Contains("has no element type"));
  CHECK_THAT(message_of(with_initializer(tensor("w", {1}, 27, "a"))), Contains("element type 27 is unknown"));
  CHECK_THAT(message_of(with_initializer(tensor("w", {1}, 8, "a"))), Contains("holds strings as raw bytes"));
  CHECK_THAT(message_of(with_initializer(tensor("w", {1}, 6, "abcd").packed(5, {1}))), Contains("in two ways"));
  CHECK_THAT(message_of(with_initializer(Proto().number(1, 2).number(2, 7).packed(7, {1, 2, 3}))),
             Contains("holds 3 entries where its shape and type take 2"));
  CHECK_THAT(message_of(with_initializer(Proto().number(1, 1).number(2, 7).packed(5, {1}))),
             Contains("in TensorProto field 5 instead of 7"));
  CHECK_THAT(message_of(with_initializer(packed_tensor(4, Proto{"abc"}, 1, {1}))),
             Contains("a packed list is cut off"));
  const auto constant = node("Constant", {}, {"k"}, "const")
                            .message(5, Proto().text(1, "value").number(20, 4).message(5, tensor("", {3}, 3, "ab")));
  CHECK_THAT(message_of(model(small_graph().message(1, constant))),
             Contains("node 'const' (Constant): attribute 'value': holds 2 bytes"));
}

TEST_CASE("typed elements are read, packed or not, of every kind") {
  const auto first = [](const Proto& proto) {
    auto m = read_bytes(with_initializer(proto).bytes);
    const auto values = ir::read_doubles(m, m.graph.initializers[0], 100);
    REQUIRE(values);
    return *values;
  };
  using Doubles = std::vector<double>;
  CHECK(first(Proto().number(1, 2).number(2, 7).packed(7, {-1, 1ll << 40})) == Doubles{-1, 1099511627776.0});
  CHECK(first(Proto().number(7, -1).number(1, 2).number(7, 5).number(2, 7)) == Doubles{-1, 5});  // reordered, unpacked
  CHECK(first(Proto().number(1, 2).number(2, 1).real(4, 1.5f).real(4, -2)) == Doubles{1.5, -2});
  CHECK(first(packed_tensor(4, Proto{std::string("\0\0\xc0\x3f\0\0\0\xc0", 8)}, 1, {2})) == Doubles{1.5, -2});
  CHECK(first(Proto().number(1, 2).number(2, 3).packed(5, {-1, 127})) == Doubles{-1, 127});
  CHECK(first(Proto().number(1, 1).number(2, 10).packed(5, {0x3C00})) == Doubles{1});           // float16
  CHECK(first(Proto().number(1, 1).number(2, 16).packed(5, {0x4000})) == Doubles{2});           // bfloat16
  CHECK(first(Proto().number(1, 2).number(2, 9).packed(5, {0, 1})) == Doubles{0, 1});           // bool
  CHECK(first(Proto().number(1, 3).number(2, 22).packed(5, {0x7F, 8})) == Doubles{-1, 7, -8});  // int4: a byte an entry
  CHECK(first(Proto().number(1, 1).number(2, 17).packed(5, {0x38})) == Doubles{1});             // float8e4m3fn
  CHECK(first(Proto().number(1, 1).number(2, 12).packed(11, {4000000000})) == Doubles{4e9});
  CHECK(first(Proto().number(1, 1).number(2, 11).message(10, Proto{std::string("\0\0\0\0\0\0\xf0\x3f", 8)})) ==
        Doubles{1});
  // A list in two packed runs and single elements between them.
  CHECK(first(Proto().number(1, 4).number(2, 7).packed(7, {1}).number(7, 2).number(7, 3).packed(7, {4})) ==
        Doubles{1, 2, 3, 4});
  CHECK(message_of(with_initializer(Proto().number(1, 2).number(2, 8).text(6, "a").text(6, ""))).empty());
  CHECK(message_of(with_initializer(Proto().number(1, 2).number(2, 14).real(4, 1).real(4, 2).real(4, 3).real(4, 4)))
            .empty());  // complex64
}

TEST_CASE("the last of a repeated scalar counts, fields come in any order") {
  const auto m = read_bytes(
      Proto()
          .message(8, Proto().number(2, 20).number(2, 21))
          .number(1, 3)
          .message(7,
                   Proto()
                       .message(12, value_info("y", {2}))
                       .message(11, value_info("x", {2}))
                       .text(2, "late")
                       .message(1, Proto().text(7, "ai.onnx").text(4, "Neg").text(4, "Relu").text(2, "y").text(1, "x")))
          .number(1, 9)
          .bytes);
  CHECK(m.ir_version == 9);
  CHECK(m.opset("ai.onnx") == 21);
  CHECK(m.graph.name == "late");
  CHECK(m.graph.nodes[0].is("Relu"));
  CHECK(m.graph.inputs[0].type.dims[0].value == 2);
}

TEST_CASE("attributes of every kind are read, and those that contradict themselves refused") {
  using Catch::Contains;
  using Kind = ir::Attribute::Kind;
  const auto list = Proto().text(1, "ints").number(8, 1).packed(8, {2, 3}).number(8, 4).number(20, 7);
  const auto reals = Proto().text(1, "floats").real(7, 1).message(7, Proto{std::string("\0\0\0\x40", 4)}).number(20, 6);
  const auto type = Proto().text(1, "type").number(20, 13).message(
      14, Proto().message(4, Proto().message(1, Proto().message(1, Proto().number(1, 7)))));
  const auto old = Proto().text(1, "old").number(3, 5);  // no kind, as in early files
  const auto m = read_bytes(
      model(small_graph().message(
                1, node("Op", {"x"}, {"z"}).message(5, list).message(5, reals).message(5, type).message(5, old)))
          .bytes);
  const auto& n = m.graph.nodes[1];
  CHECK(n.ints("ints") == std::vector<int64_t>{1, 2, 3, 4});
  CHECK(n.find("floats")->floats == std::vector<float>{1, 2});
  CHECK(n.find("type")->types[0].kind == ir::Type::Kind::sequence);
  CHECK(n.find("type")->types[0].element->elem == ir::DataType::int64);
  CHECK(n.find("old")->kind == Kind::int_);
  CHECK(n.int_or("old", 0) == 5);
  const auto refused = [](const Proto& attribute) {
    return message_of(model(small_graph().message(1, node("Op", {"x"}, {"z"}).message(5, attribute))));
  };
  CHECK_THAT(refused(Proto().text(1, "a").number(20, 1).message(5, tensor("", {}, 3, "a"))),
             Contains("attribute 'a' says it is of type 1 but holds field 5"));
  CHECK_THAT(refused(Proto().text(1, "a").number(20, 4)), Contains("attribute 'a' holds 0 values instead of one"));
  const auto t = tensor("", {}, 3, "a");
  CHECK_THAT(refused(Proto().text(1, "a").number(20, 4).message(5, t).message(5, t)), Contains("holds 2 values"));
}

TEST_CASE("nesting is bounded, in graphs and in types") {
  using Catch::Contains;
  CHECK(message_of(nested(64)).empty());
  CHECK_THAT(message_of(nested(65)), Contains("graphs nest deeper than 64"));
  CHECK_THAT(message_of(nested(3000)), Contains("graphs nest deeper than 64"));
  Proto type = Proto().message(1, Proto().number(1, 1));
  for (int i = 0; i < 5000; ++i) type = Proto().message(4, Proto().message(1, type));
  CHECK_THAT(message_of(model(small_graph().message(13, Proto().text(1, "z").message(2, type)))),
             Contains("types nest deeper than 64"));
}

TEST_CASE("odd but legal models are read") {
  CHECK(message_of(model(Proto().text(2, "no nodes"))).empty());
  const std::string name("a\nb\0\"\xff;=", 8);
  auto m =
      read_bytes(model(Proto().message(1, node("Relu", {"x"}, {"y"}, name)).message(11, value_info("x", {0}))).bytes);
  CHECK(m.graph.nodes[0].name == name);
  CHECK(m.graph.inputs[0].type.dims[0].value == 0);
  m = read_bytes(model(small_graph().message(13, value_info("z", {-1}))).bytes);  // -1: some exporters' "unknown"
  CHECK(m.graph.value_infos[0].type.dims[0].value == -1);
  Proto shape;
  for (int i = 0; i < 1000000; ++i) shape.message(1, Proto().number(1, 1));
  const auto many = Proto().text(1, "z").message(2, Proto().message(1, Proto().number(1, 1).message(2, shape)));
  CHECK(read_bytes(model(small_graph().message(13, many)).bytes).graph.value_infos[0].type.dims.size() == 1000000);
}
