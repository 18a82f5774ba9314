// SPDX-License-Identifier: Apache-2.0
// From a model's graphs to a plan: kernels made, constants computed ahead, the life of every value known.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exec/lower.h"
#include "exec/program.h"
#include "exec/registry.h"
#include "ir/values.h"

namespace allot::exec {

/// Slots are the numbers of ir::Values; slots that only the plan knows come behind them.
class Compiler {
 public:
  Compiler(const Lowered& lowered, const CompileOptions& options);

  /// Errors: as Program's constructor.
  std::shared_ptr<Plan> compile();

  const ir::Values& values() const { return values_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::vector<Buffer> buffers() const;
  std::vector<std::string> outputs() const;
  /// An initializer that no caller can replace.
  bool is_weight(ir::ValueId value) const;

 private:
  void find_outputs();
  void mark_needed();
  void load_constants();
  /// A weight or the output of a Constant node.
  bool is_stored(ir::ValueId value) const;
  ir::ValueId find_weight(const std::string& name) const;
  void make_parameter(const TrainedWeight& weight);
  void prepend(Kernel kernel, Slot input, Slot output, std::string op_type);
  void compile_graph(ir::GraphId graph);
  void compile_node(ir::NodeId id, Block& block);
  Site site_of(ir::NodeId id);
  void compute_ahead(const Step& step);
  void find_lifetimes(ir::GraphId graph, Block& block);
  void drop_unused_constants();
  std::span<const Slot> keep(std::vector<Slot> slots);
  std::string where(ir::NodeId id) const { return describe(plan_->nodes[id]); }
  /// Values of outer graphs that the bodies of a node use.
  std::vector<ir::ValueId> captured_by(ir::NodeId id) const;
  [[noreturn]] void throw_refusals() const;

  const Lowered& lowered_;
  const ir::Model& model_;
  const CompileOptions& options_;
  const ir::Values values_;
  std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
  std::unique_ptr<Frame> ahead_;      // where constants are computed
  std::vector<char> is_constant_;     // by slot
  std::vector<char> needed_;          // by node
  std::vector<ir::ValueId> outputs_;  // of the main graph
  std::vector<Step> prologue_;        // makes what nodes see of parameters
  std::vector<Parameter> parameters_;
  std::vector<std::string> refusals_;
};

}  // namespace allot::exec
