// SPDX-License-Identifier: Apache-2.0
// Times whole training steps of an ONNX classifier, for test/bench/train_steps.py, which times PyTorch in turn with it.
//
//   train_bench MODEL.onnx BATCH OPTIMIZER     then, a number N a line on standard input: answers with the seconds that
//                                              N steps took, and the most bytes of memory held so far beyond those of
//                                              the libraries
#include <cstdlib>
#include <iostream>

#include <ATen/TensorOperators.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include "exec/dtype.h"
#include "nn/loss.h"
#include "served.h"
#include "train/network.h"
#include "train/shards.h"

using namespace allot;

namespace {

/// Words below 1,000, everything else from a normal distribution.
at::Tensor random_input(const exec::ProgramInput& input, int64_t batch) {
  std::vector<int64_t> dims = {batch};
  for (size_t i = 1; i < input.type.dims.size(); ++i) dims.push_back(std::max<int64_t>(input.type.dims[i].value, 1));
  const auto type = exec::scalar_type(input.type.elem);
  return at::isFloatingType(type) ? at::randn(dims, type) : at::randint(0, 1000, dims, type);
}

class Training {
 public:
  Training(const std::string& path, int64_t batch, const std::string& optimizer)
      : network_(path),
        leaves_(network_.leaves()),
        statistics_(network_.statistics()),
        optimizer_(network_.trained(), {.kind = optimizer, .weight_decay = 1e-4}) {
    for (const auto& input : network_.inputs()) inputs_.push_back(random_input(input, batch));
    labels_ = at::randint(0, network_.logits(inputs_).size(-1), {batch}, at::kLong);
  }

  void step() {
    const auto part = train::mean_over_shards({}, statistics_, [&](size_t) {
      const at::Tensor logits = network_.logits(inputs_, {.training = true, .seed = 1, .step = next_++});
      const at::Tensor loss = nn::cross_entropy(logits, labels_);
      return train::Part{torch::autograd::grad({loss}, leaves_), {}};
    });
    optimizer_.step(part.gradients, 1e-3);
  }

 private:
  train::Network network_;
  const std::vector<at::Tensor> leaves_;
  const std::vector<nn::NamedTensor> statistics_;
  nn::Optimizer optimizer_;
  std::vector<at::Tensor> inputs_;
  at::Tensor labels_;
  uint32_t next_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: train_bench MODEL.onnx BATCH OPTIMIZER\n", 64;
  return bench::serve_steps("train_bench", [&] { return Training(argv[1], std::atol(argv[2]), argv[3]); });
}
