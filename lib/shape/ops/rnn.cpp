// SPDX-License-Identifier: Apache-2.0
// RNN, GRU and LSTM.
#include "shape/registry.h"

namespace allot::shape {
namespace {

/// X is (steps, batch, inputs), or (batch, steps, inputs) with layout 1; R is (directions, gates * hidden, hidden).
/// Y is (steps, directions, batch, hidden) or (batch, steps, directions, hidden); the last states lack the steps.
void recurrent(Context& c) {
  for (size_t o = 0; o < 3; ++o) c.set_elem(o, c.elem(0));
  const Dims *input = c.dims(0), *recurrence = c.dims(2);
  const auto* attribute = c.node().find("hidden_size");
  if (!input || (!attribute && !recurrence)) return;
  if (input->size() != 3 || (recurrence && recurrence->size() != 3))
    return c.contradict("input {} and R must have three dimensions", to_string(*input));
  const int64_t hidden = attribute ? attribute->i : (*recurrence)[2];
  const int64_t directions = c.node().string_or("direction", "forward") == "bidirectional" ? 2 : 1;
  const bool batch_first = c.node().int_or("layout", 0) != 0;
  const int64_t steps = (*input)[batch_first], batch = (*input)[!batch_first];
  const Dims state = batch_first ? Dims{batch, directions, hidden} : Dims{directions, batch, hidden};
  c.set(0, c.elem(0), batch_first ? Dims{batch, steps, directions, hidden} : Dims{steps, directions, batch, hidden});
  c.set(1, c.elem(0), state);
  c.set(2, c.elem(0), state);
}

constexpr Operator kOperators[] = {
    {"DynamicQuantizeLSTM", recurrent},  // com.microsoft
    {"GRU", recurrent},
    {"LSTM", recurrent},
    {"RNN", recurrent},
};

}  // namespace

std::span<const Operator> rnn_operators() { return kOperators; }

}  // namespace allot::shape
