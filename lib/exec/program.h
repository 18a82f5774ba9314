// SPDX-License-Identifier: Apache-2.0
// An ONNX model compiled into a program that torch runs and differentiates.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "exec/call.h"
#include "exec/site.h"
#include "ir/model.h"

namespace allot::exec {

/// A second spelling of a trained weight: the same elements under another name, maybe transposed.
struct TiedCopy {
  std::string name;
  bool transposed = false;
};

/// A weight to train: a floating initializer, or the output of a Constant node.
struct TrainedWeight {
  std::string name;
  std::vector<TiedCopy> copies;
};

struct CompileOptions {
  KernelOptions kernels;
  /// Values of the main graph to give, any of them; empty: the graph's outputs.
  std::vector<std::string> outputs;
  /// Weights that become leaves with gradients; see find_weights().
  std::vector<TrainedWeight> trained;
  /// Operators that are run as ONNX defines them by others, although they have a kernel: "Softmax".
  std::vector<std::string> expanded;
  /// Into how many segments a training run is cut; all but what crosses them is computed again for gradients. 0: none.
  size_t remat = 0;
  /// By node of the file's main graph, a number; nodes of different numbers are never run as one. Empty: all are equal.
  std::vector<uint32_t> parts;
  bool fuse = true;  // groups of nodes run as one kernel where torch has it; see fuse.h
  at::Device device = at::kCPU;
};

/// One weight that is trained. Half-precision ones are kept in float32 and rounded in every run.
struct Parameter {
  TrainedWeight weight;
  at::Tensor tensor;    // the leaf; optimisers change it in place
  ir::DataType stored;  // its type in the file
};

/// A tensor that kernels update while they run in training: statistics of BatchNormalization.
struct Buffer {
  std::string name;
  at::Tensor tensor;
};

/// An input of the graph.
struct ProgramInput {
  std::string name;
  ir::Type type;
  bool optional = false;  // an initializer is its default
};

class Program {
 public:
  /// Compiles once; shapes may differ from run to run. The model is not needed afterwards.
  /// Errors: unavailable, listing every node whose operator, version or attributes cannot be run; malformed, naming
  /// the node or tensor; config for names in `options` that the model does not have.
  explicit Program(const ir::Model& model, const CompileOptions& options = {});

  const std::vector<ProgramInput>& inputs() const { return inputs_; }
  const std::vector<std::string>& outputs() const { return outputs_; }
  std::vector<Parameter>& parameters() { return parameters_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }
  const Plan& plan() const { return *plan_; }
  /// The value that a slot holds; "" for slots of the plan's own.
  std::string slot_name(Slot slot) const { return slot < slot_names_.size() ? slot_names_[slot] : ""; }

  /// One value for each of inputs(), as run() takes them: on the program's device, absent where the default counts.
  /// Errors: malformed, naming the input: a missing one, a type or a fixed dimension that differs.
  std::vector<Value> check_inputs(const std::vector<Value>& inputs) const;

  /// Runs on inputs in the order of inputs(); absent values take the default where there is one. Gradients are
  /// recorded when torch's grad mode is on. Safe to call from several threads unless batch statistics are updated.
  /// Errors: those of check_inputs; malformed, naming the node, for shapes that do not fit; out_of_memory.
  std::vector<Value> run(const std::vector<Value>& inputs, const RunMode& mode = {}) const;

 private:
  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<std::deque<std::string>> symbols_ = std::make_shared<std::deque<std::string>>();  // of inputs_' types
  std::vector<ProgramInput> inputs_;
  std::vector<std::string> outputs_;
  std::vector<Parameter> parameters_;
  std::vector<Buffer> buffers_;
  std::vector<std::string> slot_names_;
  at::Device device_;
};

}  // namespace allot::exec
