// SPDX-License-Identifier: Apache-2.0
// Times whole iterations of Meta Pseudo Labels on an ONNX classifier, which teaches a second instance of itself, for
// test/bench/mpl_steps.py, which times PyTorch in turn with it.
//
//   mpl_bench MODEL.onnx LABELLED RATIO     then, a number N a line on standard input: answers with the seconds that N
//                                           iterations took, and the most bytes of memory held so far beyond those of
//                                           the libraries
#include <cstdlib>
#include <iostream>

#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include "exec/dtype.h"
#include "mpl/meta_pseudo_labels.h"
#include "mpl/onnx_network.h"
#include "nn/ema.h"
#include "nn/threads.h"
#include "served.h"

using namespace allot;

namespace {

/// Words below 1,000, everything else from a normal distribution.
mpl::Inputs random_inputs(const train::Network& network, int64_t items) {
  mpl::Inputs inputs;
  for (const exec::ProgramInput& input : network.inputs()) {
    std::vector<int64_t> dims = {items};
    for (size_t i = 1; i < input.type.dims.size(); ++i) dims.push_back(std::max<int64_t>(input.type.dims[i].value, 1));
    const auto type = exec::scalar_type(input.type.elem);
    inputs.push_back(at::isFloatingType(type) ? at::randn(dims, type) : at::randint(0, 1000, dims, type));
  }
  return inputs;
}

mpl::MetaOptions options() {
  mpl::MetaOptions options;
  options.consistency.threshold = 0.2;
  return options;
}

const nn::OptimizerOptions kSgd = {.momentum = 0.9, .nesterov = true, .weight_decay = 5e-4};
constexpr double kRate = 1e-3;

class Iterations {
 public:
  Iterations(const std::string& path, int64_t labelled, int64_t ratio)
      : teacher_(path),
        student_(teacher_.copy()),
        average_(student_.copy()),
        features_(mpl::features_of(student_)),
        of_teacher_(teacher_, features_),
        of_student_(student_, features_),
        teacher_optimizer_(teacher_.trained(), kSgd),
        student_optimizer_(student_.trained(), kSgd),
        ema_(student_.state(), average_.state(), 0.99),
        task_(mpl::make_task("classification")),
        meta_({of_teacher_, teacher_optimizer_}, {of_student_, student_optimizer_}, *task_, options(), 1) {
    batch_.labelled = random_inputs(student_, labelled);
    batch_.weak = random_inputs(student_, labelled * ratio);
    batch_.strong = random_inputs(student_, labelled * ratio);
    batch_.labels = at::randint(0, 2, {labelled}, at::kLong);
  }

  void step() {
    meta_.step({&batch_, 1}, next_++, {kRate, kRate});
    ema_.update();
  }

 private:
  train::Network teacher_, student_, average_;
  const std::vector<std::string> features_;
  mpl::OnnxNetwork of_teacher_, of_student_;
  nn::Optimizer teacher_optimizer_, student_optimizer_;
  nn::Ema ema_;
  std::unique_ptr<mpl::Task> task_;
  mpl::MetaPseudoLabels meta_;
  mpl::Batch batch_;
  uint32_t next_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::cerr << "usage: mpl_bench MODEL.onnx LABELLED RATIO\n", 64;
  nn::compute_alone();
  return bench::serve_steps("mpl_bench", [&] { return Iterations(argv[1], std::atol(argv[2]), std::atol(argv[3])); });
}
