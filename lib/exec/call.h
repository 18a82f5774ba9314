// SPDX-License-Identifier: Apache-2.0
// A kernel's view of one run: its inputs, its outputs, and how the graph runs.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "exec/plan.h"

namespace allot::exec {

/// How a graph runs.
struct RunMode {
  bool training = false;  // Dropout draws and BatchNormalization takes the batch's statistics, as `batch_norm` says
  uint64_t seed = 0;      // with `step` the key of every random number
  uint32_t step = 0;
  bool recomputing = false;  // a second time, for the gradient: running statistics are left alone
};

/// Within a catch block: throws what is caught as an Error of that place (unless it names one already), out_of_memory
/// where memory ran out, otherwise malformed.
[[noreturn]] void rethrow_named(const std::string& where);

/// Looks on while a block runs; not at the bodies inside.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void before(const Step& step) = 0;
  virtual void after(const Step& step) = 0;
};

/// All that changes while a plan runs.
class Frame {
 public:
  Frame(const Plan& plan, const RunMode& mode) : plan_(plan), mode_(mode), slots_(plan.constants) {}

  const Plan& plan() const { return plan_; }
  const RunMode& mode() const { return mode_; }
  Value& slot(Slot s) { return slots_[s]; }

  /// Runs all steps of a block; its inputs are in their slots. Errors name the node.
  void run(uint32_t block, StepObserver* observer = nullptr);
  void run(const Step& step);
  /// The outputs of a block that ran; a body's are dropped from the table.
  std::vector<Value> take_outputs(uint32_t block);

  /// How often the loops around the current step went round: part of the key of random numbers.
  uint32_t iteration = 0;

 private:
  void bring_over(const Step& step);

  const Plan& plan_;
  const RunMode mode_;
  std::vector<Value> slots_;
};

class Call {
 public:
  Call(Frame& frame, const Step& step) : frame_(frame), step_(step) {}

  size_t inputs() const { return step_.inputs.size(); }
  size_t outputs() const { return step_.outputs.size(); }
  bool has(size_t input) const {
    return input < step_.inputs.size() && step_.inputs[input] != kNoSlot && !frame_.slot(step_.inputs[input]).absent();
  }
  bool wants(size_t output) const { return output < step_.outputs.size() && step_.outputs[output] != kNoSlot; }

  /// A tensor input. Errors: malformed when it is absent, strings or a sequence.
  const at::Tensor& in(size_t input) const {
    if (input < step_.inputs.size() && step_.inputs[input] != kNoSlot) {
      const at::Tensor& tensor = frame_.slot(step_.inputs[input]).tensor();
      if (tensor.defined()) return tensor;
    }
    no_tensor(input);
  }
  /// The same, undefined when absent.
  const at::Tensor& in_or_none(size_t input) const { return has(input) ? in(input) : kNothing; }
  /// Any input; an absent value when it is not there.
  const Value& value(size_t input) const;
  /// Elements of a small tensor of integers (shapes, axes ...). Errors: malformed for other types.
  std::vector<int64_t> ints(size_t input) const;
  /// Its only element. Errors: malformed when there is another number of elements.
  int64_t integer(size_t input) const;
  double number(size_t input) const;
  /// All tensor inputs from `first` on, absent ones left out.
  std::vector<at::Tensor> tensors_from(size_t first) const;

  /// Unwanted outputs are ignored.
  void set(size_t output, at::Tensor tensor) const {
    if (wants(output)) frame_.slot(step_.outputs[output]) = Value(std::move(tensor));
  }
  void set(size_t output, Value value) const {
    if (wants(output)) frame_.slot(step_.outputs[output]) = std::move(value);
  }
  /// `tensor` with the elements of `input` moved: keeps an element type that torch has not (int4 ...).
  void set_moved(size_t output, size_t input, at::Tensor tensor) const {
    set(output, Value(std::move(tensor), value(input).widened()));
  }

  bool training() const { return frame_.mode().training; }
  /// Whether state that outlives the run may be changed.
  bool updates_state() const { return training() && !frame_.mode().recomputing; }
  /// Random numbers of this node in this step of this run; the same when it is computed anew.
  base::Rng rng() const;
  Frame& frame() const { return frame_; }

 private:
  [[noreturn]] void no_tensor(size_t input) const;
  static const at::Tensor kNothing;

  Frame& frame_;
  const Step& step_;
};

}  // namespace allot::exec
