// SPDX-License-Identifier: Apache-2.0
// A torch forward and backward pass; no header of ours or of protobuf is seen here.
#include <ATen/Functions.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

// d/dx sum(relu(x w)) for x = [1 2 3; 4 5 6] and w = [1 -1; 1 -1; 1 -1]: only the first column passes the relu.
double gradient_of_relu_matmul() {
  at::Tensor x = at::arange(1, 7, at::kFloat).reshape({2, 3}).set_requires_grad(true);
  at::Tensor w = at::tensor({1.0f, -1.0f}).expand({3, 2});
  torch::autograd::backward({at::relu(at::matmul(x, w)).sum()}, {});
  return x.grad().sum().item<double>();
}
