// SPDX-License-Identifier: Apache-2.0
// Random numbers: their distributions, and that they depend on the key alone.
#include <cmath>

#include "exec/one_node.h"

#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;
using exec::RunMode;
using ir::DataType;
using ir::float_attribute;
using ir::int_attribute;
using ir::ints_attribute;

namespace {

/// A model of one node without inputs, or with one of shape [1000, 100].
exec::Program program(ir::Str type, int64_t opset, std::vector<ir::Attribute> attributes, size_t outputs = 1,
                      bool has_input = true, exec::KernelOptions options = {}) {
  ir::Builder builder("random", opset);
  std::vector<ir::Str> inputs;
  if (has_input) inputs.push_back(builder.input("x", DataType::float32, {1000, 100}));
  for (const ir::Str output : builder.add_many(type, inputs, outputs, std::move(attributes)))
    builder.output(output, DataType::undefined, {});
  exec::CompileOptions compile;
  compile.kernels = options;
  return exec::Program(builder.finish(), compile);
}

at::Tensor draw(const exec::Program& program, const RunMode& mode, std::vector<exec::Value> inputs = {}) {
  return program.run(inputs, mode)[0].tensor();
}

}  // namespace

TEST_CASE("random: the key decides, not the threads") {
  const auto normal = program("RandomNormal", 13, ir::attributes(ints_attribute("shape", {123, 457})), 1, false);
  const at::Tensor first = draw(normal, {false, 7, 3});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  CHECK(at::equal(first, draw(normal, {false, 7, 3})));
  at::set_num_threads(threads);
  CHECK_FALSE(at::equal(first, draw(normal, {false, 8, 3})));
  CHECK_FALSE(at::equal(first, draw(normal, {false, 7, 4})));
  const auto seeded = program(
      "RandomNormal", 13, ir::attributes(ints_attribute("shape", {123, 457}), float_attribute("seed", 2)), 1, false);
  CHECK_FALSE(at::equal(first, draw(seeded, {false, 7, 3})));
}

TEST_CASE("random: distributions") {
  const std::vector<int64_t> dims = {100000};
  const auto numbers = [&](ir::Str type, float a, float b, DataType dtype) {
    const bool is_normal = type == "RandomNormal";
    return draw(program(type, 13,
                        ir::attributes(ints_attribute("shape", dims), float_attribute(is_normal ? "mean" : "low", a),
                                       float_attribute(is_normal ? "scale" : "high", b),
                                       int_attribute("dtype", static_cast<int64_t>(dtype))),
                        1, false),
                {});
  };
  for (const DataType dtype : {DataType::float32, DataType::float64}) {
    const at::Tensor normal = numbers("RandomNormal", 2, 3, dtype).to(at::kDouble);
    CHECK(normal.mean().item<double>() == Approx(2).margin(0.04));
    CHECK(normal.std().item<double>() == Approx(3).margin(0.03));
    CHECK((normal - 2).pow(3).mean().item<double>() / 27 == Approx(0).margin(0.04));
    CHECK(((normal - 2) / 3).abs().gt(2).to(at::kDouble).mean().item<double>() == Approx(0.0455).margin(0.003));
    const at::Tensor uniform = numbers("RandomUniform", -1, 3, dtype).to(at::kDouble);
    CHECK(uniform.min().item<double>() >= -1);
    CHECK(uniform.max().item<double>() < 3);
    CHECK(uniform.mean().item<double>() == Approx(1).margin(0.02));
    CHECK(uniform.var().item<double>() == Approx(16.0 / 12).margin(0.02));
  }
  CHECK(numbers("RandomUniform", 0, 1, DataType::float16).scalar_type() == at::kHalf);
}

TEST_CASE("random: Bernoulli and Multinomial follow their probabilities") {
  const at::Tensor chance = at::full({1000, 100}, 0.3);
  const at::Tensor hits = draw(program("Bernoulli", 15, ir::attributes(int_attribute("dtype", 9))), {}, {chance});
  CHECK(hits.scalar_type() == at::kBool);
  CHECK(hits.to(at::kFloat).mean().item<float>() == Approx(0.3).margin(0.005));
  at::Tensor logits = at::full({1000, 100}, -30.0);
  logits.select(1, 5).fill_(1 + std::log(3.f));
  logits.select(1, 99).fill_(1);
  const at::Tensor classes =
      draw(program("Multinomial", 13, ir::attributes(int_attribute("sample_size", 100))), {}, {logits});
  CHECK(classes.scalar_type() == at::kInt);
  CHECK(classes.eq(5).to(at::kFloat).mean().item<float>() == Approx(0.75).margin(0.01));
  CHECK(classes.eq(99).to(at::kFloat).mean().item<float>() == Approx(0.25).margin(0.01));
}

TEST_CASE("random: Dropout drops in training alone, by its ratio or the user's") {
  const at::Tensor x = at::ones({1000, 100});
  const auto attribute = program("Dropout", 7, ir::attributes(float_attribute("ratio", 0.25)), 2);
  CHECK(at::equal(draw(attribute, {false, 1, 1}, {x}), x));
  const auto outputs = attribute.run({x}, {true, 1, 1});
  const at::Tensor y = outputs[0].tensor(), mask = outputs[1].tensor();
  CHECK(mask.scalar_type() == at::kFloat);
  CHECK(mask.mean().item<float>() == Approx(0.75).margin(0.005));
  CHECK(at::equal(y, mask / 0.75f));
  CHECK(at::equal(y, draw(attribute, {true, 1, 1}, {x})));
  CHECK_FALSE(at::equal(y, draw(attribute, {true, 1, 2}, {x})));
  const auto with_default = program("Dropout", 13, {}, 2);
  CHECK(with_default.run({x}, {true, 1, 1})[1].tensor().to(at::kFloat).mean().item<float>() ==
        Approx(0.5).margin(0.005));
  CHECK(with_default.run({x}, {false, 1, 1})[1].tensor().all().item<bool>());
  exec::KernelOptions off, all;
  off.dropout = 0;
  all.dropout = 1;
  CHECK(at::equal(draw(program("Dropout", 13, {}, 1, true, off), {true, 1, 1}, {x}), x));
  CHECK(draw(program("Dropout", 13, {}, 1, true, all), {true, 1, 1}, {x}).count_nonzero().item<int64_t>() == 0);
}

TEST_CASE("random: gradients pass what Dropout kept") {
  const at::Tensor x = at::ones({1000, 100}).requires_grad_();
  const at::Tensor y = draw(program("Dropout", 13, {}), {true, 3, 1}, {x});
  y.sum().backward();
  CHECK(at::equal(x.grad(), y.detach()));
}

TEST_CASE("random: bad attributes are errors") {
  CHECK_THROWS_WITH(program("RandomNormal", 13, {}, 1, false), Catch::Contains("shape"));
  CHECK_THROWS_WITH(program("Multinomial", 13, ir::attributes(int_attribute("sample_size", 0))),
                    Catch::Contains("sample_size"));
  exec::KernelOptions options;
  options.dropout = 1.5;
  CHECK_THROWS_WITH(program("Dropout", 13, {}, 1, true, options).run({at::ones({1000, 100})}, {true, 1, 1}),
                    Catch::Contains("ratio"));
}
