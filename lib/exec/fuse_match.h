// SPDX-License-Identifier: Apache-2.0
// How fusion looks at a graph: back from a node, along values that nothing else uses.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "ir/model.h"
#include "ir/values.h"

namespace allot::exec {

/// One group that was found: `node` takes the place of `last`, all of `nodes` go.
struct Fusion {
  ir::NodeId last = ir::kNone;
  std::vector<ir::NodeId> nodes;
  ir::Node node;
};

class Matcher {
 public:
  Matcher(const ir::Model& model, const ir::Values& values, const std::vector<std::string>& kept);

  const ir::Values& values() const { return values_; }
  const ir::Node& node(ir::NodeId id) const { return *values_.nodes[id].node; }
  ir::ValueId input(ir::NodeId id, size_t i) const;
  ir::Str name(ir::ValueId value) const { return values_.values[value].name; }

  /// The node of that type that makes `value`, if this is the only use of what it makes; otherwise kNone.
  ir::NodeId maker(ir::ValueId value, std::string_view type) const;
  /// The same however often the value is used: for what stays outside the group.
  ir::NodeId shared_maker(ir::ValueId value, std::string_view type) const;
  /// Which of two inputs the node of that type makes: {node, the other input}.
  struct Side {
    ir::NodeId maker = ir::kNone;
    ir::ValueId other = ir::kNone;
  };
  Side side(ir::NodeId id, std::string_view type) const;

  bool is_stored(ir::ValueId value) const { return stored(value) != nullptr; }
  /// Dims of a stored tensor; nullptr for computed values.
  const std::vector<int64_t>* stored_dims(ir::ValueId value) const;
  /// A stored tensor of one element, or nullopt.
  std::optional<double> number(ir::ValueId value) const;
  bool is_number(ir::ValueId value, double wanted) const;
  /// The input of a commutative node that is a stored number: {that number, the other input}.
  struct Scaled {
    double number = 0;
    ir::ValueId other = ir::kNone;
  };
  std::optional<Scaled> scaled(ir::NodeId id) const;

 private:
  const ir::Tensor* stored(ir::ValueId value) const;

  const ir::Model& model_;
  const ir::Values& values_;
  std::vector<uint32_t> uses_;  // by value; of graph outputs and kept values more than one
};

// One finder a pattern: looks back from node `last`.
std::optional<Fusion> match_linear(const Matcher& matcher, ir::NodeId last);
std::optional<Fusion> match_attention(const Matcher& matcher, ir::NodeId last);
std::optional<Fusion> match_layer_norm(const Matcher& matcher, ir::NodeId last);
std::optional<Fusion> match_erf_gelu(const Matcher& matcher, ir::NodeId last);
std::optional<Fusion> match_tanh_gelu(const Matcher& matcher, ir::NodeId last);
std::optional<Fusion> match_reordered(const Matcher& matcher, ir::NodeId last);
std::optional<Fusion> match_torch_gates(const Matcher& matcher, ir::NodeId last);

/// The node that stands for a group, with the name and outputs of its last node. Absent inputs are kNone.
ir::Node fused_node(const Matcher& matcher, ir::NodeId last, ir::Str type, std::initializer_list<ir::ValueId> inputs);
/// Attributes of ONNX hold float32 only, which is not enough for a network in float64: the bits travel as an integer.
void add_number(ir::Node& node, ir::Str attribute, double value);

}  // namespace allot::exec
