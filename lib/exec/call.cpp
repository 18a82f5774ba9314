// SPDX-License-Identifier: Apache-2.0
#include "exec/call.h"

#include <ATen/ops/_to_copy.h>
#include <c10/util/Exception.h>

#include "base/error.h"
#include "exec/dtype.h"

namespace allot::exec {
namespace {

using base::Error;
using base::ErrorKind;

std::string place(const Plan& plan, const Step& step) { return describe(plan.nodes[step.node]); }

// torch writes a stack of lines; the first says what is wrong.
std::string first_line(std::string_view text) { return base::printable(text.substr(0, text.find('\n')), 400); }

}  // namespace

std::string describe(const PlanNode& node) {
  return fmt::format("node '{}' ({})", base::printable(node.name), base::printable(node.op_type));
}

void rethrow_named(const std::string& where) {
  constexpr std::string_view kUseLess = "use a smaller batch", kLook = "check the model and its inputs";
  try {
    throw;
  } catch (const Error& error) {
    // A body's error already names its node.
    if (!error.where().empty()) throw;
    throw Error(error.kind(), where, error.message(), error.fix());
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(ErrorKind::out_of_memory, where, first_line(error.what_without_backtrace()), kUseLess);
  } catch (const c10::Error& error) {
    const std::string text = first_line(error.what_without_backtrace());
    const bool memory = text.find("can't allocate memory") != std::string::npos;
    throw Error(memory ? ErrorKind::out_of_memory : ErrorKind::malformed, where, text, memory ? kUseLess : kLook);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::out_of_memory, where, "memory is exhausted", kUseLess);
  } catch (const std::exception& error) {  // torch throws a few of its own that are no c10::Error
    throw Error(ErrorKind::malformed, where, first_line(error.what()), kLook);
  }
}

const at::Tensor Call::kNothing;

void Frame::run(const Step& step) {
  Call call(*this, step);
  step.kernel(call);
  if (!plan_.device.is_cpu()) bring_over(step);
  for (const Slot slot : step.last_uses) slots_[slot] = Value();
}

/// Kernels that make tensors out of attributes or numbers make them on the host.
void Frame::bring_over(const Step& step) {
  for (const Slot slot : step.outputs) {
    if (slot == kNoSlot || !slots_[slot].is_tensor()) continue;
    Value& value = slots_[slot];
    if (value.tensor().device() != plan_.device) value = Value(value.tensor().to(plan_.device), value.widened());
  }
}

void Frame::run(uint32_t block, StepObserver* observer) {
  const Step* current = nullptr;
  try {
    for (const Step& step : plan_.blocks[block].steps) {
      current = &step;
      if (observer) observer->before(step);
      run(step);
      if (observer) observer->after(step);
    }
  } catch (...) {
    rethrow_named(place(plan_, *current));
  }
}

std::vector<Value> Frame::take_outputs(uint32_t block) {
  std::vector<Value> values;
  values.reserve(plan_.blocks[block].outputs.size());
  for (const Slot slot : plan_.blocks[block].outputs) values.push_back(slots_[slot]);
  for (const Slot slot : plan_.blocks[block].leftovers) slots_[slot] = Value();
  return values;
}

const Value& Call::value(size_t input) const {
  static const Value kAbsent;
  return input < step_.inputs.size() && step_.inputs[input] != kNoSlot ? frame_.slot(step_.inputs[input]) : kAbsent;
}

std::vector<int64_t> Call::ints(size_t input) const {
  const at::Tensor& tensor = in(input);
  if (!at::isIntegralType(tensor.scalar_type(), true))
    throw Error(ErrorKind::malformed, "",
                fmt::format("input {} must hold integers, but is {}", input, value(input).describe()));
  const at::Tensor host = tensor.to(at::kCPU, at::kLong).contiguous();
  const int64_t* data = host.const_data_ptr<int64_t>();
  return {data, data + host.numel()};
}

int64_t Call::integer(size_t input) const {
  const auto all = ints(input);
  if (all.size() == 1) return all[0];
  throw Error(ErrorKind::malformed, "", fmt::format("input {} must be one integer, but holds {}", input, all.size()));
}

double Call::number(size_t input) const {
  const at::Tensor& tensor = in(input);
  if (tensor.numel() == 1) return tensor.to(at::kDouble).item<double>();
  throw Error(ErrorKind::malformed, "",
              fmt::format("input {} must be one number, but is {}", input, value(input).describe()));
}

std::vector<at::Tensor> Call::tensors_from(size_t first) const {
  std::vector<at::Tensor> tensors;
  for (size_t i = first; i < inputs(); ++i)
    if (has(i)) tensors.push_back(in(i));
  return tensors;
}

base::Rng Call::rng() const {
  const RunMode& mode = frame_.mode();
  return base::Rng(mode.seed, step_.node, mode.step, frame_.iteration);
}

void Call::no_tensor(size_t input) const {
  throw Error(ErrorKind::malformed, "",
              fmt::format("input {} must be a tensor, but is {}", input, value(input).describe()));
}

}  // namespace allot::exec
