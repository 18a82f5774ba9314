// SPDX-License-Identifier: Apache-2.0
// If, Loop and Scan: bodies are blocks of the same plan and see its slots, so captured values need no copying.
#include <algorithm>
#include <limits>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "base/error.h"
#include "exec/body.h"
#include "exec/dtype.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;

bool truth(const Call& call, size_t input) { return call.number(input) != 0; }

Kernel make_if(const Site& site) {
  return [then_block = site.block("then_branch"), else_block = site.block("else_branch")](Call& call) {
    const uint32_t block = truth(call, 0) ? then_block : else_block;
    auto outputs = run_body(call.frame(), block, {});
    if (outputs.size() < call.outputs()) throw Error(ErrorKind::malformed, "", "a branch gives too few outputs");
    for (size_t i = 0; i < call.outputs(); ++i) call.set(i, std::move(outputs[i]));
  };
}

// What a scan output of a body that never ran looks like: no elements, the body's declared type.
struct EmptyScan {
  at::ScalarType type = at::kFloat;
  std::vector<int64_t> dims = {0};
};

EmptyScan empty_scan(const ir::ValueInfo& output) {
  EmptyScan empty;
  if (output.type.kind != ir::Type::Kind::tensor || output.type.elem == ir::DataType::string) return empty;
  if (output.type.elem != ir::DataType::undefined) empty.type = scalar_type(output.type.elem);
  for (const auto& dim : output.type.dims) empty.dims.push_back(std::max<int64_t>(dim.value, 0));
  return empty;
}

// One list a scan output, joined at the end.
class ScanOutputs {
 public:
  explicit ScanOutputs(size_t count) : parts_(count) {}
  void add(size_t i, const Value& value) {
    if (!value.is_tensor()) throw Error(ErrorKind::malformed, "", "a scan output must be a tensor of numbers");
    parts_[i].push_back(value.tensor());
  }
  void reverse(size_t i) { std::reverse(parts_[i].begin(), parts_[i].end()); }
  at::Tensor join(size_t i, int64_t axis, const EmptyScan& empty) const {
    return parts_[i].empty() ? at::empty(empty.dims, empty.type) : at::stack(parts_[i], axis);
  }

 private:
  std::vector<std::vector<at::Tensor>> parts_;
};

struct LoopBody {
  uint32_t block = 0;
  size_t carried = 0;
  std::vector<EmptyScan> scans;
};

Kernel make_loop(const Site& site) {
  LoopBody body{site.block("body"), site.inputs() > 2 ? site.inputs() - 2 : 0, {}};
  const auto& outputs = site.node().graph("body")->outputs;
  if (outputs.size() < 1 + body.carried || outputs.size() - 1 < site.outputs())
    throw Error(ErrorKind::malformed, "", fmt::format("its body gives {} outputs, too few", outputs.size()));
  for (size_t i = 1 + body.carried; i < outputs.size(); ++i) body.scans.push_back(empty_scan(outputs[i]));
  return [body](Call& call) {
    const int64_t limit = call.has(0) ? call.integer(0) : std::numeric_limits<int64_t>::max();
    bool go_on = !call.has(1) || truth(call, 1);
    std::vector<Value> carried;
    for (size_t i = 0; i < body.carried; ++i) carried.push_back(call.value(2 + i));
    ScanOutputs scans(body.scans.size());
    Iteration iteration(call.frame());
    for (int64_t i = 0; i < limit && go_on; ++i) {
      iteration.set(i);
      std::vector<Value> inputs = {Value(at::empty({}, at::kLong).fill_(i)), Value(at::empty({}, at::kBool).fill_(true))};
      inputs.insert(inputs.end(), std::make_move_iterator(carried.begin()), std::make_move_iterator(carried.end()));
      auto results = run_body(call.frame(), body.block, std::move(inputs));
      go_on = results[0].is_tensor() ? results[0].tensor().item().toBool() : true;
      for (size_t s = 0; s < body.scans.size(); ++s) scans.add(s, results[1 + body.carried + s]);
      carried.assign(std::make_move_iterator(results.begin() + 1),
                     std::make_move_iterator(results.begin() + 1 + static_cast<int64_t>(body.carried)));
    }
    for (size_t i = 0; i < body.carried; ++i) call.set(i, std::move(carried[i]));
    for (size_t s = 0; s < body.scans.size(); ++s)
      if (call.wants(body.carried + s)) call.set(body.carried + s, scans.join(s, 0, body.scans[s]));
  };
}

struct ScanBody {
  uint32_t block = 0;
  size_t scanned = 0;  // inputs that are cut into slices
  std::vector<int64_t> input_axes, output_axes, input_backward, output_backward;
  std::vector<EmptyScan> outputs;
};

int64_t item_or(const std::vector<int64_t>& list, size_t i, int64_t otherwise) {
  return i < list.size() ? list[i] : otherwise;
}

// One sequence: `states` and whole `sequences` in, final states and joined scan outputs out.
std::vector<Value> scan(Frame& frame, const ScanBody& body, std::vector<Value> states,
                        const std::vector<at::Tensor>& sequences, int64_t length) {
  ScanOutputs scans(body.outputs.size());
  const size_t num_states = states.size();
  Iteration iteration(frame);
  for (int64_t t = 0; t < length; ++t) {
    iteration.set(t);
    std::vector<Value> inputs = std::move(states);
    for (size_t i = 0; i < sequences.size(); ++i)
      inputs.emplace_back(sequences[i].select(item_or(body.input_axes, i, 0),
                                              item_or(body.input_backward, i, 0) ? length - 1 - t : t));
    auto results = run_body(frame, body.block, std::move(inputs));
    for (size_t s = 0; s < body.outputs.size(); ++s) scans.add(s, results[num_states + s]);
    states.assign(std::make_move_iterator(results.begin()),
                  std::make_move_iterator(results.begin() + static_cast<int64_t>(num_states)));
  }
  for (size_t s = 0; s < body.outputs.size(); ++s) {
    if (item_or(body.output_backward, s, 0)) scans.reverse(s);
    states.emplace_back(scans.join(s, item_or(body.output_axes, s, 0), body.outputs[s]));
  }
  return states;
}

ScanBody scan_body(const Site& site, size_t first_state) {
  ScanBody body;
  body.block = site.block("body");
  const int64_t scanned = site.int_or("num_scan_inputs", 0);
  if (scanned < 1 || first_state + static_cast<size_t>(scanned) > site.inputs())
    throw Error(ErrorKind::malformed, "", fmt::format("num_scan_inputs is {}", scanned));
  body.scanned = static_cast<size_t>(scanned);
  const size_t states = site.inputs() - first_state - body.scanned;
  const auto& outputs = site.node().graph("body")->outputs;
  if (outputs.size() < states || outputs.size() < site.outputs())
    throw Error(ErrorKind::malformed, "", "its body gives too few outputs");
  for (size_t i = states; i < outputs.size(); ++i) body.outputs.push_back(empty_scan(outputs[i]));
  return body;
}

// Scan-8: the first axis of all inputs is the batch, each of its items a sequence of a length of its own.
Kernel make_batched_scan(const Site& site) {
  ScanBody body = scan_body(site, 1);
  body.input_backward = site.ints("directions");
  return [body](Call& call) {
    const size_t num_states = call.inputs() - 1 - body.scanned;
    const int64_t batch = call.in(1 + num_states).size(0);
    std::vector<int64_t> lengths;
    if (call.has(0)) lengths = call.ints(0);
    std::vector<std::vector<at::Tensor>> results(num_states + body.outputs.size());
    for (int64_t b = 0; b < batch; ++b) {
      std::vector<Value> states;
      for (size_t i = 0; i < num_states; ++i) states.emplace_back(call.in(1 + i).select(0, b));
      std::vector<at::Tensor> sequences;
      for (size_t i = 0; i < body.scanned; ++i) sequences.push_back(call.in(1 + num_states + i).select(0, b));
      const int64_t length = item_or(lengths, static_cast<size_t>(b), sequences[0].size(0));
      const auto one = scan(call.frame(), body, std::move(states), sequences, length);
      for (size_t i = 0; i < one.size(); ++i) results[i].push_back(one[i].tensor());
    }
    for (size_t i = 0; i < results.size() && i < call.outputs(); ++i) call.set(i, at::stack(results[i], 0));
  };
}

Kernel make_scan(const Site& site) {
  if (site.opset() < 9) return make_batched_scan(site);
  ScanBody body = scan_body(site, 0);
  body.input_axes = site.ints("scan_input_axes");
  body.output_axes = site.ints("scan_output_axes");
  body.input_backward = site.ints("scan_input_directions");
  body.output_backward = site.ints("scan_output_directions");
  return [body](Call& call) {
    const size_t num_states = call.inputs() - body.scanned;
    std::vector<Value> states;
    for (size_t i = 0; i < num_states; ++i) states.push_back(call.value(i));
    std::vector<at::Tensor> sequences;
    for (size_t i = 0; i < body.scanned; ++i) sequences.push_back(call.in(num_states + i));
    const int64_t length = sequences[0].size(item_or(body.input_axes, 0, 0));
    auto results = scan(call.frame(), body, std::move(states), sequences, length);
    for (size_t i = 0; i < results.size() && i < call.outputs(); ++i) call.set(i, std::move(results[i]));
  };
}

// A body may hold operators that are impure.
constexpr Operator kOperators[] = {
    {"If", make_if, Gradient::flows, true},
    {"Loop", make_loop, Gradient::flows, true},
    {"Scan", make_scan, Gradient::flows, true},
};

}  // namespace

std::span<const Operator> control_flow_operators() { return kOperators; }

}  // namespace allot::exec
