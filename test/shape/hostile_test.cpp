// SPDX-License-Identifier: Apache-2.0
// Attributes, contents and shapes that no exporter writes: every operator must answer with a shape or an error.
#include <limits>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "shape/inferred.h"
#include "shape/one_node.h"
#include "shape/registry.h"

using namespace allot;
using namespace allot::test;

namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max(), kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kNumbers[] = {kMin,
                                kMin + 1,
                                -kMax / 2,
                                -4096,
                                -65,
                                -5,
                                -3,
                                -2,
                                -1,
                                0,
                                0,
                                1,
                                1,
                                1,
                                2,
                                2,
                                3,
                                4,
                                5,
                                7,
                                64,
                                65,
                                4096,
                                4097,
                                int64_t{1} << 31,
                                int64_t{1} << 53,
                                kMax / 32,
                                kMax - 1,
                                kMax};

int64_t any_number(base::Rng& rng) { return kNumbers[rng.below(std::size(kNumbers))]; }
int64_t any_size(base::Rng& rng) {
  return rng.below(12) == 0 ? std::abs(std::max(any_number(rng), -kMax)) : static_cast<int64_t>(rng.below(5));
}

Dims any_list(base::Rng& rng, uint32_t longest, int64_t (*number)(base::Rng&)) {
  Dims list(rng.below(longest + 1));
  for (int64_t& item : list) item = number(rng);
  return list;
}

Arg any_argument(base::Rng& rng) {
  switch (rng.below(9)) {
    case 0:
      return none();
    case 1:
      return scalar(any_number(rng));
    case 2:
      return ints(any_list(rng, 5, any_number));
    case 3:
      return flag(rng.below(2) != 0);
    case 4: {
      std::vector<float> values(rng.below(5));
      for (float& value : values) value = static_cast<float>(any_number(rng)) * (rng.below(2) != 0 ? 1.0f : 1e-9f);
      if (!values.empty() && rng.below(4) == 0) values[0] = std::numeric_limits<float>::quiet_NaN();
      return floats(values);
    }
    default:
      return t(any_list(rng, 5, any_size), static_cast<ir::DataType>(rng.below(ir::kMaxDataType + 1)));
  }
}

/// Every attribute that a rule reads.
const char* const kLists[] = {"axes",
                              "pads",
                              "strides",
                              "dilations",
                              "kernel_shape",
                              "output_shape",
                              "output_padding",
                              "perm",
                              "split",
                              "starts",
                              "ends",
                              "steps",
                              "shape",
                              "pooled_shape",
                              "value_ints",
                              "scan_input_axes",
                              "ngram_indexes",
                              "inputdimensions",
                              "qkv_hidden_sizes",
                              "classlabels_ints",
                              "repeats"};
const char* const kInts[] = {"axis",
                             "group",
                             "keepdims",
                             "to",
                             "dtype",
                             "blocksize",
                             "hidden_size",
                             "layout",
                             "transA",
                             "transB",
                             "start",
                             "end",
                             "k",
                             "batch_dims",
                             "allowzero",
                             "num_outputs",
                             "output_height",
                             "output_width",
                             "K",
                             "N",
                             "num_heads",
                             "kv_num_heads",
                             "q_num_heads",
                             "onesided",
                             "inverse",
                             "targets",
                             "n_targets",
                             "sample_size",
                             "noop_with_empty_axes",
                             "ceil_mode",
                             "new_axis",
                             "output_dtype",
                             "exclusive",
                             "num_scan_inputs",
                             "select_last_index",
                             "gather_axis",
                             "transBatchA",
                             "channels_last",
                             "stash_type"};
const char* const kTexts[][2] = {{"auto_pad", "SAME_LOWER"},
                                 {"auto_pad", "VALID"},
                                 {"direction", "bidirectional"},
                                 {"equation", "...ij,jk...->ik"},
                                 {"equation", "a,,b->"},
                                 {"reduction", "none"},
                                 {"keep_aspect_ratio_policy", "not_larger"},
                                 {"coordinate_transformation_mode", "tf_crop_and_resize"}};

std::vector<AttributeSpec> any_attributes(base::Rng& rng) {
  std::vector<AttributeSpec> attributes;
  for (const char* name : kLists)
    if (rng.below(6) == 0) attributes.push_back(attr(name, any_list(rng, 5, any_number)));
  for (const char* name : kInts)
    if (rng.below(5) == 0) attributes.push_back(attr(name, any_number(rng)));
  for (const auto& [name, text] : kTexts)
    if (rng.below(8) == 0) attributes.push_back(attr(name, text));
  return attributes;
}

/// A body of up to 4 inputs and 4 outputs that hands inputs on, computes with them or ignores them.
GraphBuilder any_body(GraphBuilder& around, base::Rng& rng, const std::string& prefix) {
  GraphBuilder body = around.body();
  std::vector<std::string> values = {"outer"};
  const uint32_t inputs = rng.below(5), nodes = 1 + rng.below(4), outputs = rng.below(5);
  for (uint32_t i = 0; i < inputs; ++i) {
    values.push_back(prefix + "in" + std::to_string(i));
    body.input(values.back(), any_list(rng, 3, any_size));
  }
  const char* const operators[] = {"Identity", "Concat", "Add", "NonZero", "SequenceConstruct", "Shape", "Not"};
  for (uint32_t i = 0; i < nodes; ++i) {
    const std::string name = prefix + "v" + std::to_string(i);
    const auto pick = [&] { return values[rng.below(static_cast<uint32_t>(values.size()))]; };
    std::vector<std::string> in{pick()};
    if (rng.below(2) != 0) in.push_back(pick());
    body.node(operators[rng.below(std::size(operators))], in, {name}, {attr("axis", 0)});
    values.push_back(name);
  }
  for (uint32_t i = 0; i < outputs; ++i) body.output(values[1 + rng.below(static_cast<uint32_t>(values.size() - 1))]);
  return body;
}

}  // namespace

TEST_CASE("no operator falls over absurd attributes, contents and shapes") {
  const auto operators = shape::known_operators();
  size_t refused = 0, answered = 0;
  for (uint32_t op = 0; op < operators.size(); ++op)
    for (uint32_t trial = 0; trial < 60; ++trial) {
      base::Rng rng(1, op, trial);
      std::vector<Arg> arguments(rng.below(7));
      for (Arg& argument : arguments) argument = any_argument(rng);
      const int64_t opset = 7 + static_cast<int64_t>(rng.below(21));
      INFO(operators[op] << " trial " << trial);
      try {
        const OneNode node(operators[op], arguments, any_attributes(rng), opset, rng.below(5));
        ++answered;
        if (node.outputs() == 0) continue;
        for (const int64_t dim : node.dims()) CHECK(dim >= 0);
        if (node.known()) CHECK(static_cast<int64_t>(node.content().size()) == node.type().elements());
      } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::malformed);
        ++refused;
      }
    }
  CHECK(answered > 1000);
  CHECK(refused > 1000);
}

TEST_CASE("bodies that do not fit their operator are answered, too") {
  const char* const kOperators[] = {"If",         "Loop", "Scan", "SequenceMap", "ai.onnx.preview.FlexAttention",
                                    "acme.Custom"};
  size_t answered = 0;
  for (uint32_t op = 0; op < std::size(kOperators); ++op)
    for (uint32_t trial = 0; trial < 300; ++trial) {
      base::Rng rng(2, op, trial);
      INFO(kOperators[op] << " trial " << trial);
      ModelBuilder b(rng.below(3) == 0 ? 8 : 9 + static_cast<int64_t>(rng.below(19)));  // Scan-8 is its own form
      b.input("outer", any_list(rng, 3, any_size)).input("c", {}, ir::DataType::boolean).bool_scalar("yes", true);
      b.int_scalar("n", any_number(rng)).node("SequenceConstruct", {"outer"}, {"s"});
      const std::string choices[] = {"outer", "c", "yes", "n", "s", ""};
      std::vector<std::string> in(rng.below(6)), out(rng.below(6));
      for (auto& name : in) name = choices[rng.below(std::size(choices))];
      for (size_t i = 0; i < out.size(); ++i) out[i] = rng.below(5) == 0 ? "" : "o" + std::to_string(i);
      const bool branches = rng.below(2) != 0;
      auto attributes = any_attributes(rng);
      attributes.push_back(attr("num_scan_inputs", 1 + rng.below(2)));
      attributes.push_back(attr(branches ? "then_branch" : "body", any_body(b, rng, "a")));
      attributes.push_back(attr(branches ? "else_branch" : "score_mod", any_body(b, rng, "b")));
      b.node(kOperators[op], in, out, std::move(attributes)).output("outer");
      try {
        const Inferred inferred(b.build());
        ++answered;
      } catch (const base::Error& error) {
        CHECK(error.kind() == base::ErrorKind::malformed);
      }
    }
  CHECK(answered > 300);
}

TEST_CASE("what is remembered is bounded, however much could be known") {
  // Each product is known and has 4096 elements: 2^24 of them are kept, the rest is only shaped.
  ModelBuilder b;
  b.ints("x", Dims(4096, 3));
  for (int i = 0; i < 6000; ++i) b.node("Neg", {"x"}, {"y" + std::to_string(i)});
  b.node("SequenceConstruct", {"x", "x"}, {"s"}).output("s");
  const Inferred inferred(b.build());
  size_t known = 0;
  for (const auto& content : inferred.result.content) known += content.data.size();
  CHECK(known == size_t{1} << 24);
  CHECK(inferred.dims("y5999") == Dims{4096});
}

TEST_CASE("what is read of known values is bounded, too") {
  // Sums are scalars, so nothing much is kept, but each reads 4096 elements: 2^15 of them exhaust what may be read.
  ModelBuilder b;
  b.ints("x", Dims(4096, 3));
  constexpr int kSums = (1 << 15) + 100;
  for (int i = 0; i < kSums; ++i) b.node("ReduceSum", {"x"}, {"y" + std::to_string(i)}, {attr("keepdims", 0)});
  const Inferred inferred(b.build());
  CHECK(inferred.content("y0") == std::vector<double>{4096 * 3});
  size_t known = 0;
  for (const auto& content : inferred.result.content) known += content.known ? 1 : 0;
  CHECK(known == 1 + (1 << 15));
  CHECK(inferred.dims("y" + std::to_string(kSums - 1)) == Dims{});
  CHECK(inferred.result.warnings.size() == 1);
}
