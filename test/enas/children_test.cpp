// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/rng.h"
#include "enas/derive.h"
#include "enas/shared_network.h"
#include "enas/validate.h"
#include "exec/program.h"
#include "nn/threads.h"
#include "onnxio/checker.h"
#include "spaces.h"

#include <catch2/catch.hpp>

using namespace allot;

namespace {

/// Two items, random, or words.
std::vector<at::Tensor> inputs_of(const exec::Program& program, uint64_t seed) {
  std::vector<at::Tensor> inputs;
  base::Rng rng(seed);
  for (const exec::ProgramInput& input : program.inputs()) {
    std::vector<int64_t> dims;
    for (const ir::Dim& dim : input.type.dims) dims.push_back(dim.value < 0 ? (dims.empty() ? 2 : 5) : dim.value);
    const bool words = input.type.elem == ir::DataType::int64;
    at::Tensor tensor = at::empty(dims, words ? at::kLong : at::kFloat);
    for (int64_t i = 0; i < tensor.numel(); ++i)
      if (words)
        tensor.mutable_data_ptr<int64_t>()[i] = rng.below(11);
      else
        tensor.mutable_data_ptr<float>()[i] = static_cast<float>(rng.normal());
    inputs.push_back(tensor);
  }
  return inputs;
}

bool bit_equal(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() &&
         std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(), a.nbytes()) == 0;
}

/// Whole measurements take 100 architectures of each space; so does ALLOT_TEST_FULL.
uint32_t architectures() { return std::getenv("ALLOT_TEST_FULL") ? 100 : 12; }

}  // namespace

TEST_CASE("a child by pruning computes what the supergraph does under its assignment, bit by bit") {
  nn::compute_alone();
  const at::NoGradGuard no_gradients;
  for (const std::string& name : test::small_names()) {
    INFO(name);
    const enas::Supergraph supergraph = test::supergraph_of(test::small(name));
    enas::SharedNetwork shared(supergraph, {});
    const std::vector<at::Tensor> inputs = inputs_of(shared.network().program(), 7);
    const std::vector<exec::Value> values(inputs.begin(), inputs.end());
    for (uint32_t i = 0; i < architectures(); ++i) {
      const auto sub = shared.get(enas::random_assignment(supergraph.space(), 3, 9, 0, i));
      INFO(sub->child.name);
      const ir::Model child = enas::derive(supergraph, sub->child);
      const ir::Model read = onnxio::read(base::Bytes::from(onnxio::serialize(child)));
      onnxio::check(read);
      train::NetworkOptions options;
      options.fuse = false;
      const train::Network alone(std::make_shared<const ir::Model>(ir::clone(read)), options);
      CHECK(bit_equal(sub->variant.run(values)[0].tensor(), alone.logits(inputs)));
      CHECK(read.graph.outputs[0].name == "logits");
      for (const ir::Entry& entry : read.metadata) CHECK_FALSE(entry.key.starts_with("allot.nas."));
    }
  }
}

TEST_CASE("only what a child needs runs, and only its weights get gradients") {
  for (const std::string& name : test::small_names()) {
    INFO(name);
    const enas::Supergraph supergraph = test::supergraph_of(test::small(name));
    enas::SharedNetwork shared(supergraph, {});
    const std::vector<at::Tensor> inputs = inputs_of(shared.network().program(), 7);
    const std::vector<at::Tensor> leaves = shared.network().leaves();
    for (uint32_t i = 0; i < 4; ++i) {
      const auto sub = shared.get(enas::random_assignment(supergraph.space(), 5, 9, 0, i));
      const at::Tensor loss = shared.logits(*sub, inputs, 1, 0).square().sum();
      const auto gradients = torch::autograd::grad({loss}, leaves, {}, false, false, true);
      const ir::Model child = enas::derive(supergraph, sub->child);
      std::set<std::string> stored, trained;
      for (const ir::Tensor& tensor : child.graph.initializers) stored.insert(std::string(tensor.name));
      const auto& parameters = shared.network().program().parameters();
      for (size_t p = 0; p < leaves.size(); ++p) {
        CHECK(gradients[p].defined() == stored.contains(parameters[p].weight.name));
        if (gradients[p].defined()) trained.insert(parameters[p].weight.name);
      }
      CHECK(sub->variant.parameters().size() == trained.size());
      // Identity nodes and joins that keep one input are steps of the variant; the child has neither.
      CHECK(sub->variant.steps() >= child.graph.nodes.size() - 10);
      CHECK(sub->variant.steps() < supergraph.values().nodes.size());
    }
  }
}

TEST_CASE("gradients pass slices of a stored tensor") {
  const enas::Supergraph supergraph = test::supergraph_of(test::small("blocks"));
  enas::SharedNetwork shared(supergraph, {});
  const auto sub =
      shared.get(enas::parse_assignment(supergraph.space(), "blocks1=conv1.0+max.1 blocks2=conv3.1 skip2="));
  const std::vector<at::Tensor> inputs = inputs_of(shared.network().program(), 2);
  const auto& parameters = shared.network().program().parameters();
  for (const exec::Parameter& parameter : parameters) {
    if (parameter.weight.name != "L1/mix") continue;
    const at::Tensor loss = shared.logits(*sub, inputs, 1, 0).square().sum();
    const at::Tensor gradient = torch::autograd::grad({loss}, {parameter.tensor})[0];
    const at::NoGradGuard no_gradients;
    at::Tensor weight = parameter.tensor;
    // Channels of conv1.0 are the first two; those of conv3.0 are not there.
    CHECK(gradient.select(1, 4).abs().max().item<double>() == 0);
    float* data = weight.mutable_data_ptr<float>();
    const float before = data[0], h = 3e-3f;
    data[0] = before + h;
    const double above = shared.logits(*sub, inputs, 1, 0).square().sum().item<double>();
    data[0] = before - h;
    const double below = shared.logits(*sub, inputs, 1, 0).square().sum().item<double>();
    data[0] = before;
    CHECK(gradient.flatten()[0].item<double>() == Approx((above - below) / (2 * h)).epsilon(0.05).margin(1e-3));
    return;
  }
  FAIL("no kernel after the blocks");
}

TEST_CASE("loose ends are what nobody takes") {
  enas::GenerateOptions options = test::small("dag");
  const enas::Supergraph supergraph = test::supergraph_of(options);
  const enas::SpaceSize size = enas::size_of(supergraph.space());
  REQUIRE(size.exact == 1536);
  for (uint64_t i = 0; i < *size.exact; ++i) {
    const enas::Child child = supergraph.child(enas::assignment_at(supergraph.space(), i));
    std::set<uint32_t> ends = {0, 1, 2, 3};
    for (size_t v = 0; v < supergraph.space().variables.size(); ++v)
      if (!supergraph.space().variables[v].anchors.empty()) ends.erase(child.assignment[v][0]);
    CHECK(child.alternatives.back() == std::vector<uint32_t>(ends.begin(), ends.end()));
  }
}

TEST_CASE("architectures are kept, and equal ones share what was made") {
  const enas::Supergraph supergraph = test::supergraph_of(test::small("dag"));
  enas::SharedNetwork shared(supergraph, {});
  const enas::Assignment assignment = enas::random_assignment(supergraph.space(), 1, 1, 0, 0);
  CHECK(shared.get(assignment) == shared.get(assignment));
  CHECK(shared.kept() == 1);
}

TEST_CASE("every published space has its size, and all of its children are sound") {
  const auto size = [](const enas::GenerateOptions& options) {
    return enas::size_of(enas::generate(options, 1).space);
  };
  enas::GenerateOptions options = test::small("dag");
  CHECK(size(options).exact == 1536);
  options = test::small("nb201");
  CHECK(size(options).exact == 15625);
  options.space = "macro";
  options.layers = 12;
  CHECK(size(options).log10 == Approx(std::log10(1.606e29)).epsilon(1e-4));  // 6^12 2^66
  options.space = "micro";
  options.nodes = 7;
  options.layers = 1;
  CHECK(size(options).log10 == Approx(2 * std::log10(5.0625e12)).epsilon(1e-3));  // (5 2!)^2 ... (5 6)^2, twice
  options = test::small("rnn");
  options.nodes = 12;
  CHECK(size(options).log10 == Approx(std::log10(6.7e14)).epsilon(1e-3));  // 4^12 11!
  for (const std::string& name : test::small_names()) {
    INFO(name);
    const enas::Validation validation = enas::validate(test::supergraph_of(test::small(name)), 200);
    CHECK(validation.warnings.empty());
  }
}

TEST_CASE("matrices of an edge and of what follows it give another network of the same size") {
  enas::GenerateOptions options = test::small("rnn");
  options.weights = "edge-act";
  const enas::Supergraph own = test::supergraph_of(options), shared = test::supergraph_of(test::small("rnn"));
  CHECK(enas::size_of(own.space()).exact == enas::size_of(shared.space()).exact);
  CHECK(own.model().graph.initializers.size() > shared.model().graph.initializers.size());
  CHECK(enas::validate(own, 100).warnings.empty());
}
