// SPDX-License-Identifier: Apache-2.0
#include "cost/weights.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

namespace allot::cost::weight {

double activation(ir::Str name) {
  static constexpr std::pair<std::string_view, double> kWeights[] = {
      {"affine", 2},
      {"clip", 2},
      {"elu", kExp + 3},
      {"fastgelu", kFastGelu},
      {"gelu", kGelu},
      {"hardsigmoid", 4},
      {"hardswish", 5},
      {"leakyrelu", 2},
      {"quickgelu", kQuickGelu},
      {"relu", 1},
      {"scaledtanh", kTanh + 2},
      {"sigmoid", kSigmoid},
      {"silu", kSwish},
      {"softplus", kExp + kLog + 1},
      {"softsign", kDiv + 2},
      {"swiglu", kSwish + 1},
      {"swish", kSwish},
      {"tanh", kTanh},
      {"thresholdedrelu", 2},
  };
  if (name.empty() || name == "none" || name == "identity") return 0;
  std::string lower(name.substr(0, 32));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const auto& [known, weight] : kWeights)
    if (known == lower) return weight;
  return 1;
}

}  // namespace allot::cost::weight
