// SPDX-License-Identifier: Apache-2.0
// Texts as token ids of a fixed number.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace allot::contrast {

/// Ids of a text, filled up with 0. `length` of all texts is the same, so that how a batch is cut changes nothing.
class Tokenizer {
 public:
  explicit Tokenizer(int64_t length) : length_(length) {}
  virtual ~Tokenizer() = default;

  int64_t length() const { return length_; }
  /// As many as length(); `cut` becomes true where the text has more, which are left out.
  virtual std::vector<int64_t> encode(std::string_view text, bool& cut) const = 0;
  /// For people: the text of ids.
  virtual std::string decode(const std::vector<int64_t>& ids) const = 0;

 protected:
  std::vector<int64_t> fitted(std::vector<int64_t> ids, bool& cut) const;

 private:
  const int64_t length_;
};

/// bytes            each byte plus 1
/// vocab:FILE       words in lower case at white space; a line of the file is a word, from id 0, which fills up; others
///                  are the word "<unk>" where the file has it, else left out
/// bpe:FILE         that of CLIP: merges of pairs (bpe_simple_vocab_16e6.txt, maybe packed by gzip), the text between
///                  two marks. Lower case is that of ASCII; entities of HTML stay as they are. Source: Radford et al.,
///                  "Learning transferable visual models", 2021, section 2.4.
/// Errors: usage for another kind; input_missing; malformed for a file that is none.
std::unique_ptr<Tokenizer> make_tokenizer(const std::string& kind, int64_t length);

std::unique_ptr<Tokenizer> make_clip_tokenizer(const std::string& path, int64_t length);

}  // namespace allot::contrast
