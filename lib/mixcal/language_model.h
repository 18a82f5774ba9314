// SPDX-License-Identifier: Apache-2.0
// A network that gives logits of the next token, or of an item's class, whatever file it is in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "data/token_store.h"
#include "train/network.h"

namespace allot::mixcal {

struct ModelOptions {
  std::string model = "nano";  // one of gpt_names(), or an ONNX file
  std::string init = "fresh";  // weights drawn by seed, or keep: those of the file
  int64_t length = 0;          // tokens a sequence; 0: what the model takes
  bool verify = true;          // a file passes check_import() before it is trained

  void bind(config::Binder& binder);
  bool is_file() const;
};

/// An ONNX file takes int64 tokens [batch, sequence] as its input "input_ids", "input", "tokens" or "x", or the only
/// one; attention_mask gets ones, position_ids 0, 1, ...; its output is logits [batch, sequence, classes], or
/// [batch * sequence, classes]. Source: specification of mixcal, 8.1.
/// For stores of items (items.h) it takes their numbers, float32 [batch, ...], as its only input, and gives logits
/// [batch, classes]; "tokens" below are then rows of such items, with their class at the end.
class LanguageModel {
 public:
  /// Errors: usage for a model that is neither a file nor built in; config for inputs that are not known, fewer classes
  /// than `vocabulary`, and logits of the last position only; those of train::Network.
  LanguageModel(const ModelOptions& options, int64_t vocabulary, uint64_t seed);
  /// For the data of a store. Of items, fresh weights are those of train::draw_glorot. Errors: also config for a
  /// network that does not take items of these numbers.
  LanguageModel(const ModelOptions& options, const data::TokenStore& store, uint64_t seed);

  /// -log p of tokens 1, 2, ... given those before: [rows, length] -> float32 [rows, length - 1]; of each item's class:
  /// [rows, 1].
  at::Tensor losses(const at::Tensor& tokens) const;

  const train::Network& network() const { return *network_; }
  /// Tokens a sequence has: one more than the network sees.
  int64_t length() const { return length_; }
  /// Losses that a row of losses() has.
  int64_t predictions() const { return of_items_ ? 1 : length_ - 1; }
  bool of_items() const { return of_items_; }
  /// Numbers that training changes.
  int64_t numbers() const;

  /// Logits of the token after each: int64 [rows, length] -> [rows, length, classes]; of items [rows, 1, classes].
  /// `mask`: what an input attention_mask gets, of the tokens' shape; undefined: ones.
  at::Tensor logits(const at::Tensor& tokens, const at::Tensor& mask = {}) const;

  int64_t vocabulary() const { return vocabulary_; }
  /// Whether a file takes sequences of one length alone.
  bool has_fixed_length() const { return has_fixed_length_; }
  bool takes_mask() const;

 private:
  void find_inputs();
  void find_item_input(int64_t numbers);
  at::Tensor logits_of_items(const at::Tensor& items) const;
  void check_classes(int64_t classes) const;
  void draw_weights(uint64_t seed);

  std::unique_ptr<train::Network> network_;
  int64_t vocabulary_, length_ = 0;
  bool has_fixed_length_ = false, of_items_ = false;
  std::vector<int64_t> item_shape_;  // as the network takes one
  enum class Role { tokens, mask, positions };
  std::vector<Role> inputs_;
};

}  // namespace allot::mixcal
