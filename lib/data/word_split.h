// SPDX-License-Identifier: Apache-2.0
// Text into the words within which byte-pair encoding merges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace allot::data {

/// What tokenizers tell apart.
enum class CharacterKind : uint8_t { space, letter, number, other };
CharacterKind kind_of(char32_t c);

/// Rules by which text is cut. Each finds a word at any place, so that words make up the text.
enum class WordRule : uint8_t {
  gpt2,             // Radford et al., "Language models are unsupervised multitask learners", 2019, released code
  gpt4,             // that of GPT-4 and Llama 3: up to three numbers are a word
  single_numbers,   // that of Qwen: the same, but each number is a word
  numbers_apart,    // each number, and what is between
  runs_of_numbers,  // runs of numbers, and what is between
};

/// The regular expression of the first three, as tokenizers write it. They are matched by hand: no library that Allot
/// uses knows classes of Unicode.
std::string_view regular_expression(WordRule rule);

/// Where the word that begins at `begin` < text.size() ends. Bytes that are not UTF-8 are characters of kind `other`.
size_t end_of_word(std::string_view text, size_t begin, WordRule rule);

/// Where the run of white space that begins at `begin`, or ends before `end`, ends or begins.
size_t after_space(std::string_view text, size_t begin);
size_t before_space(std::string_view text, size_t end);

}  // namespace allot::data
