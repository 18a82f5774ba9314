// SPDX-License-Identifier: Apache-2.0
#include "data/text_tokenizer.h"

#include <algorithm>

namespace allot::data {
namespace {

constexpr size_t kMostSeen = 1 << 16;  // words that are remembered,
constexpr size_t kLongestSeen = 64;    // and bytes of each

}  // namespace

void TextSet::add(std::string_view text, size_t number) {
  size_t at = 0;
  for (const char byte : text) {
    const auto [found, is_new] = nodes_[at].next.emplace(byte, nodes_.size());
    at = found->second;
    if (is_new) nodes_.emplace_back();
  }
  nodes_[at].number = static_cast<int64_t>(number);
}

int64_t TextSet::find(std::string_view text, size_t begin) const {
  int64_t longest = -1;
  for (size_t at = 0, i = begin; i < text.size(); ++i) {
    const auto found = nodes_[at].next.find(text[i]);
    if (found == nodes_[at].next.end()) break;
    at = found->second;
    if (nodes_[at].number >= 0) longest = nodes_[at].number;
  }
  return longest;
}

TextTokenizer::TextTokenizer(Content content) : content_(std::move(content)) {
  for (size_t i = 0; i < content_.added.size(); ++i)
    (content_.added[i].first ? first_ : others_).add(content_.added[i].content, i);
}

const std::vector<uint32_t>& TextEncoder::encode(std::string_view text) {
  tokens_.clear();
  encode_around(tokenizer_.first_, text);
  return tokens_;
}

void TextEncoder::encode_around(const TextSet& added, std::string_view text) {
  const bool is_first = &added == &tokenizer_.first_;
  const auto between = [&](size_t begin, size_t end) {
    if (begin >= end) return;
    const std::string_view piece = text.substr(begin, end - begin);
    if (is_first)
      encode_around(tokenizer_.others_, piece);
    else
      split(piece, 0);
  };
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const int64_t number = added.find(text, at);
    if (number < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokenizer_.content_.added[static_cast<size_t>(number)];
    const size_t begin = std::max(done, token.takes_space_before ? before_space(text, at) : at);
    at += token.content.size();
    between(done, begin);
    tokens_.push_back(token.id);
    done = token.takes_space_after ? after_space(text, at) : at;
  }
  between(done, text.size());
}

void TextEncoder::split(std::string_view piece, size_t step) {
  const std::vector<SplitStep>& steps = tokenizer_.content_.steps;
  if (step == steps.size()) return add_word(piece);
  if (steps[step].adds_blank) {
    if (piece.starts_with(' ')) return split(piece, step + 1);
    return split(std::string(1, ' ').append(piece), step + 1);
  }
  for (size_t begin = 0; begin < piece.size();) {
    const size_t end = end_of_word(piece, begin, steps[step].rule);
    split(piece.substr(begin, end - begin), step + 1);
    begin = end;
  }
}

void TextEncoder::add_word(std::string_view word) {
  const TextTokenizer::Content& content = tokenizer_.content_;
  std::string key(word);
  if (const auto found = seen_.find(key); found != seen_.end()) {
    tokens_.insert(tokens_.end(), found->second.begin(), found->second.end());
    return;
  }
  std::vector<uint32_t> tokens;
  if (const auto whole = content.whole.find(key); whole != content.whole.end()) {
    tokens.push_back(whole->second);
  } else {
    for (const char byte : word) tokens.push_back(content.bytes[static_cast<unsigned char>(byte)]);
    content.merges.apply(tokens);
  }
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  if (word.size() > kLongestSeen) return;
  if (seen_.size() >= kMostSeen) seen_.clear();
  seen_.emplace(std::move(key), std::move(tokens));
}

}  // namespace allot::data
