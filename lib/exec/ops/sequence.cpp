// SPDX-License-Identifier: Apache-2.0
// Sequences of values, and values that may be absent.
#include <algorithm>

#include <ATen/ops/cat.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include "exec/body.h"
#include "exec/check.h"
#include "exec/movable.h"
#include "exec/registry.h"

namespace allot::exec {
namespace {

// A position counted from the front; `count` is how many there are.
size_t position(const Call& call, size_t input, size_t count) {
  const int64_t given = call.integer(input), n = static_cast<int64_t>(count);
  if (given < -n || given >= n) malformed("position {} is out of a sequence of {}", given, n);
  return static_cast<size_t>(given < 0 ? given + n : given);
}

Kernel make_empty(const Site&) {
  return [](Call& call) { call.set(0, Value(Sequence())); };
}

Kernel make_construct(const Site&) {
  return [](Call& call) {
    Sequence sequence;
    for (size_t i = 0; i < call.inputs(); ++i) sequence.push_back(call.value(i));
    call.set(0, Value(std::move(sequence)));
  };
}

Kernel make_at(const Site&) {
  return [](Call& call) {
    const Sequence& sequence = call.value(0).sequence();
    call.set(0, sequence[position(call, 1, sequence.size())]);
  };
}

Kernel make_insert(const Site&) {
  return [](Call& call) {
    Sequence sequence = call.value(0).sequence();
    const size_t n = sequence.size();
    size_t place = n;
    if (call.has(2)) {
      const int64_t given = call.integer(2);
      place = given == static_cast<int64_t>(n) ? n : position(call, 2, n);
    }
    sequence.insert(sequence.begin() + static_cast<int64_t>(place), call.value(1));
    call.set(0, Value(std::move(sequence)));
  };
}

Kernel make_erase(const Site&) {
  return [](Call& call) {
    Sequence sequence = call.value(0).sequence();
    if (sequence.empty()) malformed("nothing is left to erase");
    const size_t place = call.has(1) ? position(call, 1, sequence.size()) : sequence.size() - 1;
    sequence.erase(sequence.begin() + static_cast<int64_t>(place));
    call.set(0, Value(std::move(sequence)));
  };
}

Kernel make_length(const Site&) {
  return [](Call& call) {
    call.set(0, at::scalar_tensor(static_cast<int64_t>(call.value(0).sequence().size()), at::kLong));
  };
}

Kernel make_concat_from_sequence(const Site& site) {
  return [axis = site.int_or("axis", 0), stacks = site.int_or("new_axis", 0) != 0](Call& call) {
    Movable parts;
    for (const Value& value : call.value(0).sequence()) parts.add(value);
    if (parts.tensors().empty()) malformed("the sequence is empty");
    call.set(0, parts.back(stacks ? at::stack(parts.tensors(), axis) : at::cat(parts.tensors(), axis)));
  };
}

// A scalar is the length of every part but the last, a list the length of each.
std::vector<int64_t> part_lengths(const Call& call, int64_t n) {
  auto lengths = call.has(1) ? call.ints(1) : std::vector<int64_t>{1};
  if (call.has(1) && !call.value(1).dims().empty()) return lengths;
  const int64_t size = lengths[0];
  if (size < 1) malformed("parts of {} elements are asked for", size);
  lengths.clear();
  for (int64_t start = 0; start < n; start += size) lengths.push_back(std::min(size, n - start));
  return lengths;
}

Kernel make_split_to_sequence(const Site& site) {
  return [axis = site.int_or("axis", 0), keeps_axis = site.int_or("keepdims", 1) != 0](Call& call) {
    const Movable x(call.value(0));
    const int64_t along = front_axis(axis, x.tensor().dim());
    const auto lengths = part_lengths(call, x.tensor().size(along));
    const bool squeezes = !call.has(1) && !keeps_axis;
    Sequence sequence;
    for (const at::Tensor& part : x.tensor().split_with_sizes(lengths, along))
      sequence.push_back(x.back(squeezes ? part.squeeze(along) : part));
    call.set(0, Value(std::move(sequence)));
  };
}

// The body sees one element of each sequence, and whole tensors.
Kernel make_map(const Site& site) {
  return [block = site.block("body")](Call& call) {
    const size_t n = call.value(0).sequence().size();
    std::vector<Sequence> results(call.outputs());
    Iteration iteration(call.frame());
    for (size_t i = 0; i < n; ++i) {
      iteration.set(static_cast<int64_t>(i));
      std::vector<Value> inputs;
      for (size_t k = 0; k < call.inputs(); ++k) {
        const Value& value = call.value(k);
        if (value.is_sequence() && value.sequence().size() != n) malformed("its sequences differ in length");
        inputs.push_back(value.is_sequence() ? value.sequence()[i] : value);
      }
      auto outputs = run_body(call.frame(), block, std::move(inputs));
      if (outputs.size() < results.size()) malformed("its body gives too few outputs");
      for (size_t k = 0; k < results.size(); ++k) results[k].push_back(std::move(outputs[k]));
    }
    for (size_t k = 0; k < results.size(); ++k) call.set(k, Value(std::move(results[k])));
  };
}

Kernel make_optional(const Site&) {
  return [](Call& call) { call.set(0, call.value(0)); };
}

Kernel make_has_element(const Site&) {
  return [](Call& call) { call.set(0, at::scalar_tensor(call.has(0), at::kBool)); };
}

Kernel make_get_element(const Site&) {
  return [](Call& call) {
    if (!call.has(0)) malformed("the optional has no element");
    call.set(0, call.value(0));
  };
}

// A body may hold operators that are impure.
constexpr Operator kOperators[] = {
    {"ConcatFromSequence", make_concat_from_sequence},
    {"Optional", make_optional},
    {"OptionalGetElement", make_get_element},
    {"OptionalHasElement", make_has_element, Gradient::zero},
    {"SequenceAt", make_at},
    {"SequenceConstruct", make_construct},
    {"SequenceEmpty", make_empty},
    {"SequenceErase", make_erase},
    {"SequenceInsert", make_insert},
    {"SequenceLength", make_length, Gradient::zero},
    {"SequenceMap", make_map, Gradient::flows, true},
    {"SplitToSequence", make_split_to_sequence},
};

}  // namespace

std::span<const Operator> sequence_operators() { return kOperators; }

}  // namespace allot::exec
