// SPDX-License-Identifier: Apache-2.0
// One node as the maker of its kernel sees it: attributes, opset, and what is constant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exec/plan.h"
#include "ir/model.h"

namespace allot::exec {

/// What BatchNormalization does with statistics in training; Dropout is governed by RunMode alone.
enum class BatchNorm : uint8_t {
  as_is,   // what the node's own training_mode says, in training and evaluation alike
  train,   // in training: the batch's statistics, and running ones are updated in place
  frozen,  // always the stored statistics
};

/// How a model is compiled; see CompileOptions.
struct KernelOptions {
  BatchNorm batch_norm = BatchNorm::as_is;
  std::optional<double> dropout;  // replaces the ratio of every Dropout in training; 0 turns it off
  bool straight_through = false;  // gradients of QuantizeLinear/DequantizeLinear pairs pass, clipped
};

class Site {
 public:
  Site(const ir::Model& model, const ir::Node& node, int64_t opset, const KernelOptions& options)
      : model_(model), node_(node), opset_(opset), options_(options) {}

  const ir::Model& model() const { return model_; }
  const ir::Node& node() const { return node_; }
  /// Version of the node's own domain that counts for it.
  int64_t opset() const { return opset_; }
  const KernelOptions& options() const { return options_; }

  size_t inputs() const { return node_.inputs.size(); }
  size_t outputs() const { return node_.outputs.size(); }
  bool has(size_t input) const { return input < inputs() && !node_.inputs[input].empty(); }
  bool wants(size_t output) const { return output < outputs() && !node_.outputs[output].empty(); }

  bool has(ir::Str attribute) const { return node_.find(attribute) != nullptr; }
  int64_t int_or(ir::Str attribute, int64_t otherwise) const { return node_.int_or(attribute, otherwise); }
  double float_or(ir::Str attribute, float otherwise) const { return node_.float_or(attribute, otherwise); }
  ir::Str string_or(ir::Str attribute, ir::Str otherwise) const { return node_.string_or(attribute, otherwise); }
  const std::vector<int64_t>& ints(ir::Str attribute) const { return node_.ints(attribute); }
  const std::vector<float>& floats(ir::Str attribute) const;
  /// An element type given by its number. Errors: malformed for a number that is none.
  ir::DataType type_or(ir::Str attribute, ir::DataType otherwise) const;
  /// A tensor attribute as a value. Errors: malformed when it is missing or damaged.
  Value tensor(ir::Str attribute) const;
  /// The block of a graph attribute. Errors: malformed when it is missing.
  uint32_t block(ir::Str attribute) const;

  /// An input that is the same in every run, or nullptr.
  const Value* constant(size_t input) const;

  /// Refuses the node with a reason: collected, and reported with all others.
  [[noreturn]] void refuse(std::string_view why) const;

  // Filled by the compiler.
  std::vector<const Value*> constants;                   // by input
  std::vector<std::pair<std::string, uint32_t>> blocks;  // by graph attribute

 private:
  const ir::Model& model_;
  const ir::Node& node_;
  int64_t opset_;
  const KernelOptions& options_;
};

/// Integers that are an attribute in old opsets and an input in new ones, read once where they are constant.
class IntList {
 public:
  /// The attribute if the node has it, else the input.
  IntList(const Site& site, ir::Str attribute, size_t input);
  /// Nullopt when neither is there.
  std::optional<std::vector<int64_t>> operator()(const Call& call) const;

 private:
  size_t input_;
  std::optional<std::vector<int64_t>> fixed_;
};

}  // namespace allot::exec
