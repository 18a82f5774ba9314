// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/json.h"
#include "data/text_tokenizer.h"

using namespace allot;

namespace {

using Tokens = std::vector<uint32_t>;

constexpr const char* kByteLevel = R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true})";

/// A tokenizer.json whose tokens 0 to 255 are bytes, then "he", "ll", "hell", then the added token "<|endoftext|>".
std::string file_of(const std::string& pre_tokenizer = kByteLevel, const std::string& model = "",
                    const std::string& top = "") {
  std::string vocabulary;
  for (size_t byte = 0; byte < 256; ++byte)
    vocabulary += fmt::format("{}: {}, ", base::json_quote(data::byte_characters()[byte]), byte);
  return fmt::format(R"({{"version": "1.0", {} "pre_tokenizer": {},
"model": {{"type": "BPE", {} "vocab": {{{} "he": 256, "ll": 257, "hell": 258}}, "merges": ["h e", ["l", "l"], "he ll"]}},
"added_tokens": [{{"id": 259, "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false,
  "normalized": false, "special": true}}]}})",
                     top, pre_tokenizer, model, vocabulary);
}

Tokens encoded(const std::string& file, const std::string& text) {
  const auto tokenizer = data::parse_tokenizer(file, "tokenizer.json");
  return data::TextEncoder(*tokenizer).encode(text);
}

std::vector<std::string> words(const std::string& text, data::WordRule rule) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size(); begin += words.back().size())
    words.push_back(text.substr(begin, data::end_of_word(text, begin, rule) - begin));
  return words;
}

void refuses(const std::string& file, const std::string& text) {
  try {
    data::parse_tokenizer(file, "tokenizer.json");
    FAIL("nothing was refused");
  } catch (const base::Error& error) {
    CHECK_THAT(error.what(), Catch::Contains("tokenizer.json") && Catch::Contains(text));
  }
}

}  // namespace

TEST_CASE("pairs are merged by rank, from the left") {
  data::Merges merges;
  merges.add(1, 1, 2);
  merges.add(2, 1, 3);
  Tokens tokens = {1, 1, 1, 1, 1, 0, 1};
  merges.apply(tokens);
  CHECK(tokens == Tokens{2, 3, 0, 1});
  Tokens none;
  merges.apply(none);
  CHECK(none.empty());
  Tokens many(1'000'000, 1);  // in one word: an algorithm that looks through all pairs at each merge would not end
  merges.apply(many);
  CHECK(many.size() == 500'000);
}

TEST_CASE("bytes have characters") {
  CHECK(data::byte_characters()['a'] == "a");
  CHECK(data::byte_characters()[' '] == "\u0120");
  CHECK(data::byte_characters()[0xAD] == "\u0143");
  CHECK(data::bytes_of_characters("\u0120a\u00ff") == " a\xff");
  CHECK_FALSE(data::bytes_of_characters("a b"));
  CHECK(data::byte_order()[0] == '!');
  CHECK(data::byte_order()[255] == 0xAD);
}

TEST_CASE("words are those of the patterns") {
  using Words = std::vector<std::string>;
  const std::string text = "It's  1234\u00b2 x=\u00e4\n\n  end ";
  CHECK(words(text, data::WordRule::gpt2) ==
        Words{"It", "'s", " ", " 1234\u00b2", " x", "=", "\u00e4", "\n\n ", " end", " "});
  CHECK(words(text, data::WordRule::gpt4) ==
        Words{"It", "'s", " ", " ", "123", "4\u00b2", " x", "=\u00e4", "\n\n", " ", " end", " "});
  CHECK(words("12 3", data::WordRule::single_numbers) == Words{"1", "2", " ", "3"});
  CHECK(words("a12 3", data::WordRule::numbers_apart) == Words{"a", "1", "2", " ", "3"});
  CHECK(words("a12 3", data::WordRule::runs_of_numbers) == Words{"a", "12", " ", "3"});
  CHECK(words("IT'S don'\u017f", data::WordRule::gpt2) == Words{"IT", "'", "S", " don", "'", "\u017f"});
  CHECK(words("IT'S don'\u017f", data::WordRule::gpt4) == Words{"IT", "'S", " don", "'\u017f"});
  CHECK(words("a\xff\xc3", data::WordRule::gpt2) == Words{"a", "\xff\xc3"});  // no UTF-8
}

TEST_CASE("a tokenizer.json makes tokens of text") {
  CHECK(encoded(file_of(), "hello") == Tokens{258, 'o'});
  CHECK(encoded(file_of(), "hhe llama") == Tokens{'h', 256, ' ', 257, 'a', 'm', 'a'});
  CHECK(encoded(file_of(), "a<|endoftext|><b") == Tokens{'a', 259, '<', 'b'});
  CHECK(encoded(file_of(), "\xff") == Tokens{0xFF});
  CHECK(encoded(file_of(), "").empty());
  CHECK(encoded(file_of(R"({"type": "ByteLevel", "add_prefix_space": true})"), "he<|endoftext|> a") ==
        Tokens{' ', 256, 259, ' ', 'a'});
  const auto tokenizer = data::parse_tokenizer(file_of(), "tokenizer.json");
  CHECK(tokenizer->vocabulary() == 260);
  CHECK(tokenizer->end_of_document() == 259);
  CHECK(tokenizer->hash() != data::parse_tokenizer(file_of() + " ", "tokenizer.json")->hash());
}

TEST_CASE("what would make other tokens is refused") {
  refuses(file_of(R"({"type": "Whitespace"})"), "is Whitespace");
  refuses(file_of("null"), "ByteLevel");
  refuses(file_of(R"({"type": "Sequence", "pretokenizers": []})"), "list of steps");
  refuses(file_of(R"({"type": "Sequence", "pretokenizers": [{"type": "Metaspace"}, )" + std::string(kByteLevel) + "]}"),
          "is Metaspace");
  refuses(file_of(R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\w+"},
"behavior": "Isolated", "invert": false}, )" +
                  std::string(kByteLevel) + "]}"),
          "by a pattern");
  refuses(file_of(kByteLevel, "", R"("normalizer": {"type": "NFC"},)"), "/normalizer changes text");
  refuses(file_of(kByteLevel, R"("dropout": 0.1,)"), "/model/dropout");
  refuses(file_of(kByteLevel, R"("end_of_word_suffix": "</w>",)"), "/model/end_of_word_suffix");
  refuses(file_of(kByteLevel, R"("speed": 1,)"), "speed");
  refuses(R"({"model": {"type": "Unigram", "vocab": []}, "pre_tokenizer": null})", "is Unigram, not BPE");
  refuses(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "pre_tokenizer": null})",
          "no token for byte 0");
  refuses(R"({"model": {}, "pre_tokenizer": null})", "is missing");
  refuses("{", "valid JSON");
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string file = file_of();
    return file.replace(file.find(from), from.size(), to);
  };
  refuses(changed("\"h e\"", "\"h\""), "/model/merges/0 is no pair");
  refuses(changed("\"h e\"", "\"e h\""), "needs the token 'eh'");
  refuses(changed("\"he\": 256", "\"he\": 4294967296"), "beyond 31 bits");
  refuses(changed("\"single_word\": false", "\"single_word\": true"), "words around a token");
  refuses(changed("\"<|endoftext|>\"", "\"hell\""), "is not 258");
}
