// SPDX-License-Identifier: Apache-2.0
#include "contrast/tokenizer.h"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"

namespace allot::contrast {
namespace {

using base::Error;
using base::ErrorKind;

class Bytes final : public Tokenizer {
 public:
  using Tokenizer::Tokenizer;
  std::vector<int64_t> encode(std::string_view text, bool& cut) const override {
    std::vector<int64_t> ids;
    for (const char byte : text) ids.push_back(static_cast<unsigned char>(byte) + 1);
    return fitted(std::move(ids), cut);
  }
  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string text;
    for (const int64_t id : ids)
      if (id > 0 && id <= 256) text += static_cast<char>(id - 1);
    return text;
  }
};

class Vocabulary final : public Tokenizer {
 public:
  Vocabulary(const std::string& path, int64_t length) : Tokenizer(length) {
    std::istringstream in(base::read_text(path));
    for (std::string word; std::getline(in, word);) {
      if (!word.empty() && word.back() == '\r') word.pop_back();
      if (!ids_.emplace(word, static_cast<int64_t>(words_.size())).second)
        throw Error(ErrorKind::malformed, fmt::format("{}:{}", base::printable(path), words_.size() + 1),
                    fmt::format("has the word '{}' again", base::printable(word)), "write each word once");
      words_.push_back(word);
    }
    if (words_.size() < 2)
      throw Error(ErrorKind::malformed, base::printable(path), "has no words",
                  "write one a line, the first to fill up");
  }
  std::vector<int64_t> encode(std::string_view text, bool& cut) const override {
    std::string lower(text);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::istringstream in(lower);
    std::vector<int64_t> ids;
    const auto unknown = ids_.find("<unk>");
    for (std::string word; in >> word;) {
      const auto found = ids_.find(word);
      if (found != ids_.end())
        ids.push_back(found->second);
      else if (unknown != ids_.end())
        ids.push_back(unknown->second);
    }
    return fitted(std::move(ids), cut);
  }
  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string text;
    for (const int64_t id : ids) {
      if (id <= 0 || id >= static_cast<int64_t>(words_.size())) continue;
      if (!text.empty()) text += ' ';
      text += words_[static_cast<size_t>(id)];
    }
    return text;
  }

 private:
  std::vector<std::string> words_;
  std::unordered_map<std::string, int64_t> ids_;
};

}  // namespace

std::vector<int64_t> Tokenizer::fitted(std::vector<int64_t> ids, bool& cut) const {
  cut = static_cast<int64_t>(ids.size()) > length_;
  ids.resize(static_cast<size_t>(length_), 0);
  return ids;
}

std::unique_ptr<Tokenizer> make_tokenizer(const std::string& kind, int64_t length) {
  if (kind == "bytes") return std::make_unique<Bytes>(length);
  if (kind.starts_with("vocab:")) return std::make_unique<Vocabulary>(kind.substr(6), length);
  if (kind.starts_with("bpe:")) return make_clip_tokenizer(kind.substr(4), length);
  throw Error(ErrorKind::usage, "--tokenizer", fmt::format("'{}' is none", base::printable(kind)),
              "choose ids, bytes, vocab:FILE or bpe:FILE");
}

}  // namespace allot::contrast
