// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <sstream>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "contrast/tokenizer.h"
#include "data/bpe.h"
#include "data/inflate.h"
#include "data/word_split.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint64_t kMostBytes = 64 << 20;
constexpr size_t kMerges = 49152 - 256 - 2;  // of the published vocabulary; further lines of its file are not used
constexpr const char* kWordEnd = "</w>";

using Kind = data::CharacterKind;

/// Runs of letters, single digits, runs of signs, and the endings of English after an apostrophe.
std::vector<std::string> words_of(std::string_view text) {
  static constexpr const char* kEndings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  std::vector<std::string> words;
  Kind last = Kind::space;
  for (size_t i = 0; i < text.size();) {
    const auto ending = std::find_if(std::begin(kEndings), std::end(kEndings),
                                     [&](const char* each) { return text.substr(i).starts_with(each); });
    if (ending != std::end(kEndings) && last != Kind::other) {
      words.emplace_back(*ending);
      i += words.back().size();
      last = Kind::space;
      continue;
    }
    char32_t point = 0;
    const size_t length = std::max<size_t>(1, base::decode_utf8(text, i, point));
    const Kind kind = data::kind_of(point);
    if (kind != Kind::space) {
      if (kind != last || kind == Kind::number) words.emplace_back();
      words.back() += text.substr(i, length);
    }
    last = kind;
    i += length;
  }
  return words;
}

class ClipTokenizer final : public Tokenizer {
 public:
  ClipTokenizer(const std::string& path, int64_t length) : Tokenizer(length) {
    for (const unsigned char byte : data::byte_order())
      of_byte_[byte] = static_cast<uint32_t>(add(data::byte_characters()[byte]));
    for (const unsigned char byte : data::byte_order()) add(data::byte_characters()[byte] + kWordEnd);
    read_merges(path);
    begin_ = add("<|startoftext|>");
    end_ = add("<|endoftext|>");
    if (length < 2)
      throw Error(ErrorKind::config, "--text-length", "leaves no room for a text between two marks", "give 3 or more");
  }

  std::vector<int64_t> encode(std::string_view text, bool& cut) const override {
    std::string lower;
    for (const char c : text)
      lower +=
          static_cast<unsigned char>(c) < 0x80 ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : c;
    std::vector<int64_t> ids = {begin_};
    for (const std::string& word : words_of(lower))
      for (const uint32_t token : merged(word)) ids.push_back(token);
    ids.push_back(end_);
    ids = fitted(std::move(ids), cut);
    if (cut) ids.back() = end_;
    return ids;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string text;
    for (const int64_t id : ids) {
      if (id == begin_ || id == 0) continue;
      if (id == end_ || id < 0 || id >= static_cast<int64_t>(tokens_.size())) break;
      std::string token = tokens_[static_cast<size_t>(id)];
      const bool ends = token.ends_with(kWordEnd);
      if (ends) token.resize(token.size() - 4);
      text += token;
      if (ends) text += ' ';
    }
    if (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
  }

 private:
  int64_t add(const std::string& token) {
    const auto id = static_cast<int64_t>(tokens_.size());
    ids_.emplace(token, id);
    tokens_.push_back(token);
    return id;
  }

  void read_merges(const std::string& path) {
    const auto file = base::Bytes::open(path);
    const bool packed = file->view().starts_with("\x1f\x8b");
    std::istringstream in(packed ? data::gunzip(file->view(), kMostBytes, path) : std::string(file->view()));
    std::string line;
    std::getline(in, line);  // its version
    size_t merges = 0;
    for (size_t number = 2; std::getline(in, line) && merges < kMerges; ++number) {
      const size_t space = line.find(' ');
      if (line.empty()) continue;
      if (space == 0 || space == std::string::npos || space + 1 == line.size())
        throw Error(ErrorKind::malformed, fmt::format("{}:{}", base::printable(path), number), "is no pair of tokens",
                    "give CLIP's bpe_simple_vocab_16e6.txt");
      if (line.back() == '\r') line.pop_back();
      const std::string first = line.substr(0, space), second = line.substr(space + 1);
      add(first + second);
      const auto left = ids_.find(first), right = ids_.find(second);
      if (left == ids_.end() || right == ids_.end())
        throw Error(ErrorKind::malformed, fmt::format("{}:{}", base::printable(path), number),
                    "merges a token that nothing makes", "give CLIP's bpe_simple_vocab_16e6.txt");
      merges_.add(static_cast<uint32_t>(left->second), static_cast<uint32_t>(right->second),
                  static_cast<uint32_t>(ids_.at(first + second)));
      ++merges;
    }
  }

  std::vector<uint32_t> merged(const std::string& word) const {
    std::vector<uint32_t> tokens;
    for (const char byte : word) tokens.push_back(of_byte_[static_cast<unsigned char>(byte)]);
    tokens.back() += 256;  // at the end of a word
    merges_.apply(tokens);
    return tokens;
  }

  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int64_t> ids_;
  data::Merges merges_;
  uint32_t of_byte_[256] = {};
  int64_t begin_ = 0, end_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> make_clip_tokenizer(const std::string& path, int64_t length) {
  return std::make_unique<ClipTokenizer>(path, length);
}

}  // namespace allot::contrast
