// SPDX-License-Identifier: Apache-2.0
// Byte-pair encoding: what the tokenizers that merge pairs of bytes share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace allot::data {

/// A printable character for each byte, in UTF-8, by which vocabularies write bytes: itself where it is one, else one
/// from U+0100 on. Source: Radford et al., "Language models are unsupervised multitask learners", 2019, released code.
const std::array<std::string, 256>& byte_characters();

/// Bytes in the order in which CLIP's vocabulary numbers them: first those that are their own character.
const std::array<unsigned char, 256>& byte_order();

/// The bytes that such characters stand for; nothing where `characters` has another one.
std::optional<std::string> bytes_of_characters(std::string_view characters);

/// Pairs of tokens that become one, in the order of their ranks. Source: Sennrich et al., "Neural machine translation
/// of rare words with subword units", 2016, section 3.2.
class Merges {
 public:
  /// Of the next rank. A pair that was added before gets this rank instead.
  void add(uint32_t left, uint32_t right, uint32_t merged);

  /// Merges what is adjacent in `tokens`, the pair of lowest rank first, of equal ones the leftmost, until no pair is
  /// left. O(n log n) for n tokens.
  void apply(std::vector<uint32_t>& tokens) const;

 private:
  struct Merge {
    uint32_t rank, merged;
  };
  const Merge* find(uint32_t left, uint32_t right) const;

  uint32_t next_rank_ = 0;
  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace allot::data
