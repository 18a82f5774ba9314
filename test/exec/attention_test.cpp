// SPDX-License-Identifier: Apache-2.0
#include "exec/one_node.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>

#include <limits>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using at::Tensor;
using exec::Value;
using test::OneNode;

namespace {

Tensor some(const std::vector<int64_t>& dims, double phase) {
  int64_t count = 1;
  for (const int64_t d : dims) count *= d;
  return at::cos(at::arange(count, at::kDouble) * 1.3 + phase).reshape(dims);
}

// softmax(q k^T / sqrt(size) + bias) v, with as many heads everywhere.
Tensor reference(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  const Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
  return at::matmul(at::softmax(scores + bias, -1), v);
}

Tensor minus_infinity_where_not(const Tensor& seen) {
  return at::where(seen, at::Scalar(0.0), at::Scalar(-INFINITY)).to(at::kDouble);
}

}  // namespace

TEST_CASE("causal attention with a past sees what was before", "[attention]") {
  const Tensor q = some({2, 4, 3, 8}, 0), k = some({2, 2, 3, 8}, 1), v = some({2, 2, 3, 6}, 2);
  const Tensor past_k = some({2, 2, 5, 8}, 3), past_v = some({2, 2, 5, 6}, 4);
  OneNode node{"Attention", 23, ir::attributes(ir::int_attribute("is_causal", 1)), 3};
  const auto y = node({q, k, v, {}, past_k, past_v});
  const Tensor all_k = at::cat({past_k, k}, 2), all_v = at::cat({past_v, v}, 2);
  CHECK(test::close(y[1], all_k));
  const Tensor seen = at::arange(8) <= at::arange(5, 8).unsqueeze(1);
  const Tensor wanted =
      reference(q, all_k.repeat_interleave(2, 1), all_v.repeat_interleave(2, 1), minus_infinity_where_not(seen));
  CHECK(test::close(y[0], wanted, 1e-10));
}

TEST_CASE("padding tokens of a cache are not seen", "[attention]") {
  const Tensor q = some({2, 2, 3, 4}, 0), k = some({2, 2, 5, 4}, 1), v = some({2, 2, 5, 4}, 2);
  const Tensor lengths = at::tensor(std::vector<int64_t>{5, 2}, at::kLong);
  const Tensor mask = at::ones({3, 4}, at::kBool);  // shorter than the keys: the last one is hidden
  OneNode node{"Attention", 24, ir::attributes(ir::float_attribute("softcap", 0)), 1};
  const auto y = node({q, k, v, mask, {}, {}, lengths});
  const Tensor seen = (at::arange(5) < 4).logical_and(at::arange(5) < lengths.reshape({2, 1, 1, 1}));
  CHECK(test::close(y[0], reference(q, k, v, minus_infinity_where_not(seen)), 1e-10));
}

TEST_CASE("a tiny softcap is linear, and precision can be asked for", "[attention]") {
  const Tensor q = some({1, 2, 3, 4}, 0), k = some({1, 2, 5, 4}, 1), v = some({1, 2, 5, 4}, 2);
  OneNode node{"Attention", 23,
               ir::attributes(ir::float_attribute("softcap", 1e4f), ir::int_attribute("softmax_precision", 11)), 1};
  const auto y = node({q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat)});
  CHECK(test::close(y[0], reference(q, k, v, at::zeros({1}, at::kDouble)).to(at::kFloat), 1e-4));
}

TEST_CASE("attention names what does not fit", "[attention]") {
  const Tensor q = some({1, 3, 2, 4}, 0), k = some({1, 2, 5, 4}, 1);
  OneNode heads{"Attention", 23, {}, 4};
  CHECK_THROWS_WITH(heads({q, k, k}), Catch::Matchers::Contains("Attention"));
  OneNode packed{"Attention", 23, ir::attributes(ir::int_attribute("q_num_heads", 5)), 1};
  const Tensor flat = some({1, 2, 12}, 0);
  CHECK_THROWS_WITH(packed({flat, flat, flat}), Catch::Matchers::Contains("cannot be cut into 5 heads"));
  OneNode stage{"Attention", 23, ir::attributes(ir::int_attribute("qk_matmul_output_mode", 7)), 4};
  CHECK_THROWS_WITH(stage({q, q, q}), Catch::Matchers::Contains("qk_matmul_output_mode"));
}

TEST_CASE("rotary embedding keeps the length of every pair", "[attention]") {
  const Tensor x = some({1, 2, 3, 4}, 0), angle = some({3, 2}, 5);
  const Tensor positions = at::tensor(std::vector<int64_t>{2, 0, 1}, at::kLong).reshape({1, 3});
  OneNode node{"RotaryEmbedding", 23, {}};
  const Tensor y = node({x, at::cos(angle), at::sin(angle), positions})[0].tensor();
  const auto lengths = [](const Tensor& t) { return (t * t).unflatten(3, {2, 2}).sum(3); };
  CHECK(at::allclose(lengths(y), lengths(x), 1e-12, 1e-12));
  // The second token has position 0.
  const Tensor a = angle.select(0, 0), token = x.select(2, 1);
  const Tensor wanted = token.narrow(2, 0, 2) * at::cos(a) - token.narrow(2, 2, 2) * at::sin(a);
  CHECK(at::allclose(y.select(2, 1).narrow(2, 0, 2), wanted, 1e-12, 1e-12));
}

TEST_CASE("attention written out is one kernel, wherever the scale is", "[attention]") {
  const auto written = [](bool before, bool after) {
    ir::Builder builder("attention");
    ir::Str q = builder.input("q", ir::DataType::float32, {1, 2, 5, 4});
    ir::Str k = builder.input("k", ir::DataType::float32, {1, 2, 4, 5});
    const ir::Str v = builder.input("v", ir::DataType::float32, {1, 2, 5, 4});
    const ir::Str mask = builder.input("mask", ir::DataType::float32, {1, 1, 5, 5});
    if (before) {
      q = builder.add("Mul", {q, builder.number(0.5f)});
      k = builder.add("Mul", {k, builder.number(0.25f)});
    }
    ir::Str scores = builder.add("MatMul", {q, k});
    if (after) scores = builder.add("Div", {scores, builder.number(3)});
    const ir::Str shares =
        builder.add("Softmax", {builder.add("Add", {scores, mask})}, ir::attributes(ir::int_attribute("axis", -1)));
    builder.output(builder.add("MatMul", {shares, v}), ir::DataType::float32, {1, 2, 5, 4});
    return builder.finish();
  };
  const Tensor causal = at::full({1, 1, 5, 5}, std::numeric_limits<float>::lowest()).triu(1);
  Tensor open = causal.clone(), biased = causal.clone();
  open[0][0][1][3] = 0;     // seen, though later
  biased[0][0][3][1] = -1;  // not quite nothing
  const std::vector<Tensor> masks = {at::randn({1, 1, 5, 5}), causal, open, biased};
  for (const bool before : {false, true}) {
    for (const bool after : {false, true}) {
      const ir::Model model = written(before, after);
      exec::CompileOptions apart;
      apart.fuse = false;
      const exec::Program fused(model), whole(model, apart);
      CHECK(fused.plan().blocks[0].steps.size() == 1);
      for (const Tensor& mask : masks) {
        const std::vector<exec::Value> inputs = {at::randn({1, 2, 5, 4}), at::randn({1, 2, 4, 5}),
                                                 at::randn({1, 2, 5, 4}), mask};
        CHECK(at::allclose(fused.run(inputs)[0].tensor(), whole.run(inputs)[0].tensor(), 1e-5, 1e-6));
      }
      apart.fuse = true;
      apart.parts.assign(model.graph.nodes.size(), 0);
      apart.parts.back() = 1;  // the last product is elsewhere
      CHECK(exec::Program(model, apart).plan().blocks[0].steps.size() == model.graph.nodes.size());
    }
  }
}
