// SPDX-License-Identifier: Apache-2.0
// A multilayer perceptron in float64 and a learner around it, for tests that need exact gradients.
#pragma once

#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/rng.h"
#include "mpl/meta_pseudo_labels.h"
#include "mpl/network.h"
#include "nn/threads.h"

namespace allot::test {

/// Uniform numbers in [-limit, limit] under a key.
inline at::Tensor uniform(std::vector<int64_t> shape, uint64_t seed, double limit = 1) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  base::Rng rng(seed);
  for (int64_t i = 0; i < tensor.numel(); ++i) tensor.mutable_data_ptr<double>()[i] = (2 * rng.uniform() - 1) * limit;
  return tensor;
}

/// tanh layers; `drop`: every second hidden unit goes in training, other ones each step; `normalise`: the mean of the
/// batch is taken off the first layer in training, a running one in evaluation.
class Mlp final : public mpl::Network {
 public:
  Mlp(std::vector<int64_t> sizes, uint64_t seed, double limit = 0.8) {
    for (size_t i = 0; i + 1 < sizes.size(); ++i) {
      add("w" + std::to_string(i), uniform({sizes[i + 1], sizes[i]}, seed * 100 + 2 * i, limit));
      add("b" + std::to_string(i), uniform({sizes[i + 1]}, seed * 100 + 2 * i + 1, limit));
    }
  }

  bool drop = false, normalise = false;

  void with_statistics() {
    normalise = true;
    buffers_.emplace_back("mean", at::zeros({parameters_[0].second.size(0)}, at::kDouble));
  }

  at::Tensor logits(const mpl::Inputs& inputs, const mpl::Pass& pass) const override {
    at::Tensor x = inputs[0];
    for (size_t i = 0; i < parameters_.size(); i += 2) {
      x = at::linear(x, parameters_[i].second, parameters_[i + 1].second);
      if (i == 0 && normalise) x = x - mean_of(x, pass);
      if (i + 2 == parameters_.size()) break;
      x = x.tanh();
      if (drop && pass.training) x = x * mask(x.size(-1), pass);
    }
    return x;
  }
  const std::vector<nn::NamedTensor>& parameters() const override { return parameters_; }
  const std::vector<nn::NamedTensor>& buffers() const override { return buffers_; }

  /// The outputs that other parameters would give, differentiable in them.
  static at::Tensor outputs(const std::vector<at::Tensor>& parameters, const at::Tensor& input) {
    at::Tensor x = input;
    for (size_t i = 0; i < parameters.size(); i += 2) {
      x = at::linear(x, parameters[i], parameters[i + 1]);
      if (i + 2 < parameters.size()) x = x.tanh();
    }
    return x;
  }

  at::Tensor parameter(size_t i) const { return parameters_[i].second; }
  std::vector<at::Tensor> copies() const {
    std::vector<at::Tensor> result;
    for (const auto& [name, tensor] : parameters_) result.push_back(tensor.detach().clone());
    return result;
  }

 private:
  void add(std::string name, at::Tensor tensor) {
    parameters_.emplace_back(std::move(name), tensor.set_requires_grad(true));
  }
  at::Tensor mean_of(const at::Tensor& x, const mpl::Pass& pass) const {
    if (!pass.training) return buffers_[0].second;
    const at::Tensor mean = x.mean(0);
    if (pass.update_statistics) buffers_[0].second.copy_(buffers_[0].second * 0.9 + mean.detach() * 0.1);
    return mean;
  }
  static at::Tensor mask(int64_t width, const mpl::Pass& pass) {
    at::Tensor result = at::empty({width}, at::kDouble);
    base::Rng rng(pass.seed, 7, pass.step);
    for (int64_t i = 0; i < width; ++i) result.mutable_data_ptr<double>()[i] = rng.next_u32() & 1 ? 2 : 0;
    return result;
  }

  std::vector<nn::NamedTensor> parameters_, buffers_;
};

/// Both networks with plain SGD, and one batch.
struct Lesson {
  explicit Lesson(uint64_t seed, int64_t classes = 3, int64_t items = 4)
      : teacher({2, 5, classes}, seed + 1), student({2, 6, classes}, seed + 2) {
    nn::compute_alone();
    batch.labelled = {uniform({3, 2}, seed + 3)};
    batch.labels = at::tensor({0L, 1L, classes - 1}, at::kLong);
    batch.strong = {uniform({items, 2}, seed + 4)};
    batch.weak = {uniform({items, 2}, seed + 5)};
  }

  /// Iterations with these options; `steps` of them, the last one's report.
  mpl::Report run(mpl::MetaOptions options, mpl::Rates rates, uint32_t steps = 1, uint64_t seed = 11,
                  const char* kind = "classification") {
    nn::Optimizer of_teacher(nn::trained_tensors(teacher.parameters()), sgd),
        of_student(nn::trained_tensors(student.parameters()), sgd);
    const auto task = mpl::make_task(kind);
    mpl::MetaPseudoLabels meta({teacher, of_teacher}, {student, of_student}, *task, std::move(options), seed);
    mpl::Report report;
    for (uint32_t step = 0; step < steps; ++step) report = meta.step({&batch, 1}, step, rates);
    return report;
  }

  Mlp teacher, student;
  mpl::Batch batch;
  nn::OptimizerOptions sgd{.momentum = 0, .nesterov = false};
};

/// Feedback alone: neither labels nor consistency reach the teacher otherwise.
inline mpl::MetaOptions feedback_only(const char* kind, const char* label = "sample") {
  mpl::MetaOptions options;
  options.pseudo_label = label;
  options.supervised = options.consistency.weight = 0;
  options.feedback.kind = kind;
  options.feedback.baseline = false;
  return options;
}

}  // namespace allot::test
