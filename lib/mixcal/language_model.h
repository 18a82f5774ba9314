// SPDX-License-Identifier: Apache-2.0
// A network that gives logits of the next token, whatever file it is in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "train/network.h"

namespace allot::mixcal {

struct ModelOptions {
  std::string model = "nano";  // one of gpt_names(), or an ONNX file
  std::string init = "fresh";  // weights drawn by seed, or keep: those of the file
  int64_t length = 0;          // tokens a sequence; 0: what the model takes

  void bind(config::Binder& binder);
  bool is_file() const;
};

/// An ONNX file takes int64 tokens [batch, sequence] as its input "input_ids", "input", "tokens" or "x", or the only
/// one; attention_mask gets ones, position_ids 0, 1, ...; its output is logits [batch, sequence, classes], or
/// [batch * sequence, classes]. Source: specification of mixcal, 8.1.
class LanguageModel {
 public:
  /// Errors: usage for a model that is neither a file nor built in; config for inputs that are not known, fewer classes
  /// than `vocabulary`, and logits of the last position only; those of train::Network.
  LanguageModel(const ModelOptions& options, int64_t vocabulary, uint64_t seed);

  /// -log p of tokens 1, 2, ... given those before: [rows, length] -> float32 [rows, length - 1].
  at::Tensor losses(const at::Tensor& tokens) const;

  const train::Network& network() const { return *network_; }
  /// Tokens a sequence has: one more than the network sees.
  int64_t length() const { return length_; }
  /// Numbers that training changes.
  int64_t numbers() const;

  /// What a file must fulfil that is to be trained: a token's logits do not depend on later tokens (the largest change
  /// is below 1e-4), nor on other rows. Errors: check_failed.
  void check_causal(uint64_t seed) const;

 private:
  void find_inputs();
  void draw_weights(uint64_t seed);
  at::Tensor logits(const at::Tensor& tokens) const;  // [rows, length, classes]

  std::unique_ptr<train::Network> network_;
  int64_t vocabulary_, length_ = 0;
  enum class Role { tokens, ones, positions };
  std::vector<Role> inputs_;
};

}  // namespace allot::mixcal
