// SPDX-License-Identifier: Apache-2.0
#include "exec/one_node.h"

#include <algorithm>

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "exec/fuse.h"
#include "exec/load.h"

using namespace allot;
using at::Tensor;
using exec::Value;
using test::OneNode;

namespace {

constexpr int64_t kTime = 5, kBatch = 3, kInput = 4, kHidden = 2;

Tensor some(const std::vector<int64_t>& dims, double phase) {
  int64_t count = 1;
  for (const int64_t d : dims) count *= d;
  return at::cos(at::arange(count, at::kDouble) * 1.7 + phase).reshape(dims);
}

// X, W, R, B for any of the three operators.
std::vector<Value> inputs(int64_t gates, int64_t directions) {
  return {some({kTime, kBatch, kInput}, 0), some({directions, gates * kHidden, kInput}, 1),
          some({directions, gates * kHidden, kHidden}, 2), some({directions, 2 * gates * kHidden}, 3)};
}

std::vector<ir::Attribute> direction(ir::Str name) {
  return ir::attributes(test::string_attribute("direction", name), ir::int_attribute("hidden_size", kHidden));
}

// An item of the batch alone, cut to its length.
std::vector<Value> alone(const std::vector<Value>& all, int64_t item, int64_t length) {
  auto one = all;
  one[0] = all[0].tensor().narrow(1, item, 1).narrow(0, 0, length);
  return one;
}

}  // namespace

TEST_CASE("an LSTM's loop and torch's kernel agree", "[rnn]") {
  for (const ir::Str way : {"forward", "reverse", "bidirectional"}) {
    const int64_t directions = way == "bidirectional" ? 2 : 1;
    auto given = inputs(4, directions);
    const auto fused = OneNode{"LSTM", 14, direction(way), 3}(given);
    // Peepholes of zero change nothing, but torch has none.
    given.resize(7);
    given.emplace_back(at::zeros({directions, 3 * kHidden}, at::kDouble));
    const auto looped = OneNode{"LSTM", 14, direction(way), 3}(given);
    CHECK(fused[0].dims() == std::vector<int64_t>{kTime, directions, kBatch, kHidden});
    for (size_t i = 0; i < 3; ++i) CHECK(test::close(looped[i], fused[i].tensor(), 1e-12));
  }
}

TEST_CASE("GRU and RNN agree with torch's kernels", "[rnn]") {
  // A clip that is never reached keeps the loop.
  const auto gru = [](bool loop) {
    auto attributes = direction("bidirectional");
    attributes.push_back(ir::int_attribute("linear_before_reset", 1));
    if (loop) attributes.push_back(ir::float_attribute("clip", 1e6f));
    return OneNode{"GRU", 14, std::move(attributes), 2}(inputs(3, 2));
  };
  const auto rnn = [](bool loop) {
    auto attributes = direction("reverse");
    attributes.push_back(test::strings_attribute("activations", {"Relu"}));
    if (loop) attributes.push_back(ir::float_attribute("clip", 1e6f));
    return OneNode{"RNN", 14, std::move(attributes), 2}(inputs(1, 1));
  };
  for (size_t i = 0; i < 2; ++i) {
    CHECK(test::close(gru(true)[i], gru(false)[i].tensor(), 1e-12));
    CHECK(test::close(rnn(true)[i], rnn(false)[i].tensor(), 1e-12));
  }
}

TEST_CASE("sequences of a batch end where they end", "[rnn]") {
  const std::vector<int64_t> lengths = {5, 2, 3};
  const auto given = inputs(3, 2);
  auto padded = given;
  padded.emplace_back(at::tensor(std::vector<int>{5, 2, 3}, at::kInt));
  const auto all = OneNode{"GRU", 14, direction("bidirectional"), 2}(padded);
  for (int64_t item = 0; item < kBatch; ++item) {
    const int64_t length = lengths[static_cast<size_t>(item)];
    const auto one = OneNode{"GRU", 14, direction("bidirectional"), 2}(alone(given, item, length));
    const Tensor y = all[0].tensor().narrow(2, item, 1);
    CHECK(test::close(y.narrow(0, 0, length), one[0].tensor(), 1e-12));
    CHECK(y.narrow(0, length, kTime - length).abs().sum().item<double>() == 0);
    CHECK(test::close(all[1].tensor().narrow(1, item, 1), one[1].tensor(), 1e-12));
  }
}

TEST_CASE("layout 1 has the batch first", "[rnn]") {
  const auto given = inputs(4, 1);
  auto first = given;
  first[0] = given[0].tensor().transpose(0, 1);
  auto attributes = direction("forward");
  attributes.push_back(ir::int_attribute("layout", 1));
  const auto y = OneNode{"LSTM", 14, std::move(attributes), 3}(first);
  const auto usual = OneNode{"LSTM", 14, direction("forward"), 3}(given);
  CHECK(test::close(y[0], usual[0].tensor().permute({2, 0, 1, 3}), 1e-12));
  CHECK(test::close(y[2], usual[2].tensor().transpose(0, 1), 1e-12));
}

TEST_CASE("activations take their parameters in order, and inputs are clipped", "[rnn]") {
  // One step from nothing: y = 2 x + 0.5, with x clipped to 0.25.
  auto attributes = ir::attributes(ir::int_attribute("hidden_size", 1), ir::float_attribute("clip", 0.25f),
                                   test::strings_attribute("activations", {"affine"}),
                                   test::floats_attribute("activation_alpha", {2}),
                                   test::floats_attribute("activation_beta", {0.5f}));
  OneNode node{"RNN", 22, std::move(attributes), 1};
  const auto y =
      node({test::floats({0.125, 3}, {1, 2, 1}), test::floats({1}, {1, 1, 1}), test::floats({1}, {1, 1, 1})});
  CHECK(test::close(y[0], test::floats({0.75, 1.0}, {1, 1, 2, 1})));
}

TEST_CASE("weights that do not fit and unknown activations are named", "[rnn]") {
  auto given = inputs(4, 1);
  given[2] = some({1, 3 * kHidden, kHidden}, 0);
  CHECK_THROWS_WITH((OneNode{"LSTM", 14, direction("forward"), 3}(given)),
                    Catch::Matchers::Contains("LSTM") && Catch::Matchers::Contains("do not fit"));
  CHECK_THROWS_WITH((OneNode{"LSTM", 14, direction("bidirectional"), 3}(inputs(4, 1))),
                    Catch::Matchers::Contains("do not fit 2 directions"));
  auto attributes = direction("forward");
  attributes.push_back(test::strings_attribute("activations", {"Sine", "Tanh", "Tanh"}));
  CHECK_THROWS_WITH((OneNode{"LSTM", 14, std::move(attributes), 3}(inputs(4, 1))),
                    Catch::Matchers::Contains("an activation is none"));
}

TEST_CASE("gates that are put into another order part by part are one kernel") {
  ir::Builder builder("gates");
  const ir::Str w = builder.ints({0, 1, 2, 3, 4, 5, 6, 7}), x = builder.input("x", ir::DataType::int64, {8});
  const auto part = [&](ir::Str source, int64_t begin, int64_t end) {
    return builder.add("Slice", {source, builder.ints({begin}), builder.ints({end}), builder.ints({0})});
  };
  const auto axis = [] { return ir::attributes(ir::int_attribute("axis", 0)); };
  const ir::Str whole = builder.add("Concat", {part(w, 0, 2), part(w, 6, 99), part(w, 2, 6)}, axis());
  const ir::Str lacking = builder.add("Concat", {part(w, 4, 8), part(w, 0, 3)}, axis());
  builder.output(builder.add("Add", {whole, x}), ir::DataType::int64, {8});
  builder.output(lacking, ir::DataType::int64, {7});
  ir::Model model = builder.finish();
  exec::Lowered lowered = exec::lower(model);
  exec::fuse(lowered, {}, {});
  const auto count = [&](ir::Str type) {
    const auto& nodes = lowered.model.graph.nodes;
    return std::count_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.op_type == type; });
  };
  CHECK(count("Reordered") == 1);
  CHECK(count("Slice") == 2);
  const auto outputs = exec::Program(model).run({at::zeros({8}, at::kLong)});
  CHECK(at::equal(outputs[0].tensor(), at::tensor({0, 1, 6, 7, 2, 3, 4, 5}, at::kLong)));
  CHECK(at::equal(outputs[1].tensor(), at::tensor({4, 5, 6, 7, 0, 1, 2}, at::kLong)));
}

namespace {

void store(ir::Model& model, ir::Str name, const Tensor& values) {
  ir::Tensor tensor;
  tensor.name = name;
  tensor.dtype = ir::DataType::float32;
  tensor.dims = values.sizes().vec();
  tensor.payload.where = ir::Payload::Where::owned;
  tensor.payload.owned = std::make_shared<const std::string>(exec::raw_bytes(Value(values.to(at::kFloat))));
  model.graph.initializers.push_back(std::move(tensor));
}

// A recurrent node whose W and R are put from torch's order of gates into ONNX's, as PyTorch's exporter writes them.
ir::Model with_torch_gates(ir::Str type, const std::vector<int64_t>& onnx_order, bool has_lengths) {
  constexpr int64_t kIn = 3;
  const auto gates = static_cast<int64_t>(onnx_order.size());
  ir::Builder builder("torch gates");
  const auto reordered = [&](ir::Str source) {
    std::vector<ir::Str> parts;
    for (const int64_t gate : onnx_order)
      parts.push_back(
          builder.add("Slice", {source, builder.ints({gate * kHidden}), builder.ints({(gate + 1) * kHidden}),
                                builder.ints({0}), builder.ints({1})}));
    const ir::Str joined = builder.add("Concat", parts, ir::attributes(ir::int_attribute("axis", 0)));
    return builder.add("Unsqueeze", {joined, builder.ints({0})});
  };
  const ir::Str x = builder.input("x", ir::DataType::float32, {4, 2, kIn});
  std::vector<ir::Str> inputs = {x, reordered("w"), reordered("r")};
  if (has_lengths) inputs.insert(inputs.end(), {"", builder.input("lengths", ir::DataType::int32, {2})});
  auto attributes = ir::attributes(ir::int_attribute("hidden_size", kHidden));
  if (type == "GRU") attributes.push_back(ir::int_attribute("linear_before_reset", 1));
  builder.output(builder.add(type, inputs, std::move(attributes)), ir::DataType::float32, {4, 1, 2, kHidden});
  ir::Model model = builder.finish();
  store(model, "w", some({gates * kHidden, kIn}, 1));
  store(model, "r", some({gates * kHidden, kHidden}, 2));
  return model;
}

}  // namespace

TEST_CASE("gates that an exporter put into ONNX's order stay in torch's", "[rnn]") {
  const bool has_lengths = GENERATE(false, true);
  const auto [type, order] = GENERATE(std::pair<ir::Str, std::vector<int64_t>>{"LSTM", {0, 3, 1, 2}},
                                      std::pair<ir::Str, std::vector<int64_t>>{"GRU", {1, 0, 2}});
  const ir::Model model = with_torch_gates(type, order, has_lengths);
  exec::Lowered lowered = exec::lower(model);
  exec::fuse(lowered, {}, {});
  REQUIRE(lowered.model.graph.nodes.size() == 1);
  CHECK(lowered.model.graph.nodes[0].domain == exec::kFusedDomain);
  std::vector<exec::Value> inputs = {at::linspace(-1, 1, 24).reshape({4, 2, 3})};
  if (has_lengths) inputs.emplace_back(at::tensor({4, 2}, at::kInt));
  exec::CompileOptions plain;
  plain.fuse = false;
  const auto expected = exec::Program(model, plain).run(inputs), got = exec::Program(model).run(inputs);
  CHECK(test::close(got[0], expected[0].tensor(), 1e-6));
  CHECK(expected[0].tensor().abs().max().item<double>() > 0.1);
}

TEST_CASE("gates in another order than torch's are put into it", "[rnn]") {
  const ir::Model model = with_torch_gates("LSTM", {0, 1, 3, 2}, false);
  exec::Lowered lowered = exec::lower(model);
  exec::fuse(lowered, {}, {});
  const auto& nodes = lowered.model.graph.nodes;
  CHECK(std::count_if(nodes.begin(), nodes.end(), [](const auto& node) { return node.op_type == "Reordered"; }) == 2);
}
