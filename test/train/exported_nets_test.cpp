// SPDX-License-Identifier: Apache-2.0
// Whole networks that PyTorch exported (scripts/export_nets.py) through the training kit.
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include <catch2/catch.hpp>

#include "base/safetensors.h"
#include "train/inspect.h"
#include "train/network.h"

using namespace allot;

namespace {

struct Net {
  std::string path;  // of the float32 file
  std::vector<at::Tensor> inputs;
};

at::Tensor as_tensor(const base::SafeTensor& stored) {
  const auto type = stored.dtype == "I64" ? at::kLong : stored.dtype == "F64" ? at::kDouble : at::kFloat;
  const at::Tensor tensor = at::from_blob(const_cast<std::byte*>(stored.data.data()), stored.shape, type).clone();
  return type == at::kDouble ? tensor.to(at::kFloat) : tensor;
}

std::map<std::string, Net> nets() {
  std::map<std::string, Net> found;
  const char* folder = std::getenv("ALLOT_TEST_NETS");
  if (!folder) {
    WARN("ALLOT_TEST_NETS names no networks: run scripts/setup.sh test");
    return found;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const std::string name = entry.path().stem().string();
    const auto reference = base::read_safetensors(entry.path().string());
    Net net{(entry.path().parent_path() / (name + ".f32.onnx")).string(), {}};
    for (int i = 0; reference.tensors.contains("input." + std::to_string(i)); ++i)
      net.inputs.push_back(as_tensor(reference.tensors.at("input." + std::to_string(i))));
    found.emplace(name, std::move(net));
  }
  return found;
}

train::Network network(const Net& net, const std::string& precision = "float32") {
  train::NetworkOptions options;
  options.precision = precision;
  return train::Network(net.path, options);
}

/// The mean square of what lacks to `target`, in float32.
at::Tensor loss_of(const train::Network& network, const Net& net, const at::Tensor& target, uint32_t step) {
  const at::Tensor logits = network.logits(net.inputs, {.training = true, .seed = 1, .step = step});
  return (logits.to(at::kFloat) - target).square().mean();
}

at::Tensor flat(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> all;
  for (const at::Tensor& tensor : tensors) all.push_back(tensor.flatten());
  return at::cat(all);
}

at::Tensor rows(const at::Tensor& tensor, int64_t times) {
  return at::cat(std::vector<at::Tensor>(static_cast<size_t>(times), tensor));
}

}  // namespace

TEST_CASE("exported networks learn", "[nets]") {
  for (const auto& [name, net] : nets()) {
    INFO(name);
    const train::Network trained = network(net);
    const at::Tensor target = [&] {
      const at::NoGradGuard no_gradients;
      return at::randn_like(trained.logits(net.inputs).to(at::kFloat));
    }();
    nn::Optimizer optimizer(trained.trained(), {.kind = "adamw"});
    double first = 0, last = 0;
    for (uint32_t step = 0; step < 4; ++step) {
      const at::Tensor loss = loss_of(trained, net, target, step);
      last = loss.item<double>();
      if (step == 0) first = last;
      CHECK(optimizer.step(torch::autograd::grad({loss}, trained.leaves(), {}, std::nullopt, false, true), 1e-2).taken);
    }
    CHECK(last < 0.97 * first);
  }
}

TEST_CASE("gradients with products in bfloat16 point where those in float32 do", "[nets]") {
  for (const auto& [name, net] : nets()) {
    INFO(name);
    std::vector<at::Tensor> gradients;
    for (const char* precision : {"float32", "bf16"}) {
      const train::Network each = network(net, precision);
      const at::Tensor loss = loss_of(each, net, at::full({1}, 0.5), 1);
      gradients.push_back(flat(torch::autograd::grad({loss}, each.leaves())));
    }
    const double cosine =
        (gradients[0] * gradients[1]).sum().item<double>() / (gradients[0].norm() * gradients[1].norm()).item<double>();
    CHECK(cosine > 0.98);
  }
}

TEST_CASE("exported networks take batches of any size, and keep their items apart", "[nets]") {
  const at::NoGradGuard no_gradients;
  for (const auto& [name, net] : nets()) {
    INFO(name);
    const train::Network free = network(net);
    CHECK(free.batch().declared == net.inputs[0].size(0));
    if (name == "gpt2") {  // its export holds the numbers of its items, as a constant
      CHECK(train::notices(free).back().find("batches of 1 and 2 do not both run: node") == 0);
      continue;
    }
    const at::Tensor once = free.logits(net.inputs);
    std::vector<at::Tensor> repeated;
    for (const at::Tensor& input : net.inputs) repeated.push_back(rows(input, 3));
    CHECK(at::allclose(free.logits(repeated), rows(once, 3), 1e-4, 1e-5));
    for (const std::string& notice : train::notices(free)) CHECK(notice.find("free batch dimension") == notice.npos);
  }
}
