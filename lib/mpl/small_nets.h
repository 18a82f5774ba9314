// SPDX-License-Identifier: Apache-2.0
// Small networks as ONNX models, for examples and tests that nobody has to export anything for.
#pragma once

#include <cstdint>
#include <string>

#include "ir/model.h"

namespace allot::mpl {

/// What "mlp:2-16-16-2,activation=tanh" says.
struct NetRecipe {
  // mlp: dense layers; conv: 3x3 convolutions, normalised and halved, then one dense layer; residual: the input plus
  // dense layers of it, the last of which begins at 0: a reduced teacher, which at first repeats what is stored
  std::string family;
  std::vector<int64_t> input;       // of one item: [features], or [channels, height, width]
  std::vector<int64_t> sizes;       // of the layers, the classes last; of residual those within
  std::string activation = "relu";  // relu, tanh, sigmoid
  std::string dtype = "float32";    // or float64
  double init = 0;                  // weights are uniform in [-init, init]; 0: Glorot's limit
  uint64_t seed = 0;
};

/// "mlp:IN-SIZE-...-CLASSES", "conv:CxHxW-SIZE-...-CLASSES" or "residual:CLASSES-SIZE-...", then ",key=value" with keys
/// activation, dtype, init, seed. Errors: usage, naming the part.
NetRecipe parse_net(const std::string& text);

/// Equal recipes give equal models. The batch is free; inputs and outputs are "x" and "logits".
ir::Model make_net(const NetRecipe& recipe);

}  // namespace allot::mpl
