// SPDX-License-Identifier: Apache-2.0
// Visits all tensors of a model, wherever they are.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "ir/model.h"

namespace allot::onnxio {

/// Calls visit(tensor, describe) for initializers, sparse parts and attribute values of the main graph, of bodies
/// and of functions; describe() names the place for messages. Works on const and mutable models alike. A `visit` that
/// accepts a SparseTensor gets it whole instead of its parts.
template <typename Visit>
class TensorWalk {
 public:
  explicit TensorWalk(Visit visit) : visit_(std::move(visit)) {}

  template <typename M>
  void model(M& m) {
    graph(m.graph);
    for (auto& function : m.functions) {
      for (auto& attribute : function.attribute_defaults)
        values(attribute, [&] { return fmt::format("function '{}'", base::printable(function.name)); });
      nodes(function.nodes);
    }
  }

 private:
  template <typename G>
  void graph(G& g) {
    for (auto& tensor : g.initializers)
      visit_(tensor, [&] { return fmt::format("initializer '{}'", base::printable(tensor.name)); });
    for (auto& tensor : g.sparse_initializers)
      sparse(tensor, [&] { return fmt::format("sparse initializer '{}'", base::printable(tensor.values.name)); });
    nodes(g.nodes);
  }

  template <typename Nodes>
  void nodes(Nodes& list) {
    for (size_t i = 0; i < list.size(); ++i)
      for (auto& attribute : list[i].attributes) values(attribute, [&, i] { return describe(list[i], i); });
  }

  template <typename A, typename Describe>
  void values(A& attribute, Describe owner) {
    const auto place = [&] { return fmt::format("{}: attribute '{}'", owner(), base::printable(attribute.name)); };
    for (auto& tensor : attribute.tensors) visit_(tensor, place);
    for (auto& tensor : attribute.sparse_tensors) sparse(tensor, place);
    for (auto& body : attribute.graphs) graph(*body);
  }

  template <typename S, typename Describe>
  void sparse(S& tensor, Describe place) {
    if constexpr (std::is_invocable_v<Visit&, S&, Describe>) {
      visit_(tensor, place);
    } else {
      visit_(tensor.values, place);
      visit_(tensor.indices, place);
    }
  }

  Visit visit_;
};

template <typename M, typename Visit>
void each_tensor(M& model, Visit visit) {
  TensorWalk<Visit>(std::move(visit)).model(model);
}

}  // namespace allot::onnxio
