// SPDX-License-Identifier: Apache-2.0
// Strings, sequences and labels, where ONNX's suite has no case.
#include "exec/one_node.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using exec::Sequence;
using exec::Strings;
using exec::Value;
using ir::DataType;
using ir::int_attribute;
using ir::ints_attribute;
using test::floats;
using test::ints;
using test::OneNode;
using test::string_attribute;
using test::strings_attribute;

namespace {

using List = std::vector<std::string>;

Value words(List list) {
  const auto n = static_cast<int64_t>(list.size());
  return Value(Strings{std::move(list), {n}});
}

}  // namespace

TEST_CASE("text: splitting at spaces keeps the rest whole") {
  auto split =
      OneNode{"StringSplit", 20, ir::attributes(int_attribute("maxsplit", 1)), 2}({words({"  a b  c ", " ", "x"})});
  CHECK(split[0].dims() == std::vector<int64_t>{3, 2});
  CHECK(split[0].strings().data == List{"a", "b  c ", "", "", "x", ""});
  CHECK(at::equal(split[1].tensor(), ints({2, 0, 1})));
  split = OneNode{"StringSplit", 20, ir::attributes(string_attribute("delimiter", ", ")), 2}({words({"a, b,c, ", ""})});
  CHECK(split[0].strings().data == List{"a", "b,c", "", "", "", ""});
  CHECK(at::equal(split[1].tensor(), ints({3, 1})));
}

TEST_CASE("text: stop words go, letters of all scripts change case") {
  auto result =
      OneNode{"StringNormalizer", 10,
              ir::attributes(strings_attribute("stopwords", {"ÄRGER"}),
                             string_attribute("case_change_action", "UPPER"))}({words({"ärger", "öl", "ja"})});
  CHECK(result[0].strings().data == List{"ÖL", "JA"});
  CHECK_THROWS_WITH((OneNode{"StringNormalizer", 10,
                             ir::attributes(string_attribute("case_change_action", "LOWER"),
                                            string_attribute("locale", "tr_TR"))}({words({"I"})})),
                    Catch::Contains("locale"));
}

TEST_CASE("text: concatenation broadcasts") {
  const Value column = Value(Strings{{"a", "b"}, {2, 1}});
  const auto result = OneNode{"StringConcat", 20, {}}({column, words({"x", "y"})})[0];
  CHECK(result.dims() == std::vector<int64_t>{2, 2});
  CHECK(result.strings().data == List{"ax", "ay", "bx", "by"});
}

TEST_CASE("text: a pattern that is wrong is an error of the model") {
  CHECK_THROWS_WITH(
      (OneNode{"RegexFullMatch", 20, ir::attributes(string_attribute("pattern", "a(b"))}({words({"ab"})})),
      Catch::Contains("RegexFullMatch") && Catch::Contains("not closed"));
}

TEST_CASE("text: n-grams of strings with weights, over skips") {
  const auto run = [](const char* mode, int64_t skips) {
    return OneNode{
        "TfIdfVectorizer", 9,
        ir::attributes(string_attribute("mode", mode), int_attribute("min_gram_length", 1),
                       int_attribute("max_gram_length", 2), int_attribute("max_skip_count", skips),
                       ints_attribute("ngram_counts", {0, 1}), ints_attribute("ngram_indexes", {2, 0}),
                       strings_attribute("pool_strings", {"a", "a", "b"}),
                       test::floats_attribute("weights", {10, 0.5}))}({words({"a", "x", "b", "a", "b", "?"})})[0];
  };
  CHECK(test::close(run("TF", 0), floats({1, 0, 2}, {3})));
  CHECK(test::close(run("TF", 1), floats({2, 0, 2}, {3})));
  CHECK(test::close(run("TFIDF", 1), floats({1, 0, 20}, {3})));
  CHECK(test::close(run("IDF", 1), floats({0.5, 0, 10}, {3})));
}

TEST_CASE("text: a sequence is taken apart and put together") {
  ir::Builder builder("sequence", 17);
  const ir::Str x = builder.input("x", DataType::float32, {5, 2});
  const ir::Str parts = builder.add("SplitToSequence", {x, builder.ints({2, 3})});
  const ir::Str last = builder.add("SequenceAt", {parts, builder.ints({-1})});
  const ir::Str longer = builder.add("SequenceInsert", {parts, last, builder.ints({0})});
  const ir::Str shorter = builder.add("SequenceErase", {longer});
  builder.output(builder.add("ConcatFromSequence", {shorter}, ir::attributes(int_attribute("axis", 0))),
                 DataType::float32, {});
  builder.output(builder.add("SequenceLength", {longer}), DataType::int64, {});
  builder.output(shorter, DataType::undefined, {});
  const exec::Program program(builder.finish());
  const at::Tensor input = at::arange(10, at::kFloat).reshape({5, 2}).requires_grad_();
  const auto outputs = program.run({input});
  CHECK(
      at::equal(outputs[0].tensor(), at::tensor({4., 5., 6., 7., 8., 9., 0., 1., 2., 3.}, at::kFloat).reshape({5, 2})));
  CHECK(outputs[1].tensor().item<int64_t>() == 3);
  CHECK(outputs[2].sequence().size() == 2);
  outputs[0].tensor().select(0, 0).sum().backward();
  CHECK(input.grad().select(0, 2).sum().item<float>() == 2);
}

TEST_CASE("text: positions out of a sequence are errors") {
  ir::Builder builder("sequence", 17);
  const ir::Str x = builder.input("x", DataType::float32, {5, 2});
  const ir::Str at = builder.input("at", DataType::int64, {});
  builder.output(builder.add("SequenceAt", {builder.add("SequenceConstruct", {x, x}), at}), DataType::float32, {});
  const exec::Program program(builder.finish());
  const at::Tensor input = floats(std::vector<double>(10), {5, 2});
  CHECK_THROWS_WITH(program.run({input, ints({2}).reshape({})}), Catch::Contains("position 2"));
  CHECK(program.run({input, ints({-2}).reshape({})})[0].tensor().numel() == 10);
}
