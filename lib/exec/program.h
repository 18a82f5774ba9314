// SPDX-License-Identifier: Apache-2.0
// An ONNX model compiled into a program that torch runs and differentiates.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "exec/call.h"
#include "exec/site.h"
#include "ir/model.h"

namespace allot::exec {

struct CompileOptions {
  KernelOptions kernels;
  /// Values of the main graph to give, any of them; empty: the graph's outputs.
  std::vector<std::string> outputs;
  /// Weights that become leaves with gradients: names of floating initializers or of outputs of Constant nodes.
  std::vector<std::string> trainable;
  at::Device device = at::kCPU;
};

/// One weight that is trained. Half-precision ones are kept in float32 and rounded in every run.
struct Parameter {
  std::string name;      // of the initializer, or of the Constant node's output
  at::Tensor tensor;     // the leaf; optimisers change it in place
  ir::DataType stored;   // its type in the file
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
  const Plan& plan() const { return *plan_; }

  /// Runs on inputs in the order of inputs(); absent values take the default where there is one. Gradients are
  /// recorded when torch's grad mode is on. Safe to call from several threads unless batch statistics are updated.
  /// Errors: malformed, naming input or node: a missing input, a type or a fixed dimension that differs, shapes that
  /// do not fit; out_of_memory.
  std::vector<Value> run(const std::vector<Value>& inputs, const RunMode& mode = {}) const;

 private:
  std::shared_ptr<const Plan> plan_;
  std::vector<ProgramInput> inputs_;
  std::vector<std::string> outputs_;
  std::vector<Parameter> parameters_;
  at::Device device_;
};

}  // namespace allot::exec
