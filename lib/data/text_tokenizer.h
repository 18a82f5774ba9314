// SPDX-License-Identifier: Apache-2.0
// Text to tokens by byte-level byte-pair encoding, as Hugging Face's `tokenizers` makes them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/bpe.h"
#include "data/word_split.h"

namespace allot::data {

/// A text that is a token of its own wherever it stands.
struct AddedToken {
  std::string content;
  uint32_t id = 0;
  bool takes_space_before = false, takes_space_after = false;  // lstrip, rstrip
  bool first = false;                                          // found before those that are not
};

/// One step in cutting text to words.
struct SplitStep {
  bool adds_blank = false;  // before a piece that does not begin with one; else `rule` cuts
  WordRule rule = WordRule::gpt2;
};

/// The longest of a set of texts that begins at a place.
class TextSet {
 public:
  void add(std::string_view text, size_t number);
  /// The number of the longest text that `text` has at `begin`, or -1.
  int64_t find(std::string_view text, size_t begin) const;

 private:
  struct Node {
    std::map<char, size_t> next;
    int64_t number = -1;
  };
  std::vector<Node> nodes_ = {Node{}};
};

/// Never changes; any number of threads may use it, each with an encoder of its own.
class TextTokenizer {
 public:
  /// What a tokenizer.json says.
  struct Content {
    std::array<uint32_t, 256> bytes{};                // the token of each byte
    Merges merges;                                    // of tokens, from bytes up
    std::unordered_map<std::string, uint32_t> whole;  // words that are tokens whatever the merges; of ignore_merges
    std::vector<SplitStep> steps;
    std::vector<AddedToken> added;
    int64_t vocabulary = 0;        // tokens are below
    int64_t end_of_document = -1;  // the token named so; -1: none is
    std::string hash = {};         // SHA-256 of the file
  };
  explicit TextTokenizer(Content content);

  int64_t vocabulary() const { return content_.vocabulary; }
  int64_t end_of_document() const { return content_.end_of_document; }
  const std::string& hash() const { return content_.hash; }

 private:
  friend class TextEncoder;
  Content content_;
  TextSet first_, others_;  // numbers in content_.added
};

/// Encodes with a memory of the words it has seen.
class TextEncoder {
 public:
  /// `tokenizer` outlives it.
  explicit TextEncoder(const TextTokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// The tokens of `text`, without marks at its beginning and end, until the next call. Bytes that are not UTF-8 are
  /// kept.
  const std::vector<uint32_t>& encode(std::string_view text);

 private:
  void encode_around(const TextSet& added, std::string_view text);
  void split(std::string_view piece, size_t step);
  void add_word(std::string_view word);

  const TextTokenizer& tokenizer_;
  std::vector<uint32_t> tokens_;
  std::unordered_map<std::string, std::vector<uint32_t>> seen_;
};

/// Reads a tokenizer.json: a model of type BPE whose words are made by ByteLevel, alone or after a Split by the
/// patterns of GPT-4, Llama 3 and Qwen, or Digits; merges, added tokens, `ignore_merges`. What it says of whole inputs
/// of a model (post_processor, truncation, padding) and of the way back (decoder) makes no difference here.
/// Errors: input_missing; malformed with file:line; unavailable, with the place, for all else that would change tokens.
std::shared_ptr<const TextTokenizer> read_tokenizer(const std::string& path);
/// The same of text that came from `path`.
std::shared_ptr<const TextTokenizer> parse_tokenizer(std::string text, const std::string& path);

}  // namespace allot::data
