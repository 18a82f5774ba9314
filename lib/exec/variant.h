// SPDX-License-Identifier: Apache-2.0
// Programs in which some nodes take only some of their inputs: what they no longer need does not run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "exec/program.h"

namespace allot::exec {

/// Rows of a stored tensor that a variant uses in place of all of it.
struct TensorRows {
  std::string name;  // of the stored tensor
  int64_t axis = 0;
  std::vector<int64_t> indices;  // in that axis
};

struct VariantOptions {
  /// By name of a node, main graph or body: which of its inputs it takes, in this order; one may be there twice. A node
  /// that is left with one input gives that.
  std::map<std::string, std::vector<uint32_t>> inputs;
  std::vector<TensorRows> rows;
};

/// Shares stored tensors and parameters with its program, which must outlive it.
class Variant {
 public:
  /// As Program::run. Safe from several threads unless batch statistics are updated.
  std::vector<Value> run(const std::vector<Value>& inputs, const RunMode& mode = {}) const;
  /// Parameters that a step uses: places in Program::parameters(), ascending. Gradients of all others are undefined.
  const std::vector<uint32_t>& parameters() const { return parameters_; }
  /// Steps of all blocks: what runs, once for every time that a body does.
  size_t steps() const;
  const Plan& plan() const { return *plan_; }

 private:
  friend class VariantMaker;
  const Program* program_ = nullptr;
  std::shared_ptr<const Plan> plan_;
  std::vector<uint32_t> parameters_;
};

/// Makes variants of one program in time linear in its steps: nothing is compiled anew.
class VariantMaker {
 public:
  /// `program` must outlive it and be compiled without fusing and segments. Errors: config where it has segments.
  explicit VariantMaker(const Program& program);

  /// Errors: config for names that the program has not or has twice, and for nodes that were computed ahead since they
  /// depend on nothing that is trained or given; malformed for inputs and rows out of range.
  Variant make(const VariantOptions& options) const;

 private:
  struct Place {
    uint32_t block = 0, step = 0;
    auto operator<=>(const Place&) const = default;
  };
  class Making;

  const Program& program_;
  std::unordered_map<std::string, std::vector<Place>> steps_;  // by name of the node
  std::unordered_map<std::string, Slot> slots_;                // of stored tensors
  std::unordered_map<Slot, std::vector<Place>> users_;         // of stored tensors
  std::unordered_map<Slot, uint32_t> parameter_of_;
  std::vector<std::vector<uint32_t>> maker_;  // by block: the step that makes a slot, + 1; 0: none
  std::vector<std::vector<char>> droppable_;  // by block: slots that die in it
};

}  // namespace allot::exec
