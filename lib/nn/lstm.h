// SPDX-License-Identifier: Apache-2.0
// The LSTM cell of the published placement networks.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "nn/parameters.h"

namespace allot::nn {

/// [i f o g] = [x h] W, c' = sigmoid(i) tanh(g) + sigmoid(f + b) c, h' = sigmoid(o) tanh(c'), with one number b for all
/// forget gates, 1 at first, and no other bias. Source: placement 1.4.
class LstmCell {
 public:
  LstmCell(Parameters& parameters, const std::string& name, int64_t input, int64_t hidden);

  struct State {
    at::Tensor c, h;  // [batch, hidden]
  };
  State zero_state(int64_t batch) const;

  /// x's part of the gates, biased: [..., input] -> [..., 4 hidden]. Done for a whole sequence at once, it is one
  /// product.
  at::Tensor project(const at::Tensor& inputs) const;
  /// projected [batch, 4 hidden].
  State step(const at::Tensor& projected, const State& state) const;

  struct Sequence {
    at::Tensor outputs;  // [steps, batch, hidden]
    State last;
  };
  /// projected [steps, batch, 4 hidden]; `reversed`: from the last step to the first, with outputs at their own steps.
  Sequence run(const at::Tensor& projected, State state, bool reversed = false) const;

  int64_t hidden() const { return hidden_; }

 private:
  int64_t hidden_;
  at::Tensor weights_, forget_bias_;  // [input + hidden, 4 hidden]; [1]
  int64_t input_;
};

}  // namespace allot::nn
