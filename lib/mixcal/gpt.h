// SPDX-License-Identifier: Apache-2.0
// Built-in proxies: small causal transformers, as ONNX models like all others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ir/model.h"

namespace allot::mixcal {

struct GptSize {
  std::string name;
  int64_t layers, width, heads, length;  // length: the most tokens
  /// Numbers in blocks: 12 layers width^2, without norms and biases.
  int64_t block_numbers() const { return 12 * layers * width * width; }
};

/// pico, nano, micro, tiny, small, 15m, 30m. Source: specification of mixcal, 8.6; pico has an eighth of nano's blocks.
const std::vector<GptSize>& gpt_sizes();
std::optional<GptSize> find_gpt(const std::string& name);
std::vector<std::string> gpt_names();

/// Pre-norm blocks with GELU, learned positions, the table of tokens as the last layer, no dropout. Input "input_ids",
/// int64 [batch, sequence], both free, the second up to size.length; output "logits" [batch, sequence, vocabulary].
/// Matrices are normal with deviation 0.02, those that end a residual branch over sqrt(2 layers); equal arguments give
/// equal models. Opset 20.
ir::Model make_gpt(const GptSize& size, int64_t vocabulary, uint64_t seed);

}  // namespace allot::mixcal
