// SPDX-License-Identifier: Apache-2.0
#include "exec/remat.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>

#include "exec/program.h"
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
