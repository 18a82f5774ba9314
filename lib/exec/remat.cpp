// SPDX-License-Identifier: Apache-2.0
#include "exec/remat.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ops/clone.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "base/error.h"
#include "exec/segment_watch.h"

namespace allot::exec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// One segment of one run, as long as its gradient may come by.
struct SegmentRun : torch::CustomClassHolder {
  std::shared_ptr<const Plan> plan;
  const Segment* segment = nullptr;  // of the plan
  RunMode mode;
  std::vector<Slot> tensors;                   // inputs that are tensors
  std::vector<std::pair<Slot, Value>> others;  // the rest: strings, sequences, absent ones
  std::vector<Slot> results;                   // outputs that are tensors, filled by the first run

  size_t index() const { return static_cast<size_t>(segment - plan->segments.data()); }
};

// Gradients follow tensors only.
void refuse_sequence(const Plan& plan, const Segment& segment, const Value& value) {
  if (!value.is_sequence()) return;
  const Step& last = plan.blocks[segment.block].steps.back();
  throw base::Error(base::ErrorKind::unavailable, describe(plan.nodes[last.node]),
                    "a sequence crosses the border of a recomputed segment behind it",
                    "choose another number of segments, or keep everything");
}

/// What crosses a border gets memory of its own where it is a view of a weight.
void part_from_weights(Frame& frame, const Segment& segment) {
  const Plan& plan = frame.plan();
  for (const Slot output : segment.outputs) {
    const Value& value = frame.slot(output);
    if (!value.is_tensor()) continue;
    const bool shared = std::any_of(segment.inputs.begin(), segment.inputs.end(), [&](Slot input) {
      const Value& weight = plan.constants[input];
      return weight.is_tensor() && weight.tensor().is_alias_of(value.tensor());
    });
    if (shared) frame.slot(output) = Value(value.tensor().clone(), value.widened());
  }
}

/// Tells of segments while the whole block runs.
class Passing final : public StepObserver {
 public:
  explicit Passing(Frame& frame) : frame_(frame) {}

  void before(const Step&) override {
    if (left_ > 0) return;
    segment_watch()->before(segment_);
    left_ = frame_.plan().blocks[segment().block].steps.size();
  }
  void after(const Step&) override {
    if (--left_ > 0) return;
    part_from_weights(frame_, segment());
    segment_watch()->after(segment_++);
  }

 private:
  const Segment& segment() const { return frame_.plan().segments[segment_]; }

  Frame& frame_;
  size_t segment_ = 0, left_ = 0;  // steps of it
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  static variable_list forward(AutogradContext* context, Frame* frame, const c10::intrusive_ptr<SegmentRun>& run,
                               at::TensorList inputs) {  // torch looks into lists of this type only
    SegmentWatch* const watch = segment_watch();
    if (watch) watch->before(run->index());
    frame->run(run->segment->block);
    if (watch) part_from_weights(*frame, *run->segment);
    if (watch) watch->after(run->index());
    variable_list outputs, constant;
    for (const Slot slot : run->segment->outputs) {
      const Value& value = frame->slot(slot);
      refuse_sequence(*run->plan, *run->segment, value);
      if (!value.is_tensor()) continue;
      run->results.push_back(slot);
      outputs.push_back(value.tensor());
      if (!value.tensor().is_floating_point()) constant.push_back(value.tensor());
    }
    context->mark_non_differentiable(constant);
    context->save_for_backward(inputs.vec());
    context->saved_data["run"] = at::IValue::make_capsule(run);
    return outputs;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto capsule = context->saved_data["run"].toCapsule();
    const auto& run = static_cast<const SegmentRun&>(*capsule);
    Frame frame(*run.plan, run.mode);
    variable_list leaves;  // by input; undefined where no gradient is asked for
    const variable_list saved = context->get_saved_variables();
    for (size_t i = 0; i < saved.size(); ++i) {
      at::Tensor leaf = saved[i].detach();
      if (saved[i].requires_grad()) leaf.set_requires_grad(true);
      leaves.push_back(saved[i].requires_grad() ? leaf : at::Tensor());
      frame.slot(run.tensors[i]) = Value(leaf, frame.slot(run.tensors[i]).widened());
    }
    for (const auto& [slot, value] : run.others) frame.slot(slot) = value;

    at::AutoGradMode enabled(true);
    SegmentWatch* const watch = segment_watch();
    if (watch) watch->before(run.index());
    frame.run(run.segment->block);
    variable_list outputs, seeds, wanted;
    for (size_t i = 0; i < run.results.size(); ++i) {
      const at::Tensor& output = frame.slot(run.results[i]).tensor();
      if (!output.requires_grad() || !gradients[i].defined()) continue;
      outputs.push_back(output);
      seeds.push_back(gradients[i]);
    }
    std::copy_if(leaves.begin(), leaves.end(), std::back_inserter(wanted), [](const auto& t) { return t.defined(); });
    variable_list found;
    if (!outputs.empty() && !wanted.empty())
      found = torch::autograd::grad(outputs, wanted, seeds, std::nullopt, false, true);
    if (watch) watch->after(run.index());
    variable_list result = {at::Tensor(), at::Tensor()};  // of `frame` and `run`
    size_t next = 0;
    for (const at::Tensor& leaf : leaves)
      result.push_back(leaf.defined() && !found.empty() ? found[next++] : at::Tensor());
    return result;
  }
};

}  // namespace

void run_rematerialised(const std::shared_ptr<const Plan>& plan, Frame& frame) {
  for (const Segment& segment : plan->segments) {
    auto run = c10::make_intrusive<SegmentRun>();
    run->plan = plan;
    run->segment = &segment;
    run->mode = frame.mode();
    run->mode.recomputing = true;
    variable_list inputs;
    for (const Slot slot : segment.inputs) {
      const Value& value = frame.slot(slot);
      if (!value.is_tensor()) {
        run->others.emplace_back(slot, value);
        continue;
      }
      run->tensors.push_back(slot);
      inputs.push_back(value.tensor());
    }
    const variable_list outputs = Recompute::apply(&frame, run, at::TensorList(inputs));
    for (size_t i = 0; i < outputs.size(); ++i)
      frame.slot(run->results[i]) = Value(outputs[i], frame.slot(run->results[i]).widened());
  }
}

void run_watched(Frame& frame) {
  Passing passing(frame);
  frame.run(0, &passing);
}

}  // namespace allot::exec
