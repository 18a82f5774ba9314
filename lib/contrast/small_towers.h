// SPDX-License-Identifier: Apache-2.0
// Small encoders as ONNX models, for examples, benches and tests that nobody has to export anything for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::contrast {

/// What "conv:3x32x32-16-32-64,norm=batch" says.
struct TowerRecipe {
  // mlp: dense layers, each with LayerNormalization; conv: 3x3 convolutions of stride 2, then a dense layer;
  // bag: the mean of tokens' vectors, then dense layers; transformer: pre-normalised blocks of attention
  std::string family;
  std::vector<int64_t> input;     // of one item: [features], [channels, height, width] or [vocabulary, tokens]
  std::vector<int64_t> sizes;     // of the layers, the embedding last; of transformer width, blocks, embedding
  std::string norm = "none";      // of conv: batch or none
  std::string dtype = "float32";  // or float64
  double dropout = 0;             // after each hidden layer
  std::string name;               // of the input; empty: "image", of bag and transformer "text"
  uint64_t seed = 0;
};

/// "mlp:IN-SIZE-...-D", "conv:CxHxW-CHANNELS-...-D", "bag:VOCABULARYxTOKENS-SIZE-...-D" or
/// "transformer:VOCABULARYxTOKENS-WIDTH-BLOCKS-D", then ",key=value" with keys norm, dtype, dropout, input, seed.
/// Errors: usage, naming the part.
TowerRecipe parse_tower(const std::string& text);

/// Equal recipes give equal models. The batch is free; the output is "embedding" [batch, D], not normalised.
ir::Model make_tower(const TowerRecipe& recipe);

}  // namespace allot::contrast
