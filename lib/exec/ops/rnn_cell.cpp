// SPDX-License-Identifier: Apache-2.0
#include "exec/ops/rnn_cell.h"

#include <cctype>
#include <string_view>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/elu.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

namespace allot::exec {
namespace {

using at::Tensor;

// Next of a list of optional parameters.
class Parameters {
 public:
  explicit Parameters(const std::vector<float>& values) : values_(values) {}
  double next_or(double otherwise) { return next_ < values_.size() ? values_[next_++] : otherwise; }

 private:
  const std::vector<float>& values_;
  size_t next_ = 0;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Each takes from the lists only what it uses.
Activation make_activation(const Site& site, const std::string& name, Parameters& alphas, Parameters& betas) {
  if (name == "sigmoid") return [](const Tensor& x) { return at::sigmoid(x); };
  if (name == "tanh") return [](const Tensor& x) { return at::tanh(x); };
  if (name == "relu") return [](const Tensor& x) { return at::relu(x); };
  if (name == "softsign") return [](const Tensor& x) { return x / (x.abs() + 1); };
  if (name == "softplus") return [](const Tensor& x) { return at::logaddexp(x, at::zeros_like(x)); };
  if (name == "leakyrelu") return [alpha = alphas.next_or(0.01)](const Tensor& x) { return at::leaky_relu(x, alpha); };
  if (name == "thresholdedrelu")
    return [alpha = alphas.next_or(1)](const Tensor& x) { return at::where(x >= alpha, x, at::zeros_like(x)); };
  if (name == "elu") return [alpha = alphas.next_or(1)](const Tensor& x) { return at::elu(x, alpha); };
  if (name == "affine") {
    const double alpha = alphas.next_or(1), beta = betas.next_or(0);
    return [alpha, beta](const Tensor& x) { return x * alpha + beta; };
  }
  if (name == "scaledtanh") {
    const double alpha = alphas.next_or(1), beta = betas.next_or(1);
    return [alpha, beta](const Tensor& x) { return at::tanh(x * beta) * alpha; };
  }
  if (name == "hardsigmoid") {
    const double alpha = alphas.next_or(0.2), beta = betas.next_or(0.5);
    return [alpha, beta](const Tensor& x) { return (x * alpha + beta).clamp(0, 1); };
  }
  site.refuse("an activation is none of those that ONNX names");
}

std::vector<std::string> default_names(RnnKind kind) {
  if (kind == RnnKind::lstm) return {"sigmoid", "tanh", "tanh"};
  if (kind == RnnKind::gru) return {"sigmoid", "tanh"};
  return {"tanh"};
}

void read_activations(const Site& site, size_t directions, RnnCell& cell) {
  const auto defaults = default_names(cell.kind);
  std::vector<std::string> names;
  if (const ir::Attribute* given = site.node().find("activations"))
    for (const auto name : given->strings) names.push_back(lower(name));
  while (names.size() < directions * defaults.size()) names.push_back(defaults[names.size() % defaults.size()]);
  Parameters alphas(site.floats("activation_alpha")), betas(site.floats("activation_beta"));
  cell.activations.resize(directions);
  cell.plain_activations = true;
  cell.plain_rnn = names[0];
  for (size_t i = 0; i < directions * defaults.size(); ++i) {
    cell.activations[i / defaults.size()].push_back(make_activation(site, names[i], alphas, betas));
    cell.plain_activations = cell.plain_activations && names[i] == defaults[i % defaults.size()];
    if (names[i] != cell.plain_rnn) cell.plain_rnn.clear();
  }
}

// a + b, where either may be missing.
Tensor plus(const Tensor& a, const Tensor& b) { return !a.defined() ? b : !b.defined() ? a : a + b; }

Tensor clipped(const Tensor& x, double clip) { return clip > 0 ? x.clamp(-clip, clip) : x; }

RnnStep make_lstm_step(const RnnCell& cell, const RnnWeights& weights, const std::vector<Activation>& functions) {
  const int64_t hidden = weights.recurrent.size(1);
  std::vector<Tensor> peephole(3);
  if (weights.peephole.defined()) peephole = weights.peephole.split(hidden);
  return [=, recurrent = weights.recurrent.t(), clip = cell.clip, coupled = cell.input_forget](const Tensor& projected,
                                                                                               const RnnState& before) {
    const auto gate = [&](const Tensor& x, const Tensor& scale, const Tensor& c) {
      return functions[0](clipped(scale.defined() ? x + scale * c : x, clip));
    };
    const auto parts = at::addmm(projected, before.hidden, recurrent).split(hidden, 1);  // input, output, forget, cell
    const Tensor input = gate(parts[0], peephole[0], before.cell);
    const Tensor forget = coupled ? 1 - input : gate(parts[2], peephole[2], before.cell);
    const Tensor c = forget * before.cell + input * functions[1](clipped(parts[3], clip));
    const Tensor output = gate(parts[1], peephole[1], c);
    return RnnState{output * functions[2](clipped(c, clip)), c};
  };
}

RnnStep make_gru_step(const RnnCell& cell, const RnnWeights& weights, const std::vector<Activation>& functions) {
  const int64_t hidden = weights.recurrent.size(1);
  const Tensor gates = weights.recurrent.narrow(0, 0, 2 * hidden).t();  // update, reset
  const Tensor candidate = weights.recurrent.narrow(0, 2 * hidden, hidden);
  Tensor bias;
  if (weights.recurrent_bias.defined() && cell.linear_before_reset)
    bias = weights.recurrent_bias.narrow(0, 2 * hidden, hidden);
  return
      [=, clip = cell.clip, linear_first = cell.linear_before_reset](const Tensor& projected, const RnnState& before) {
        const auto parts = projected.split({2 * hidden, hidden}, 1);
        const auto both = functions[0](clipped(at::addmm(parts[0], before.hidden, gates), clip)).split(hidden, 1);
        const Tensor &update = both[0], &reset = both[1];
        const Tensor from_state = linear_first ? reset * at::linear(before.hidden, candidate, bias)
                                               : at::linear(reset * before.hidden, candidate);
        const Tensor proposed = functions[1](clipped(parts[1] + from_state, clip));
        return RnnState{(1 - update) * proposed + update * before.hidden, {}};
      };
}

RnnStep make_rnn_step(const RnnCell& cell, const RnnWeights& weights, const std::vector<Activation>& functions) {
  return [function = functions[0], recurrent = weights.recurrent.t(), clip = cell.clip](const Tensor& projected,
                                                                                        const RnnState& before) {
    return RnnState{function(clipped(at::addmm(projected, before.hidden, recurrent), clip)), {}};
  };
}

}  // namespace

RnnCell read_rnn_cell(const Site& site, RnnKind kind, size_t directions) {
  RnnCell cell;
  cell.kind = kind;
  cell.clip = site.float_or("clip", 0);
  cell.input_forget = site.int_or("input_forget", 0) != 0;
  cell.linear_before_reset = site.int_or("linear_before_reset", 0) != 0;
  read_activations(site, directions, cell);
  return cell;
}

at::Tensor project(const RnnCell& cell, const RnnWeights& weights, const at::Tensor& x) {
  Tensor later = weights.recurrent_bias;
  if (cell.kind == RnnKind::gru && cell.linear_before_reset && later.defined()) {
    const int64_t hidden = weights.recurrent.size(1);
    const Tensor gates = later.narrow(0, 0, 2 * hidden);  // what is left is added before the reset
    later = at::cat({gates, at::zeros_like(later.narrow(0, 2 * hidden, hidden))});
  }
  return at::linear(x, weights.input, plus(weights.input_bias, later));
}

RnnStep make_step(const RnnCell& cell, const RnnWeights& weights, size_t direction) {
  const auto& functions = cell.activations[direction];
  if (cell.kind == RnnKind::lstm) return make_lstm_step(cell, weights, functions);
  if (cell.kind == RnnKind::gru) return make_gru_step(cell, weights, functions);
  return make_rnn_step(cell, weights, functions);
}

}  // namespace allot::exec
