// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM: torch's fused kernels where the attributes are those that torch has, else a loop over time.
#include <algorithm>
#include <memory>
#include <optional>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/gru.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/rnn_relu.h>
#include <ATen/ops/rnn_tanh.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "exec/ops/rnn_cell.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using at::Tensor;

// The inputs, by their places in all three operators.
enum Input : size_t { kX, kW, kR, kB, kLengths, kInitialHidden, kInitialCell, kPeephole };

struct Rnn {
  RnnCell cell;
  size_t directions = 1;
  bool reverse = false;      // the only direction is backwards
  bool batch_first = false;  // layout 1
  bool fusible = false;
  bool torch_gates = false;  // one direction, W [gates * hidden, n] and R have the gates in torch's order; B in ONNX's
};

// W, R and B of all directions, checked against each other.
struct Stacked {
  Tensor w, r, b;
  int64_t hidden = 0;
};

Stacked stacked(const Rnn& rnn, const Tensor& given_w, const Tensor& given_r, const Tensor& b) {
  const Tensor w = rnn.torch_gates ? given_w.unsqueeze(0) : given_w;
  const Tensor r = rnn.torch_gates ? given_r.unsqueeze(0) : given_r;
  const auto directions = static_cast<int64_t>(rnn.directions);
  TORCH_CHECK(w.dim() == 3 && r.dim() == 3, "W and R must have three dimensions, but have ", w.dim(), " and ", r.dim());
  const int64_t hidden = r.size(2), rows = num_gates(rnn.cell.kind) * hidden;
  TORCH_CHECK(
      hidden > 0 && w.size(0) == directions && r.size(0) == directions && w.size(1) == rows && r.size(1) == rows, "W ",
      w.sizes(), " and R ", r.sizes(), " do not fit ", directions, " directions");
  TORCH_CHECK(!b.defined() || (b.dim() == 2 && b.size(0) == directions && b.size(1) == 2 * rows), "B ", b.sizes(),
              " does not fit R ", r.sizes());
  return {w, r, b, hidden};
}

// By RnnKind: gate i of torch is gate kTorchOrders[kind][i] of ONNX.
const std::vector<size_t> kTorchOrders[] = {{0}, {1, 0, 2}, {0, 2, 3, 1}};

// Weights [1, gates * hidden, n] with the gates in ONNX's order.
Tensor from_torch_order(RnnKind kind, const Tensor& weights) {
  const auto& order = kTorchOrders[static_cast<size_t>(kind)];
  const auto parts = weights.split(weights.size(1) / num_gates(kind), 1);
  std::vector<Tensor> gates(order.size());
  for (size_t i = 0; i < order.size(); ++i) gates[order[i]] = parts[i];
  return at::cat(gates, 1);
}

// torch's parameters, a direction after the other: weights and biases with the gates in torch's order. Splitting and
// joining once each keeps the way back at one copy.
std::vector<Tensor> torch_parameters(const Rnn& rnn, const Stacked& all) {
  const auto& order = kTorchOrders[static_cast<size_t>(rnn.cell.kind)];
  const auto parts = [&](const Tensor& x) { return x.flatten(0, 1).split(all.hidden); };
  const auto w = parts(all.w), r = parts(all.r);
  const auto b = all.b.defined() ? all.b.flatten().split(all.hidden) : std::vector<Tensor>();
  const auto ordered = [&](const std::vector<Tensor>& gates, size_t first) {
    if (order.size() == 1) return gates[first];
    std::vector<Tensor> picked;
    for (const size_t gate : order) picked.push_back(gates[first + gate]);
    return at::cat(picked);
  };
  std::vector<Tensor> parameters;
  for (size_t d = 0; d < w.size() / order.size(); ++d) {
    const size_t first = d * order.size();
    parameters.push_back(rnn.torch_gates ? all.w.squeeze(0) : ordered(w, first));
    parameters.push_back(rnn.torch_gates ? all.r.squeeze(0) : ordered(r, first));
    if (b.empty()) continue;
    parameters.push_back(ordered(b, 2 * first));
    parameters.push_back(ordered(b, 2 * first + order.size()));
  }
  return parameters;
}

// y [time, directions, batch, hidden] and the last states [directions, batch, hidden].
struct Result {
  Tensor y, hidden, cell;
};

/// Under autocast torch gives an LSTM to oneDNN in bfloat16 on any CPU; oneDNN has a kernel for that with AVX-512 only.
bool has_bfloat16_lstm(const Tensor& x) {
#if defined(__x86_64__)
  if (x.device().is_cpu())
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
#endif
  return !x.device().is_cpu();
}

std::tuple<Tensor, Tensor, Tensor> fused_lstm(const Tensor& x, const RnnState& initial,
                                              const std::vector<Tensor>& parameters, bool has_biases, bool train,
                                              bool both) {
  const auto run = [&](const Tensor& sequence, const Tensor& hidden, const Tensor& cell) {
    return at::lstm(sequence, {hidden, cell}, parameters, has_biases, 1, 0.0, train, both, false);
  };
  if (!at::autocast::is_autocast_enabled(at::kCPU) || has_bfloat16_lstm(x)) return run(x, initial.hidden, initial.cell);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
  const auto type = parameters[0].scalar_type();  // what came before may have been computed in bfloat16
  return run(x.to(type), initial.hidden.to(type), initial.cell.to(type));
}

Result run_fused(const Rnn& rnn, const Tensor& x, const RnnState& initial, const std::vector<Tensor>& parameters,
                 bool has_biases) {
  const bool both = rnn.directions == 2, train = at::GradMode::is_enabled();
  const Tensor sequence = rnn.reverse ? at::flip(x, 0) : x;
  Result result;
  if (rnn.cell.kind == RnnKind::lstm) {
    std::tie(result.y, result.hidden, result.cell) = fused_lstm(sequence, initial, parameters, has_biases, train, both);
  } else if (rnn.cell.kind == RnnKind::gru) {
    std::tie(result.y, result.hidden) =
        at::gru(sequence, initial.hidden, parameters, has_biases, 1, 0.0, train, both, false);
  } else if (rnn.cell.plain_rnn == "tanh") {
    std::tie(result.y, result.hidden) =
        at::rnn_tanh(sequence, initial.hidden, parameters, has_biases, 1, 0.0, train, both, false);
  } else {
    std::tie(result.y, result.hidden) =
        at::rnn_relu(sequence, initial.hidden, parameters, has_biases, 1, 0.0, train, both, false);
  }
  if (rnn.reverse) result.y = at::flip(result.y, 0);
  result.y = both ? result.y.unflatten(2, {2, -1}).transpose(1, 2) : result.y.unsqueeze(1);
  return result;
}

// Steps behind a sequence's end leave its state as it is and give zeros.
Result run_direction(const Rnn& rnn, const RnnWeights& weights, size_t direction, const Tensor& x,
                     const Tensor& lengths, RnnState state) {
  const bool backwards = rnn.reverse || direction == 1;
  const auto projected = project(rnn.cell, weights, x).unbind(0);
  const RnnStep step = make_step(rnn.cell, weights, direction);
  std::vector<Tensor> hidden(projected.size());
  for (size_t i = 0; i < projected.size(); ++i) {
    const size_t t = backwards ? projected.size() - 1 - i : i;
    RnnState next = step(projected[t], state);
    hidden[t] = next.hidden;
    if (lengths.defined()) {
      const Tensor runs = (lengths > static_cast<int64_t>(t)).unsqueeze(1);
      hidden[t] = at::where(runs, next.hidden, at::zeros_like(next.hidden));
      next.hidden = at::where(runs, next.hidden, state.hidden);
      if (next.cell.defined()) next.cell = at::where(runs, next.cell, state.cell);
    }
    state = std::move(next);
  }
  return {at::stack(hidden), state.hidden, state.cell};
}

Result run_loop(const Rnn& rnn, Stacked all, const Tensor& peephole, const Tensor& x, const Tensor& lengths,
                const RnnState& initial) {
  if (rnn.torch_gates) {
    all.w = from_torch_order(rnn.cell.kind, all.w);
    all.r = from_torch_order(rnn.cell.kind, all.r);
  }
  const auto half = [&](const Tensor& bias, int64_t d, int64_t which) {
    const int64_t rows = num_gates(rnn.cell.kind) * all.hidden;
    return bias.defined() ? bias.select(0, d).narrow(0, which * rows, rows) : Tensor();
  };
  const auto of = [](const Tensor& t, int64_t d) { return t.defined() ? t.select(0, d) : Tensor(); };
  std::vector<Tensor> y, hidden, cell;
  for (int64_t d = 0; d < static_cast<int64_t>(rnn.directions); ++d) {
    const RnnWeights weights{of(all.w, d), of(all.r, d), half(all.b, d, 0), half(all.b, d, 1), of(peephole, d)};
    const Result one =
        run_direction(rnn, weights, static_cast<size_t>(d), x, lengths, {of(initial.hidden, d), of(initial.cell, d)});
    y.push_back(one.y);
    hidden.push_back(one.hidden);
    if (one.cell.defined()) cell.push_back(one.cell);
  }
  return {at::stack(y, 1), at::stack(hidden), cell.empty() ? Tensor() : at::stack(cell)};
}

// The lengths, undefined when every sequence fills the batch.
Tensor lengths_of(const Call& call, const Tensor& x) {
  const Tensor& given = call.in_or_none(kLengths);
  if (!given.defined()) return {};
  const auto lengths = call.ints(kLengths);
  TORCH_CHECK(given.dim() == 1 && given.size(0) == x.size(1), "sequence_lens has ", lengths.size(), " entries for ",
              x.size(1), " sequences");
  const bool are_full = std::all_of(lengths.begin(), lengths.end(), [&](int64_t n) { return n == x.size(0); });
  return are_full ? Tensor() : given;
}

RnnState initial_state(const Rnn& rnn, const Call& call, const Tensor& x, int64_t hidden) {
  const std::vector<int64_t> dims = {static_cast<int64_t>(rnn.directions), x.size(1), hidden};
  const auto state = [&](Input input) {
    const Tensor& given = call.in_or_none(input);
    if (!given.defined()) return at::zeros(dims, x.options());
    const Tensor ordered = rnn.batch_first ? given.transpose(0, 1) : given;
    TORCH_CHECK(ordered.sizes() == dims, "an initial state is ", given.sizes(), ", which does not fit X");
    return ordered;
  };
  return {state(kInitialHidden), rnn.cell.kind == RnnKind::lstm ? state(kInitialCell) : Tensor()};
}

Rnn read_rnn(const Site& site, RnnKind kind) {
  Rnn rnn;
  const ir::Str direction = site.string_or("direction", "forward");
  if (direction == "bidirectional")
    rnn.directions = 2;
  else if (direction == "reverse")
    rnn.reverse = true;
  else if (direction != "forward")
    site.refuse("direction is none of forward, reverse, bidirectional");
  rnn.batch_first = site.int_or("layout", 0) != 0;
  rnn.cell = read_rnn_cell(site, kind, rnn.directions);
  const bool has_torch_equations = kind == RnnKind::lstm  ? !rnn.cell.input_forget && !site.has(kPeephole)
                                   : kind == RnnKind::gru ? rnn.cell.linear_before_reset
                                                          : true;
  const bool has_torch_functions =
      kind == RnnKind::rnn ? rnn.cell.plain_rnn == "tanh" || rnn.cell.plain_rnn == "relu" : rnn.cell.plain_activations;
  rnn.fusible = has_torch_equations && has_torch_functions && rnn.cell.clip == 0;
  return rnn;
}

// Parameters in torch's order, once and for all where the weights are constant.
std::optional<std::vector<Tensor>> constant_parameters(const Site& site, const Rnn& rnn) {
  const auto tensor = [&](size_t input) {
    const Value* value = site.constant(input);
    return value ? value->tensor() : Tensor();
  };
  const Tensor w = tensor(kW), r = tensor(kR), b = tensor(kB);
  if (!rnn.fusible || !w.defined() || !r.defined() || site.has(kB) != b.defined()) return std::nullopt;
  return torch_parameters(rnn, stacked(rnn, w, r, b));
}

void run(const Rnn& rnn, const std::optional<std::vector<Tensor>>& parameters, const Call& call) {
  const Tensor& given = call.in(kX);
  TORCH_CHECK(given.dim() == 3, "X must have three dimensions, but is ", given.sizes());
  const Tensor x = rnn.batch_first ? given.transpose(0, 1) : given;
  TORCH_CHECK(x.size(0) > 0, "X holds no time steps");
  const Stacked all = stacked(rnn, call.in(kW), call.in(kR), call.in_or_none(kB));
  const Tensor lengths = lengths_of(call, x);
  const RnnState initial = initial_state(rnn, call, x, all.hidden);
  Result result;
  if (rnn.fusible && !lengths.defined())
    result = run_fused(rnn, x, initial, parameters ? *parameters : torch_parameters(rnn, all), all.b.defined());
  else
    result = run_loop(rnn, all, call.in_or_none(kPeephole), x, lengths, initial);
  const auto states = [&](const Tensor& t) { return rnn.batch_first ? t.transpose(0, 1) : t; };
  call.set(0, rnn.batch_first ? result.y.permute({2, 0, 1, 3}) : result.y);
  call.set(1, states(result.hidden));
  if (result.cell.defined()) call.set(2, states(result.cell));
}

template <RnnKind kind, bool torch_gates = false>
Kernel make_rnn(const Site& site) {
  Rnn read = read_rnn(site, kind);
  read.torch_gates = torch_gates;
  const auto rnn = std::make_shared<const Rnn>(std::move(read));
  return [rnn, parameters = constant_parameters(site, *rnn)](Call& call) { run(*rnn, parameters, call); };
}

constexpr Operator kOperators[] = {
    {"GRU", make_rnn<RnnKind::gru>},
    {"LSTM", make_rnn<RnnKind::lstm>},
    {"RNN", make_rnn<RnnKind::rnn>},
};

constexpr Operator kFused[] = {
    {"GRU", make_rnn<RnnKind::gru, true>},
    {"LSTM", make_rnn<RnnKind::lstm, true>},
};

}  // namespace

std::span<const Operator> rnn_operators() { return kOperators; }
std::span<const Operator> fused_rnn_operators() { return kFused; }

}  // namespace allot::exec
