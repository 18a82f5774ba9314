// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <limits>
#include <map>
#include <sstream>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "contrast/tokenizer.h"
#include "data/inflate.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

constexpr uint64_t kMostBytes = 64 << 20;
constexpr size_t kMerges = 49152 - 256 - 2;  // of the published vocabulary; further lines of its file are not used
constexpr const char* kWordEnd = "</w>";

void append_utf8(std::string& text, uint32_t point) {  // below U+0800
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else {
    text += static_cast<char>(0xC0 | point >> 6);
    text += static_cast<char>(0x80 | (point & 0x3F));
  }
}

/// A printable character for each byte: itself where it is one, else one from U+0100 on. In the order of ids.
std::vector<std::pair<unsigned char, std::string>> characters_of_bytes() {
  std::vector<std::pair<unsigned char, std::string>> result;
  std::vector<bool> done(256);
  const auto add = [&](unsigned byte, uint32_t point) {
    result.emplace_back(static_cast<unsigned char>(byte), "");
    append_utf8(result.back().second, point);
    done[byte] = true;
  };
  for (const auto& [first, last] : {std::pair(0x21u, 0x7Eu), std::pair(0xA1u, 0xACu), std::pair(0xAEu, 0xFFu)})
    for (unsigned byte = first; byte <= last; ++byte) add(byte, byte);
  uint32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte)
    if (!done[byte]) add(byte, next++);
  return result;
}

enum class Kind { space, letter, digit, sign };

Kind kind_of(char32_t c) {
  if (c < 0x80) {
    if (std::isspace(static_cast<int>(c))) return Kind::space;
    if (std::isalpha(static_cast<int>(c))) return Kind::letter;
    return std::isdigit(static_cast<int>(c)) ? Kind::digit : Kind::sign;
  }
  if (c == 0x85 || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
      c == 0x3000)
    return Kind::space;
  const bool latin_sign = c < 0xC0 ? c != 0xAA && c != 0xB5 && c != 0xBA : c == 0xD7 || c == 0xF7;
  const bool sign = latin_sign || (c >= 0x200B && c <= 0x2BFF) || (c >= 0x3001 && c <= 0x3030) ||
                    (c >= 0xFE00 && c <= 0xFE6F) || (c >= 0xFF01 && c <= 0xFF0F) || (c >= 0x1F000 && c <= 0x1FAFF);
  return sign ? Kind::sign : Kind::letter;
}

/// Runs of letters, single digits, runs of signs, and the endings of English after an apostrophe.
std::vector<std::string> words_of(std::string_view text) {
  static constexpr const char* kEndings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  std::vector<std::string> words;
  Kind last = Kind::space;
  for (size_t i = 0; i < text.size();) {
    const auto ending = std::find_if(std::begin(kEndings), std::end(kEndings),
                                     [&](const char* each) { return text.substr(i).starts_with(each); });
    if (ending != std::end(kEndings) && last != Kind::sign) {
      words.emplace_back(*ending);
      i += words.back().size();
      last = Kind::space;
      continue;
    }
    char32_t point = 0;
    const size_t length = std::max<size_t>(1, base::decode_utf8(text, i, point));
    const Kind kind = kind_of(point);
    if (kind != Kind::space) {
      if (kind != last || kind == Kind::digit) words.emplace_back();
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
    const auto characters = characters_of_bytes();
    for (const auto& [byte, character] : characters) {
      of_byte_[byte] = character;
      add(character);
    }
    for (const auto& [byte, character] : characters) add(character + kWordEnd);
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
      for (const std::string& part : merged(word)) ids.push_back(ids_.at(part));
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
    for (size_t number = 2; std::getline(in, line) && ranks_.size() < kMerges; ++number) {
      const size_t space = line.find(' ');
      if (line.empty()) continue;
      if (space == 0 || space == std::string::npos || space + 1 == line.size())
        throw Error(ErrorKind::malformed, fmt::format("{}:{}", base::printable(path), number), "is no pair of tokens",
                    "give CLIP's bpe_simple_vocab_16e6.txt");
      if (line.back() == '\r') line.pop_back();
      std::pair<std::string, std::string> pair = {line.substr(0, space), line.substr(space + 1)};
      add(pair.first + pair.second);
      ranks_.emplace(std::move(pair), ranks_.size());
    }
  }

  /// The parts that a word's characters are merged to, pairs of the lowest rank first.
  std::vector<std::string> merged(const std::string& word) const {
    std::vector<std::string> parts;
    for (const char byte : word) parts.push_back(of_byte_[static_cast<unsigned char>(byte)]);
    if (parts.empty()) return parts;
    parts.back() += kWordEnd;
    while (parts.size() > 1) {
      size_t best = std::numeric_limits<size_t>::max();
      std::pair<std::string, std::string> pair;
      for (size_t i = 0; i + 1 < parts.size(); ++i)
        if (const auto found = ranks_.find({parts[i], parts[i + 1]}); found != ranks_.end() && found->second < best) {
          best = found->second;
          pair = found->first;
        }
      if (best == std::numeric_limits<size_t>::max()) break;
      std::vector<std::string> next;
      for (size_t i = 0; i < parts.size(); ++i)
        if (i + 1 < parts.size() && parts[i] == pair.first && parts[i + 1] == pair.second) {
          next.push_back(parts[i] + parts[i + 1]);
          ++i;
        } else {
          next.push_back(parts[i]);
        }
      parts = std::move(next);
    }
    return parts;
  }

  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int64_t> ids_;
  std::map<std::pair<std::string, std::string>, size_t> ranks_;
  std::string of_byte_[256];
  int64_t begin_ = 0, end_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> make_clip_tokenizer(const std::string& path, int64_t length) {
  return std::make_unique<ClipTokenizer>(path, length);
}

}  // namespace allot::contrast
