// SPDX-License-Identifier: Apache-2.0
// Loss and parameter gradients of whole networks against PyTorch's, on the same weights (scripts/export_nets.py).
#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/max.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>

#include <catch2/catch.hpp>

#include "base/safetensors.h"
#include "exec/program.h"
#include "exec/trainable.h"
#include "onnxio/reader.h"

using namespace allot;

namespace {

at::Tensor as_tensor(const base::SafeTensor& stored) {
  static const std::map<std::string, at::ScalarType> kTypes = {
      {"F32", at::kFloat}, {"F64", at::kDouble}, {"I64", at::kLong}};
  return at::from_blob(const_cast<std::byte*>(stored.data.data()), stored.shape, kTypes.at(stored.dtype)).clone();
}

struct Net {
  std::filesystem::path folder;
  std::string name;
  base::SafeTensors reference;

  at::Tensor tensor(const std::string& key) const { return as_tensor(reference.tensors.at(key)); }

  // Names of initializers that PyTorch has a gradient for; a tied one is stored under one of its names.
  std::vector<std::string> parameters(const ir::Model& model) const {
    std::vector<std::string> names;
    for (const ir::Tensor& tensor : model.graph.initializers)
      if (reference.tensors.count("f64." + std::string(tensor.name))) names.emplace_back(tensor.name);
    std::sort(names.begin(), names.end());
    return names;
  }
};

// Loss and gradients by name, in the precision of the file of that kind.
std::map<std::string, at::Tensor> gradients(const Net& net, const std::string& kind, at::ScalarType type) {
  const auto model = onnxio::read((net.folder / (net.name + "." + kind + ".onnx")).string());
  exec::CompileOptions options;
  for (const std::string& name : net.parameters(model)) options.trained.push_back({name, {}});
  const exec::Program program(model, options);
  std::vector<exec::Value> inputs;
  for (size_t i = 0; i < program.inputs().size(); ++i) {
    const at::Tensor input = net.tensor("input." + std::to_string(i));
    inputs.emplace_back(input.is_floating_point() ? input.to(type) : input);
  }
  const at::Tensor loss = (program.run(inputs).at(0).tensor() * net.tensor("seed.0").to(type)).sum();
  torch::autograd::backward({loss});
  std::map<std::string, at::Tensor> result = {{"loss", loss.detach().reshape({1})}};
  for (const auto& parameter : program.parameters()) {
    REQUIRE(parameter.tensor.grad().defined());
    result[parameter.weight.name] = parameter.tensor.grad();
  }
  return result;
}

// Relative to the largest element, and to a thousandth of the network's largest gradient: what vanishes by symmetry
// (biases of attention keys) is rounding alone.
class RelativeError {
 public:
  explicit RelativeError(const std::map<std::string, at::Tensor>& all) {
    for (const auto& [name, gradient] : all) floor_ = std::max(floor_, 1e-3 * gradient.abs().max().item<double>());
  }
  double operator()(const at::Tensor& actual, const at::Tensor& wanted) const {
    const at::Tensor exact = wanted.to(at::kDouble);
    return (actual.to(at::kDouble) - exact).abs().max().item<double>() /
           std::max(exact.abs().max().item<double>(), floor_);
  }

 private:
  double floor_ = 0;
};

std::vector<Net> nets() {
  std::vector<Net> found;
  const char* folder = std::getenv("ALLOT_TEST_NETS");
  if (!folder) {
    WARN("ALLOT_TEST_NETS names no networks: run scripts/setup.sh test");
    return found;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors")
      found.push_back({folder, entry.path().stem().string(), base::read_safetensors(entry.path().string())});
  return found;
}

}  // namespace

TEST_CASE("the weights found in whole networks are PyTorch's parameters", "[nets]") {
  for (const Net& net : nets()) {
    INFO(net.name);
    const auto model = onnxio::read((net.folder / (net.name + ".f32.onnx")).string());
    std::vector<std::string> found;
    for (const exec::Weight& weight : exec::find_weights(model, {}))
      if (weight.trained) found.push_back(weight.name);
    std::sort(found.begin(), found.end());
    const auto wanted = net.parameters(model);
    std::vector<std::string> missing, extra;
    std::set_difference(wanted.begin(), wanted.end(), found.begin(), found.end(), std::back_inserter(missing));
    std::set_difference(found.begin(), found.end(), wanted.begin(), wanted.end(), std::back_inserter(extra));
    CHECK(missing == std::vector<std::string>());
    CHECK(extra == std::vector<std::string>());
    CHECK(found.size() >= 6);
  }
}

TEST_CASE("gradients of whole networks equal PyTorch's", "[nets]") {
  const auto all = nets();
  if (all.empty()) return;
  CHECK(all.size() == 12);
  for (const Net& net : all) {
    INFO(net.name);
    const auto exact = gradients(net, "f64", at::kDouble);
    const auto single = gradients(net, "f32", at::kFloat);
    const RelativeError error(exact);
    // A small gradient that is a sum of large ones has the rounding of those: all are held against the worst one.
    double worst = 0, ours = 0, theirs = 0;
    for (const auto& [name, gradient] : exact) {
      worst = std::max(worst, error(gradient, net.tensor("f64." + name)));
      ours = std::max(ours, error(single.at(name), net.tensor("f64." + name)));
      theirs = std::max(theirs, error(net.tensor("f32." + name), net.tensor("f64." + name)));
    }
    INFO("float64 " << worst << ", float32 " << ours << " beside PyTorch's own " << theirs);
    CHECK(worst <= 1e-8);
    CHECK(ours <= 4 * theirs);
  }
}
