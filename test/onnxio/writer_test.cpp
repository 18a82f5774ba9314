// SPDX-License-Identifier: Apache-2.0
#include "onnxio/writer.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

#include <unistd.h>

#include "base/error.h"
#include "ir/inline.h"
#include "ir/payload.h"
#include "ir/values.h"
#include "onnxio/annotate.h"
#include "onnxio/folder.h"
#include "onnxio/proto.h"
#include "onnxio/reader.h"

using namespace allot;
using namespace allot::test;

namespace {

ir::Model read_bytes(std::string bytes) { return onnxio::read(base::Bytes::from(std::move(bytes), "m.onnx")); }

Proto with_initializer(const Proto& tensor) { return model(Proto().text(2, "g").message(5, tensor)); }

/// Every message that Allot knows, fields out of order, unknown fields (99) everywhere, a length written in more bytes
/// than it takes, packed and unpacked lists, repeated scalars.
Proto odd_model() {
  const Proto unknown = Proto().text(99, "later");
  const auto entry = [&](std::string_view key) { return Proto().text(2, "v").message(99, unknown).text(1, key); };
  const auto w = Proto().text(9, "abcd").text(8, "w").number(2, 1).number(99, 1).number(1, 1).message(16, entry("t"));
  const auto attribute = Proto().number(20, 2).number(3, 1).number(3, 4).text(13, "doc").text(1, "alpha");
  const auto body = Proto().message(12, value_info("b", {})).message(1, node("Neg", {"x"}, {"b"})).text(2, "body");
  const auto branch = Proto().message(6, body).number(20, 5).text(1, "then_branch");
  auto first =
      Proto().text(4, "Op").message(5, attribute).text(2, "a").text(1, "x").message(9, entry("own")).text(6, "doc");
  first.text(7, "ai.onnx").message(99, unknown).number(100, 7).real(101, 1.0f);
  const auto device = Proto()
                          .number(3, 1)
                          .text(1, "other")
                          .message(2, Proto().message(4, Proto().number(1, 0)).packed(2, {0, 1}).text(1, "y"));
  const auto second = node("If", {"a"}, {"y"}).message(10, device).message(5, branch);
  Proto graph = Proto().message(12, value_info("y", {1})).message(1, first).message(5, w).text(10, "doc");
  graph.message(16, entry("g")).message(1, second).message(11, value_info("x", {1})).message(14, unknown).text(2, "g");
  Proto result = Proto().message(26, Proto().text(3, "d").number(2, 1).text(1, "other")).text(2, "made by hand");
  result.tag(7, 2).raw_varint(graph.bytes.size(), 5);
  result.bytes += graph.bytes;
  return result.number(1, 10).message(99, unknown).message(8, Proto().number(2, 21).text(1, "ai.onnx")).number(5, 0);
}

std::string edited(const Proto& proto, const std::function<void(ir::Model&)>& edit) {
  auto m = read_bytes(proto.bytes);
  edit(m);
  return onnxio::serialize(m);
}

}  // namespace

TEST_CASE("an odd but legal file survives, and so it does an edit and its undo") {
  const auto bytes = odd_model().bytes;
  auto m = read_bytes(bytes);
  CHECK(onnxio::serialize(m) == bytes);
  annotate(m);
  const auto annotated = onnxio::serialize(m);
  auto again = read_bytes(annotated);
  CHECK(again.ir_version == 11);
  CHECK(again.graph.nodes[0].metadata.size() == 2);
  CHECK(again.graph.nodes[1].device_configurations.size() == 2);
  CHECK(again.graph.nodes[1].attributes[0].graphs[0]->nodes[0].metadata.size() == 1);
  strip(m, 10);
  CHECK(onnxio::serialize(m) == bytes);
  // Once the graph was rewritten, its length has the short form: that alone differs.
  strip(again, 10);
  CHECK(onnxio::serialize(again).size() == bytes.size() - 3);
}

TEST_CASE("a new member follows the last of its list, a removed one vanishes, all else stays") {
  const auto entry = [](std::string_view key) { return Proto().text(1, key); };
  const auto source = [&](std::vector<std::string> keys) {
    Proto p = Proto().number(1, 10);
    for (const auto& key : keys) p.message(14, entry(key));
    return p.message(7, Proto().text(2, "g")).message(8, Proto().number(2, 21));
  };
  const auto abc = source({"a", "b", "c"});
  const auto keys = [](ir::Model & m) -> auto& { return m.metadata; };
  CHECK(edited(abc, [&](auto& m) { keys(m).push_back({"n", "", {}}); }) == source({"a", "b", "c", "n"}).bytes);
  CHECK(edited(abc, [&](auto& m) { keys(m).erase(keys(m).begin()); }) == source({"b", "c"}).bytes);
  CHECK(edited(abc, [&](auto& m) {
          keys(m).pop_back(), keys(m).push_back({"n", "", {}});
        }) == source({"a", "b", "n"}).bytes);
  CHECK(edited(abc, [&](auto& m) {
          keys(m).insert(keys(m).begin() + 1, {"n", "", {}});
        }) == source({"a", "n", "b", "c"}).bytes);
  CHECK(edited(abc, [&](auto& m) {
          keys(m).insert(keys(m).begin(), {"n", "", {}});
        }) == source({"n", "a", "b", "c"}).bytes);
  CHECK(edited(abc, [&](auto& m) { std::reverse(keys(m).begin(), keys(m).end()); }) == source({"c", "b", "a"}).bytes);
  CHECK(edited(abc, [&](auto& m) { keys(m) = {{"n", "", {}}}; }) == source({"n"}).bytes);
  CHECK(edited(abc, [&](auto& m) { keys(m).clear(); }) == source({}).bytes);
  CHECK(edited(abc, [&](auto& m) { keys(m)[1].key = "B"; }) == source({"a", "B", "c"}).bytes);
  // A list that was empty starts at the end of its message.
  CHECK(edited(source({}), [&](auto& m) {
          keys(m).push_back({"n", "", {}});
        }) == source({}).message(14, entry("n")).bytes);
}

TEST_CASE("a changed scalar is replaced where it stood, an added one comes last, an emptied one goes") {
  const auto n = node("Relu", {"x"}, {"y"}).text(6, "doc").text(3, "old");
  const auto with = [](const Proto& changed) {
    return model(Proto().message(1, changed).message(11, value_info("x", {})));
  };
  const auto edit = [&](auto change) {
    return edited(with(n), [&](ir::Model& m) {
      m.graph.nodes[0].edited = true;
      change(m.graph.nodes[0]);
    });
  };
  const auto base = node("Relu", {"x"}, {"y"}).text(6, "doc");
  CHECK(edit([](ir::Node&) {}) == with(n).bytes);
  CHECK(edit([](ir::Node& m) { m.name = "new"; }) == with(Proto(base).text(3, "new")).bytes);
  CHECK(edit([](ir::Node& m) { m.name = {}; }) == with(base).bytes);
  CHECK(edit([](ir::Node& m) { m.overload = "o"; }) == with(Proto(n).text(8, "o")).bytes);
  CHECK(edit([](ir::Node& m) {
          m.inputs = {"x", "", "x"};
        }) == with(node("Relu", {"x", "", "x"}, {"y"}).text(6, "doc").text(3, "old")).bytes);
}

TEST_CASE("payloads and types can be replaced") {
  const auto source = with_initializer(tensor("w", {4}, 3, "abcd"));
  const auto replaced = edited(source, [](ir::Model& m) {
    auto& w = m.graph.initializers[0];
    w.dims = {3};
    w.payload = {};
    w.payload.where = ir::Payload::Where::owned;
    w.payload.owned = std::make_shared<const std::string>("xyz");
    w.edited = true;
  });
  CHECK(replaced == with_initializer(tensor("w", {3}, 3, "xyz")).bytes);
  const auto typed = with_initializer(Proto().number(1, 2).number(2, 7).packed(7, {1, 2}).text(8, "w"));
  CHECK(edited(typed, [](ir::Model& m) { m.graph.initializers[0].edited = true; }) == typed.bytes);
  const auto retyped = edited(model(Proto().message(11, value_info("x", {-1, 2}))), [](ir::Model& m) {
    m.graph.inputs[0].type.dims[0].value = 8;
    m.graph.inputs[0].edited = true;
  });
  CHECK(retyped == model(Proto().message(11, value_info("x", {8, 2}))).bytes);
}

TEST_CASE("a model made in memory reads back as it was made") {
  ir::Model m;
  m.ir_version = 10;
  m.producer_name = "test";
  m.opset_imports = {{"", 21, {}}, {"local", 1, {}}};
  ir::ValueInfo x;
  x.name = "x";
  x.type.kind = ir::Type::Kind::map;
  x.type.elem = ir::DataType::int64;
  ir::Type element;
  element.kind = ir::Type::Kind::tensor;
  element.elem = ir::DataType::float16;
  element.has_shape = true;
  element.dims = {{0, {}}, {-1, "batch"}, {-1, {}}};
  x.type.element = std::make_shared<const ir::Type>(element);
  m.graph.inputs.push_back(x);
  ir::Node n;
  n.op_type = "Op";
  n.outputs = {"y"};
  const auto add = [&](ir::Str name, ir::Attribute::Kind kind) -> ir::Attribute& {
    auto& a = n.attributes.emplace_back();
    a.name = name;
    a.kind = kind;
    return a;
  };
  using Kind = ir::Attribute::Kind;
  add("zero", Kind::int_);
  add("f", Kind::float_).f = -2.5f;
  add("s", Kind::string).s = "text";
  add("ints", Kind::ints).ints = {-1, 0, 1ll << 40};
  add("floats", Kind::floats).floats = {0, 1};
  add("strings", Kind::strings).strings = {"", "b"};
  add("types", Kind::types).types = {element, element};
  auto& t = add("t", Kind::tensor).tensors.emplace_back();
  t.dtype = ir::DataType::int8;
  t.dims = {2};
  t.payload.where = ir::Payload::Where::owned;
  t.payload.owned = std::make_shared<const std::string>("ab");
  add("g", Kind::graph).graphs.push_back(std::make_unique<ir::Graph>());
  n.attributes.back().graphs[0]->name = "inner";
  m.graph.nodes.push_back(std::move(n));
  ir::Function f;
  f.name = "F";
  f.domain = "local";
  f.inputs = {"p"};
  f.outputs = {"p"};
  f.attributes = {"alpha"};
  m.functions.push_back(std::move(f));

  const auto bytes = onnxio::serialize(m);
  const auto r = read_bytes(bytes);
  CHECK(onnxio::serialize(r) == bytes);
  CHECK(r.opset("local") == 1);
  const auto& type = r.graph.inputs[0].type;
  CHECK((type.kind == ir::Type::Kind::map && type.elem == ir::DataType::int64));
  REQUIRE(type.element->dims.size() == 3);
  CHECK(type.element->dims[0].value == 0);
  CHECK(type.element->dims[1].symbol == "batch");
  CHECK((type.element->dims[2].value == -1 && type.element->dims[2].symbol.empty()));
  const auto& a = r.graph.nodes[0];
  CHECK(a.int_or("zero", 9) == 0);
  CHECK(a.float_or("f", 0) == -2.5f);
  CHECK(a.string_or("s", "") == "text");
  CHECK(a.ints("ints") == std::vector<int64_t>{-1, 0, 1ll << 40});
  CHECK(a.find("floats")->floats == std::vector<float>{0, 1});
  CHECK(a.find("strings")->strings == std::vector<ir::Str>{"", "b"});
  CHECK(a.find("types")->types.size() == 2);
  CHECK(ir::raw_bytes(r, a.find("t")->tensors[0]) == "ab");
  CHECK(a.graph("g")->name == "inner");
  REQUIRE(r.function("local", "F", "") != nullptr);
  CHECK(r.functions[0].attributes == std::vector<ir::Str>{"alpha"});
}

TEST_CASE("inlined functions are written with what their nodes carried") {
  const auto body = node("Relu", {"p"}, {"r"}, "inner").text(6, "doc").message(99, Proto().number(1, 1));
  const auto function = Proto()
                            .text(1, "F")
                            .text(4, "p")
                            .text(5, "r")
                            .message(7, body)
                            .message(9, Proto().number(2, 21))
                            .text(10, "local");
  auto source = model(Proto()
                          .text(2, "g")
                          .message(1, node("F", {"x"}, {"y"}, "call").text(7, "local"))
                          .message(1, node("Neg", {"y"}, {"z"}))
                          .message(11, value_info("x", {1}))
                          .message(12, value_info("z", {1})));
  source.message(8, Proto().text(1, "local").number(2, 1)).message(25, function);
  std::string bytes;
  {
    auto original = read_bytes(source.bytes);
    auto inlined = ir::inline_functions(original);
    original = {};  // what the result leans on must live on
    bytes = onnxio::serialize(inlined.model);
  }
  const auto m = read_bytes(bytes);
  REQUIRE(m.graph.nodes.size() == 2);
  CHECK(m.graph.nodes[0].name == "call/inner");
  CHECK(m.graph.nodes[1].inputs == std::vector<ir::Str>{"y"});
  CHECK(m.functions.empty());
  CHECK(bytes.find("doc") != bytes.npos);
  CHECK_NOTHROW(ir::resolve(m));
}

TEST_CASE("files are written whole, over the input too, and never beyond 2 GiB") {
  Folder folder;
  const auto path = folder.write("m.onnx", odd_model().bytes);
  auto m = onnxio::read(path);
  CHECK_THROWS_AS(onnxio::write(m, path, base::Replace::own), base::Error);
  annotate(m);
  const auto expected = onnxio::serialize(m);
  onnxio::write(m, path, base::Replace::any);
  CHECK(base::read_text(path) == expected);
  CHECK_THROWS_AS(onnxio::write(m, folder / "no/such/folder.onnx", base::Replace::own), base::Error);

  // A sparse file just under the limit: initializer { dims, type, name, raw_data } is its last field.
  constexpr uint64_t kRaw = (1ull << 31) - 100;
  Proto w = Proto().number(1, kRaw).number(2, 3).text(8, "w").tag(9, 2).raw_varint(kRaw);
  Proto graph = Proto().text(2, "g").tag(5, 2).raw_varint(w.bytes.size() + kRaw);
  graph.bytes += w.bytes;
  Proto large = Proto().number(1, 10).message(8, Proto().number(2, 21)).tag(7, 2).raw_varint(graph.bytes.size() + kRaw);
  large.bytes += graph.bytes;
  const auto large_path = folder.write("large.onnx", large.bytes);
  REQUIRE(::truncate(large_path.c_str(), static_cast<off_t>(large.bytes.size() + kRaw)) == 0);
  auto huge = onnxio::read(large_path);
  CHECK(ir::raw_bytes(huge, huge.graph.initializers[0]).size() == kRaw);
  const std::string note(200, 'n');
  huge.metadata.push_back({"note", note, {}});
  CHECK_THROWS_WITH(onnxio::write(huge, folder / "out.onnx", base::Replace::own),
                    Catch::Contains("more than the 2 GiB"));
  CHECK_FALSE(std::filesystem::exists(folder / "out.onnx"));
}
