// SPDX-License-Identifier: Apache-2.0
#include "run/placed_program.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <c10/core/GradMode.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "ir/builder.h"

using namespace allot;
using ir::DataType;
using ir::Str;
using run::DeviceId;

namespace {

std::vector<run::LocalDevice> processors(size_t count) {
  std::vector<run::DeviceRequest> requests;
  for (size_t d = 0; d < count; ++d) requests.push_back({fmt::format("cpu{}", d), false, 0});
  return run::find_devices(requests, 0);
}

void add_weight(ir::Model& model, Str name, const at::Tensor& values) {
  ir::Tensor tensor;
  tensor.name = name;
  tensor.dtype = DataType::float32;
  tensor.dims = values.sizes().vec();
  tensor.payload.where = ir::Payload::Where::owned;
  tensor.payload.owned =
      std::make_shared<const std::string>(static_cast<const char*>(values.const_data_ptr()), values.nbytes());
  model.graph.initializers.push_back(std::move(tensor));
}

/// A random graph on 4 x 4 matrices: products with two weights, sums and products of earlier values, tanh.
ir::Model random_graph(uint64_t seed, int ops) {
  base::Rng rng(seed, 0, 0, 0);
  ir::Builder builder("random");
  std::vector<Str> values = {builder.input("x", DataType::float32, {4, 4}),
                             builder.input("y", DataType::float32, {4, 4})};
  const auto any = [&] { return values[rng.below(static_cast<uint32_t>(values.size()))]; };
  for (int i = 0; i < ops; ++i) {
    switch (rng.below(4)) {
      case 0:
        values.push_back(builder.add("MatMul", {any(), rng.below(2) ? "w" : "v"}));
        break;
      case 1:
        values.push_back(builder.add("Tanh", {any()}));
        break;
      case 2:
        values.push_back(builder.add("Add", {any(), any()}));
        break;
      default:
        values.push_back(builder.add("Tanh", {builder.add("Mul", {any(), any()})}));
    }
  }
  for (size_t i = values.size() - 3; i < values.size(); ++i) builder.output(values[i], DataType::float32, {4, 4});
  ir::Model model = builder.finish();
  add_weight(model, "w", at::randn({4, 4}) / 2);
  add_weight(model, "v", at::randn({4, 4}) / 2);
  return model;
}

std::vector<DeviceId> random_placement(const ir::Model& model, uint64_t seed, uint32_t devices) {
  base::Rng rng(seed, 1, 0, 0);
  std::vector<DeviceId> placement;
  for (size_t i = 0; i < model.graph.nodes.size(); ++i) placement.push_back(rng.below(devices));
  return placement;
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::exit_code(error.kind()), error.what());
  }
  return "no error";
}

}  // namespace

TEST_CASE("placed: any placement gives the outputs of one device, bit by bit") {
  const at::NoGradGuard no_gradients;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const ir::Model model = random_graph(seed, 4 + static_cast<int>(seed));
    const std::vector<exec::Value> inputs = {at::randn({4, 4}), at::randn({4, 4})};
    const uint32_t devices = 1 + seed % 4;
    const auto placement = random_placement(model, seed, devices);
    exec::CompileOptions options;
    options.fuse = false;
    run::PlacedProgram placed(model, processors(devices), placement, options);
    const auto wanted = exec::Program(model, options).run(inputs);
    for (int round = 0; round < 3; ++round) {
      const auto result = placed.run(inputs, {});
      REQUIRE(result.outputs.size() == wanted.size());
      for (size_t i = 0; i < wanted.size(); ++i) REQUIRE(at::equal(result.outputs[i].tensor(), wanted[i].tensor()));
    }
  }
}

TEST_CASE("placed: gradients of any placement are those of one device, and the same every time") {
  exec::CompileOptions options;
  options.fuse = false;
  options.trained = {{"w", {}}, {"v", {}}};
  exec::RunMode mode;
  mode.training = true;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const ir::Model model = random_graph(100 + seed, 6 + static_cast<int>(seed));
    const std::vector<exec::Value> inputs = {at::randn({4, 4}), at::randn({4, 4})};
    const uint32_t devices = 1 + seed % 4;
    run::PlacedProgram placed(model, processors(devices), random_placement(model, seed, devices), options);
    const exec::Program whole(model, options);
    at::Tensor loss;
    for (const auto& output : whole.run(inputs, mode)) {
      const at::Tensor sum = output.tensor().sum();
      loss = loss.defined() ? loss + sum : sum;
    }
    if (loss.requires_grad()) loss.backward();
    const auto first = placed.run(inputs, mode), second = placed.run(inputs, mode);
    for (size_t p = 0; p < 2; ++p) {
      const at::Tensor& wanted = whole.parameters()[p].tensor.grad();
      REQUIRE(first.gradients[p].defined() == wanted.defined());
      if (!wanted.defined()) continue;
      REQUIRE(at::allclose(first.gradients[p], wanted, 1e-4, 1e-5));
      REQUIRE(at::equal(first.gradients[p], second.gradients[p]));
    }
  }
}

TEST_CASE("placed: an error on any device ends the run and names the node") {
  ir::Builder builder("bad");
  const Str x = builder.input("x", DataType::float32, {-1, 4});
  const Str fine = builder.add("Tanh", {x});
  const Str bad = builder.add("MatMul", {fine, x});
  builder.output(builder.add("Add", {builder.add("Relu", {bad}), fine}), DataType::float32, {-1, -1});
  const ir::Model model = builder.finish();
  run::PlacedProgram placed(model, processors(3), {0, 1, 2, 0});
  const std::string error = error_of([&] { placed.run({at::randn({3, 4})}, {}); });
  CHECK(error.substr(0, 8) == "65 node ");
  CHECK(error.find("(MatMul)") != std::string::npos);
  CHECK(placed.run({at::randn({4, 4})}, {}).outputs.size() == 1);  // and the next one is not harmed
}

TEST_CASE("placed: placements that do not fit the model are refused") {
  const ir::Model model = random_graph(1, 5);
  const size_t nodes = model.graph.nodes.size();
  CHECK(
      error_of([&] { run::PlacedProgram(model, processors(2), std::vector<DeviceId>(nodes + 1)); }).starts_with("65 "));
  CHECK(
      error_of([&] { run::PlacedProgram(model, processors(2), std::vector<DeviceId>(nodes, 2)); }).starts_with("65 "));
  CHECK(error_of([] { run::find_devices({{"gpu0", true, 0}}, 0); }).starts_with("69 device 'gpu0'"));
}

TEST_CASE("placed: values that are copied are told, with their bytes") {
  ir::Builder builder("chain");
  Str value = builder.input("x", DataType::float32, {8, 8});
  for (int i = 0; i < 4; ++i) value = builder.add("Tanh", {value});
  builder.output(value, DataType::float32, {8, 8});
  run::PlacedProgram placed(builder.finish(), processors(2), {0, 1, 1, 0});
  const auto result = placed.run({at::randn({8, 8})}, {});
  size_t ops = 0, copies = 0;
  for (const auto& event : result.events) {
    CHECK(event.begin <= event.end);
    if (event.kind == run::Event::Kind::op) CHECK(event.node == ops++);
    if (event.kind != run::Event::Kind::copy) continue;
    ++copies;
    CHECK(event.bytes == 256);
    CHECK(event.device != event.from);
  }
  CHECK(ops == 4);
  CHECK(copies == 2);
  CHECK(placed.plan().segments.size() == 4);
}

TEST_CASE("placed: a device takes steps in the order in which they became ready") {
  ir::Builder builder("two chains");
  const Str x = builder.input("x", DataType::float32, {8});
  const Str a = builder.add("Tanh", {builder.add("Tanh", {x})}), b = builder.add("Sin", {builder.add("Sin", {x})});
  builder.output(builder.add("Add", {a, b}), DataType::float32, {8});
  run::PlacedProgram placed(builder.finish(), processors(2), {0, 0, 0, 0, 1});
  std::vector<uint32_t> order;
  for (const auto& event : placed.run({at::randn({8})}, {}).events)
    if (event.kind == run::Event::Kind::op) order.push_back(event.node);
  CHECK(order == std::vector<uint32_t>{0, 2, 1, 3, 4});
}
