// SPDX-License-Identifier: Apache-2.0
// One time step of the recurrent operators, with everything that their attributes allow.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "exec/site.h"

namespace allot::exec {

enum class RnnKind : uint8_t { rnn, gru, lstm };

/// Blocks of `hidden` rows in the weights of a direction: the gates.
constexpr int64_t num_gates(RnnKind kind) { return kind == RnnKind::lstm ? 4 : kind == RnnKind::gru ? 3 : 1; }

using Activation = std::function<at::Tensor(const at::Tensor&)>;

/// The attributes of RNN, GRU and LSTM that concern a step.
struct RnnCell {
  RnnKind kind = RnnKind::rnn;
  std::vector<std::vector<Activation>> activations;  // by direction: f, g, h as the equations call them
  bool plain_activations = false;                    // Sigmoid and Tanh, as torch has them
  std::string plain_rnn;                             // "tanh" or "relu" when all directions of an RNN have that
  double clip = 0;                                   // bounds what goes into activations; 0: no bound
  bool input_forget = false;
  bool linear_before_reset = false;
};

/// Reads the attributes. Refuses activations that ONNX does not name.
RnnCell read_rnn_cell(const Site& site, RnnKind kind, size_t directions);

/// What one direction multiplies and adds; absent tensors are undefined.
struct RnnWeights {
  at::Tensor input;                       // [gates * hidden, input]
  at::Tensor recurrent;                   // [gates * hidden, hidden]
  at::Tensor input_bias, recurrent_bias;  // [gates * hidden]
  at::Tensor peephole;                    // [3 * hidden]
};

struct RnnState {
  at::Tensor hidden, cell;  // [batch, hidden]; the cell is LSTM's
};

using RnnStep = std::function<RnnState(const at::Tensor& projected, const RnnState&)>;

/// x W^T and all biases that can be added before the loop: [time, batch, gates * hidden] of x [time, batch, input].
at::Tensor project(const RnnCell& cell, const RnnWeights& weights, const at::Tensor& x);
/// The step of a direction, from one time's part of project().
RnnStep make_step(const RnnCell& cell, const RnnWeights& weights, size_t direction);

}  // namespace allot::exec
