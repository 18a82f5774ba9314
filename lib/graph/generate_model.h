// SPDX-License-Identifier: Apache-2.0
// Generated ONNX models: families of graphs that nobody has to download, in any size.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/op_graph.h"
#include "ir/model.h"

namespace allot::graph {

/// What to generate. Families of abstract work are DAGs of `allot.Work` nodes, whose attributes state what they compute
/// and whose outputs declare their sizes; networks are made of ONNX operators and run in any runtime.
struct Recipe {
  std::string family;
  uint32_t ops = 1000;  // networks: the size to reach, up to a whole block
  uint32_t width = 4;   // parallelism: ops a layer, branches, layers of RNNs, shards
  uint32_t size = 512;  // networks: features (a transformer, a matrix chain, RNNs), channels (inception)
  double comm = 1;      // abstract work: factor on the sizes of tensors
  uint64_t seed = 0;
};

struct Family {
  std::string_view name, description;
  uint32_t default_width;
  ir::Model (*make)(const Recipe&);
};
/// layered random giph fork-join chain star (abstract work); transformer inception rnn nmt matmul (networks).
const std::vector<Family>& families();

/// Parses "transformer:ops=1000,width=4,seed=1"; the width defaults to the family's. Errors: usage for an unknown
/// family or key (the nearest is named) and for values out of range: ops 3 to 10 million, width 1 to 4096, size 8 to
/// 16384, comm 0 to 10^6.
Recipe parse_recipe(const std::string& text);

/// The text that parse_recipe reads.
std::string to_string(const Recipe& recipe);

/// The model. Equal recipes give equal models on every machine; metadata "allot.origin" holds the recipe.
ir::Model generate(const Recipe& recipe);

/// A model whose nodes do what the ops of `graph` do, as allot.Work: tensors of the sizes times `comm`, arithmetic
/// log-uniform in 10^6 to 10^10 flops, a hundredth of that for ops without parameter.
ir::Model work_model(const OpGraph& graph, double comm, uint64_t seed);

// Networks: see families().
ir::Model make_transformer(const Recipe& recipe);
ir::Model make_inception(const Recipe& recipe);
ir::Model make_rnn(const Recipe& recipe);
ir::Model make_nmt(const Recipe& recipe);
ir::Model make_matmul_chain(const Recipe& recipe);

}  // namespace allot::graph
