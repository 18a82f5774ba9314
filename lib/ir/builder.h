// SPDX-License-Identifier: Apache-2.0
// Models made in memory, node by node.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ir/model.h"

namespace allot::ir {

/// Appends nodes in topological order and names them and their values. Views that it returns live as long as the
/// model. Nodes are named "<scope>/<op type>_<number>", each output after its node.
class Builder {
 public:
  explicit Builder(std::string graph_name, int64_t opset = 21);

  /// Names of what follows start with "<scope>/".
  void set_scope(std::string scope) { scope_ = std::move(scope); }

  Str input(std::string name, DataType elem, const std::vector<int64_t>& dims);
  /// `bytes` are the elements as raw_data holds them. Names are not changed by the scope.
  Str initializer(std::string name, DataType elem, std::vector<int64_t> dims, std::string bytes);
  /// A one-dimensional int64 initializer; equal lists share one.
  Str ints(const std::vector<int64_t>& values);
  /// A float32 scalar initializer; equal numbers share one.
  Str number(float value);
  /// A float32 parameter that takes no room in the file: ConstantOfShape of `dims`.
  Str weight(const std::vector<int64_t>& dims);
  /// One node with one output.
  Str add(Str type, std::vector<Str> inputs, std::vector<Attribute> attributes = {});
  /// One node with `outputs` outputs.
  std::vector<Str> add_many(Str type, std::vector<Str> inputs, size_t outputs, std::vector<Attribute> attributes = {});
  /// Declares a value's type, which operators without a shape rule need.
  void declare(Str value, DataType elem, const std::vector<int64_t>& dims);
  void output(Str value, DataType elem, const std::vector<int64_t>& dims);
  void import(Str domain, int64_t version) { model_.opset_imports.push_back({domain, version, {}}); }

  std::vector<Node>& nodes() { return model_.graph.nodes; }
  /// Nodes that are not parameters made by weight().
  size_t num_ops() const { return model_.graph.nodes.size() - num_weights_; }
  Model finish() { return std::move(model_); }

 private:
  Model model_;
  std::string scope_;
  std::map<std::vector<int64_t>, Str> ints_;
  std::map<float, Str> numbers_;
  size_t num_weights_ = 0;
};

/// A tensor type of known dimensions.
Type tensor_type(DataType elem, const std::vector<int64_t>& dims);

Attribute int_attribute(Str name, int64_t value);
Attribute ints_attribute(Str name, std::vector<int64_t> values);
Attribute float_attribute(Str name, float value);
/// A list of attributes, which can only be moved.
template <typename... Attributes>
std::vector<Attribute> attributes(Attributes... items) {
  std::vector<Attribute> list;
  (list.push_back(std::move(items)), ...);
  return list;
}

}  // namespace allot::ir
