// SPDX-License-Identifier: Apache-2.0
// One node as its rule sees it: what is known of its inputs, and where what the rule finds goes.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "shape/state.h"

namespace allot::shape {

/// Integers that are an attribute in old opsets and an input in new ones. `given` but not `known`: an input whose
/// content is computed at run time.
struct IntList {
  bool given = false, known = false;
  Dims values;
};

/// Trust flows by itself: whatever a rule reads (dims, content) taints the outputs that it sets afterwards.
/// A rule that cannot tell leaves an output unset; then the file's value_info counts.
class Context {
 public:
  Context(State& state, ir::NodeId id);

  // The node.
  const ir::Node& node() const { return *ref_.node; }
  int64_t opset() const { return state_.opset; }
  size_t inputs() const { return inputs_.size(); }
  size_t outputs() const { return outputs_.size(); }
  bool has(size_t input) const { return input < inputs_.size() && inputs_[input] != ir::kNone; }
  bool wants(size_t output) const { return output < outputs_.size() && outputs_[output] != ir::kNone; }
  /// An element type given by its ONNX number; undefined when there is no type of that number.
  ir::DataType elem_attribute(ir::Str name, ir::DataType otherwise) const;

  // What is known of inputs.
  /// An empty type for an absent input.
  const ValueType& type(size_t input) const;
  ir::DataType elem(size_t input) const { return type(input).elem; }
  /// Dimensions of a tensor; nullptr when absent, not a tensor or of unknown rank.
  const Dims* dims(size_t input);
  /// Elements of a small tensor; nullptr when not known.
  const std::vector<double>* content(size_t input);
  /// Whether content(input) may give something, without decoding it.
  bool may_know(size_t input) const { return has(input) && state_.may_know(inputs_[input]); }
  std::optional<Dims> ints(size_t input);
  /// The only element of a known content.
  std::optional<double> number(size_t input);
  std::optional<int64_t> integer(size_t input);
  /// The attribute if the node has it, else the input.
  IntList int_list(ir::Str attribute, size_t input);
  /// Known elements of a sequence, or nullptr.
  const Sequence* sequence(size_t input);

  /// Elements of a content of `dims` when it is small enough to be kept, else nullopt.
  std::optional<size_t> room_for(std::span<const int64_t> dims) const;

  // What the rule finds. Of unwanted outputs it is ignored.
  void set(size_t output, ir::DataType elem, Dims dims);
  /// The element type alone.
  void set_elem(size_t output, ir::DataType elem);
  void set_type(size_t output, ValueType type);
  void set_content(size_t output, std::vector<double> data);
  /// The content is that of `tensor`, decoded when somebody asks.
  void set_source(size_t output, const ir::Tensor& tensor);
  void set_sequence(size_t output, Sequence elements);
  /// Type and dims of an input; content too when `with_content`.
  void copy(size_t output, size_t input, bool with_content = false);
  /// What is set from now on is an upper bound, or merely assumed.
  void distrust(Trust trust) { taint_ = std::max(taint_, trust); }
  /// The outputs differ from run to run, even for constant inputs.
  void mark_random() { ++state_.random_nodes; }

  // Trouble.
  /// See State::contradict: may throw, else the rule goes on with its best guess or leaves the output unset.
  template <typename... Args>
  void contradict(fmt::format_string<Args...> format, Args&&... args) {
    state_.contradict(where(), fmt::format(format, std::forward<Args>(args)...), taint_);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    state_.warn(where(), fmt::format(format, std::forward<Args>(args)...));
  }
  std::string where() const;

  // Helpers that most families need.
  /// An axis counted from either end as an index; nullopt after a contradiction when out of range.
  std::optional<size_t> axis(int64_t axis, size_t rank);
  /// NumPy broadcast of the given inputs; nullopt when the rank of one is unknown.
  std::optional<Dims> broadcast(std::initializer_list<size_t> inputs);
  std::optional<Dims> broadcast_all();

  // Bodies of control flow; see engine.h.
  ir::GraphId body(ir::Str attribute) const;  // kNone when absent
  ir::NodeId id() const { return id_; }
  State& state() { return state_; }
  ir::ValueId input_id(size_t input) const { return inputs_[input]; }
  ir::ValueId output_id(size_t output) const { return outputs_[output]; }

 private:
  void merge_broadcast(std::optional<Dims>& result, size_t input);

  State& state_;
  const ir::NodeId id_;
  const ir::Values::NodeRef& ref_;
  std::span<const ir::ValueId> inputs_, outputs_;
  Trust taint_ = Trust::inferred;
};

}  // namespace allot::shape
