// SPDX-License-Identifier: Apache-2.0
// A model that holds every candidate, and what of it an assignment uses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "enas/space.h"
#include "ir/model.h"
#include "ir/values.h"

namespace allot::enas {

/// What one assignment makes of the supergraph.
struct Child {
  Assignment assignment;
  std::vector<std::vector<uint32_t>> kept;           // by binding: inputs that stay, in order
  std::vector<std::vector<uint32_t>> alternatives;   // by binding: those that stay, ascending
  std::vector<char> active_variables, active_nodes;  // by variable; by ir::NodeId
  std::string name;  // what is decided, without decisions that take no effect: equal names are equal children
};

class Supergraph {
 public:
  /// Errors: malformed, naming the node: a bound node that is not there, is there twice, is bound twice, is no Sum,
  /// Add, Mean, Max, Min or Concat, or has no such inputs; alternatives that overlap; a variable that is never bound; a
  /// slice of a tensor that is not stored in the main graph, off its axes, of the wrong length, or used elsewhere.
  Supergraph(std::shared_ptr<const ir::Model> model, Space space);

  const ir::Model& model() const { return *model_; }
  std::shared_ptr<const ir::Model> shared_model() const { return model_; }
  const Space& space() const { return space_; }
  const ir::Values& values() const { return values_; }
  ir::NodeId join(size_t binding) const { return joins_[binding]; }

  /// Backwards from the outputs, O(nodes). A node is active when an output depends on it; a decision when a node that
  /// is bound to it is. Loose ends are the places that no active decision chose.
  /// Errors: malformed, naming the join, when nothing is left of it: an empty set of loose ends or an empty subset.
  Child child(Assignment assignment) const;

 private:
  void resolve_joins();
  void check_alternatives(size_t b);
  void check_slices() const;
  /// What stays of a join, given which decisions are active.
  void keep(size_t b, const Child& child, std::vector<uint32_t>& kept, std::vector<uint32_t>& alternatives) const;
  std::vector<char> reach(const std::vector<std::vector<uint32_t>>& kept) const;
  [[noreturn]] void refuse(size_t b, std::string_view what, std::string_view remedy) const;

  std::shared_ptr<const ir::Model> model_;
  Space space_;
  ir::Values values_;
  std::vector<ir::NodeId> joins_;                   // by binding
  std::vector<uint32_t> binding_of_;                // by node; ir::kNone
  std::vector<std::vector<uint32_t>> bindings_of_;  // by variable
  std::vector<size_t> variable_of_;                 // by binding; of loose ends unused
  std::vector<std::vector<size_t>> of_;             // by binding: variables that loose ends look at
  std::vector<std::vector<uint32_t>> fixed_;        // by binding: inputs that always stay
};

}  // namespace allot::enas
