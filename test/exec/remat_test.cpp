// SPDX-License-Identifier: Apache-2.0
#include "exec/remat.h"

#include <limits>
#include <tuple>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/clone.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <c10/core/GradMode.h>

#include <catch2/catch.hpp>

#include "exec/program.h"
#include "exec/segment_watch.h"
#include "ir/builder.h"

using namespace allot;

namespace {

/// Twelve times h = dropout(tanh(h + x w)), with one weight.
ir::Model deep() {
  ir::Builder builder("deep");
  const ir::Str x = builder.input("x", ir::DataType::float32, {4, 4});
  ir::Str h = x;
  for (int i = 0; i < 12; ++i)
    h = builder.add("Dropout", {builder.add("Tanh", {builder.add("Add", {h, builder.add("MatMul", {x, "w"})})})});
  builder.output(h, ir::DataType::float32, {4, 4});
  ir::Model model = builder.finish();
  ir::Tensor w;
  w.name = "w";
  w.dtype = ir::DataType::float32;
  w.dims = {4, 4};
  w.payload.where = ir::Payload::Where::owned;
  w.payload.owned = std::make_shared<const std::string>(64, '\x3d');
  model.graph.initializers.push_back(std::move(w));
  return model;
}

struct Result {
  at::Tensor output, gradient;
};

Result train(size_t remat, const at::Tensor& x) {
  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  options.remat = remat;
  const exec::Program program(deep(), options);
  CHECK(program.plan().segments.size() == remat);
  exec::RunMode mode;
  mode.training = true;
  mode.seed = 7;
  const at::Tensor output = program.run({exec::Value(x)}, mode).at(0).tensor();
  output.sum().backward();
  return {output.detach(), program.parameters()[0].tensor.grad()};
}

/// tanh(tanh(tanh(x t) w) t) with t = transpose of w, which is made first and used last: a view that crosses borders.
ir::Model with_view() {
  ir::Model model = deep();
  model.graph.nodes.clear();
  const auto node = [&](const char* op, std::vector<const char*> inputs, const char* output) {
    ir::Node& made = model.graph.nodes.emplace_back();
    made.op_type = op;
    made.name = output;
    for (const char* input : inputs) made.inputs.push_back(model.intern(input));
    made.outputs = {model.intern(output)};
  };
  node("Transpose", {"w"}, "t");
  const char* last = "x";
  for (const auto& [weight, product, result] :
       {std::tuple("t", "p1", "r1"), std::tuple("w", "p2", "r2"), std::tuple("t", "p3", "r3")}) {
    node("MatMul", {last, weight}, product);
    node("Tanh", {product}, result);
    last = result;
  }
  model.graph.outputs[0].name = model.intern("r3");
  return model;
}

/// Weights are there while a segment runs, and nowhere else.
class Spoiler final : public exec::SegmentWatch {
 public:
  explicit Spoiler(const at::Tensor& weight) : weight_(weight.variable_data()), kept_(weight_.clone()) { spoil(); }
  void before(size_t segment) override {
    seen.push_back(segment);
    weight_.copy_(kept_);
  }
  void after(size_t) override { spoil(); }

  std::vector<size_t> seen;

 private:
  void spoil() { weight_.fill_(std::numeric_limits<float>::quiet_NaN()); }
  at::Tensor weight_, kept_;
};

}  // namespace

TEST_CASE("recomputed segments give the same results and gradients, random numbers included") {
  const at::Tensor x = at::randn({4, 4});
  const Result kept = train(0, x);
  CHECK(kept.gradient.abs().max().item<float>() > 0);
  for (const size_t count : {2, 5, 12}) {
    const Result recomputed = train(count, x);
    CHECK(at::equal(recomputed.output, kept.output));
    CHECK(at::allclose(recomputed.gradient, kept.gradient, 1e-5, 1e-6));
  }
}

TEST_CASE("who watches segments may take weights away between them") {
  exec::CompileOptions options;
  options.trained = {{"w", {}}};
  options.remat = 4;
  const exec::Program program(with_view(), options);
  const at::Tensor leaf = program.parameters()[0].tensor, x = at::randn({4, 4});
  exec::RunMode mode;
  mode.training = true;
  const auto run = [&] { return program.run({exec::Value(x)}, mode).at(0).tensor(); };
  const at::Tensor expected = run();
  expected.sum().backward();
  const at::Tensor gradient = leaf.grad().clone();
  leaf.mutable_grad() = at::Tensor();

  Spoiler spoiler(leaf);
  const exec::Watched watched(&spoiler);
  {
    const at::NoGradGuard no_gradients;
    CHECK(at::equal(run(), expected));
  }
  CHECK(spoiler.seen == std::vector<size_t>{0, 1, 2, 3});
  spoiler.seen.clear();
  const at::Tensor found = run();
  CHECK(at::equal(found, expected));
  found.sum().backward();
  CHECK(at::equal(leaf.grad(), gradient));
  CHECK(spoiler.seen == std::vector<size_t>{0, 1, 2, 3, 3, 2, 1, 0});
}
