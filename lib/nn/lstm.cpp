// SPDX-License-Identifier: Apache-2.0
#include "nn/lstm.h"

#include <utility>
#include <vector>

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace allot::nn {

LstmCell::LstmCell(Parameters& parameters, const std::string& name, int64_t input, int64_t hidden)
    : hidden_(hidden),
      weights_(parameters.glorot(name + ".weights", {input + hidden, 4 * hidden})),
      forget_bias_(parameters.constant(name + ".forget_bias", {1}, 1.0)),
      input_(input) {}

LstmCell::State LstmCell::zero_state(int64_t batch) const {
  const auto zeros = at::zeros({batch, hidden_}, weights_.options().requires_grad(false));
  return {zeros, zeros};
}

at::Tensor LstmCell::project(const at::Tensor& inputs) const {
  const auto none = at::zeros({hidden_}, weights_.options().requires_grad(false));
  const auto bias = at::cat({none, forget_bias_.expand({hidden_}), none, none});
  return inputs.matmul(weights_.narrow(0, 0, input_)) + bias;
}

LstmCell::State LstmCell::step(const at::Tensor& projected, const State& state) const {
  const auto gates = at::addmm(projected, state.h, weights_.narrow(0, input_, hidden_));
  const auto sigmoids = gates.narrow(1, 0, 3 * hidden_).sigmoid();
  const auto candidate = gates.narrow(1, 3 * hidden_, hidden_).tanh();
  const auto c = sigmoids.narrow(1, 0, hidden_) * candidate + sigmoids.narrow(1, hidden_, hidden_) * state.c;
  return {c, sigmoids.narrow(1, 2 * hidden_, hidden_) * c.tanh()};
}

LstmCell::Sequence LstmCell::run(const at::Tensor& projected, State state, bool reversed) const {
  const auto inputs = projected.unbind(0);
  std::vector<at::Tensor> outputs(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t at = reversed ? inputs.size() - 1 - i : i;
    state = step(inputs[at], state);
    outputs[at] = state.h;
  }
  return {at::stack(outputs), std::move(state)};
}

}  // namespace allot::nn
