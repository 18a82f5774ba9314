// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "contrast/pictures.h"
#include "contrast/tokenizer.h"

using namespace allot;

namespace {

/// A file that is gone with its owner.
class TextFile {
 public:
  explicit TextFile(const std::string& text)
      : path_((std::filesystem::temp_directory_path() / fmt::format("allot-words-{}.txt", getpid())).string()) {
    std::ofstream(path_) << text;
  }
  ~TextFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

using Ids = std::vector<int64_t>;

}  // namespace

TEST_CASE("bytes are their numbers and one") {
  const auto tokenizer = contrast::make_tokenizer("bytes", 4);
  bool cut = true;
  CHECK(tokenizer->encode("ab", cut) == Ids{98, 99, 0, 0});
  CHECK_FALSE(cut);
  CHECK(tokenizer->encode("abcde", cut) == Ids{98, 99, 100, 101});
  CHECK(cut);
  CHECK(tokenizer->decode({98, 99, 0, 0}) == "ab");
}

TEST_CASE("words are lines of a file") {
  const TextFile file("<pad>\n<unk>\nred\ncircle\n");
  const auto tokenizer = contrast::make_tokenizer(fmt::format("vocab:{}", file.path()), 4);
  bool cut = false;
  CHECK(tokenizer->encode("Red  green circle", cut) == Ids{2, 1, 3, 0});
  CHECK(tokenizer->decode({2, 3, 0, 0}) == "red circle");
  const TextFile twice("<pad>\nred\nred\n");
  CHECK_THROWS_WITH(contrast::make_tokenizer(fmt::format("vocab:{}", twice.path()), 4), Catch::Contains(":3"));
  CHECK_THROWS_AS(contrast::make_tokenizer("words", 4), base::Error);
}

TEST_CASE("pairs of bytes are merged as CLIP does") {
  const TextFile file("#version: 0.2\nl o\nlo w</w>\n");
  const auto tokenizer = contrast::make_tokenizer(fmt::format("bpe:{}", file.path()), 8);
  bool cut = false;
  // Bytes are 0 to 255, the same at the end of a word 256 to 511, then the merges, then the marks.
  CHECK(tokenizer->encode("Low a", cut) == Ids{514, 513, 320, 515, 0, 0, 0, 0});
  CHECK(tokenizer->encode("lot", cut) == Ids{514, 512, 't' - 33 + 256, 515, 0, 0, 0, 0});
  CHECK(tokenizer->encode("it's 42!", cut) ==
        Ids{514, 'i' - 33, 't' - 33 + 256, '\'' - 33, 's' - 33 + 256, '4' - 33 + 256, '2' - 33 + 256, 515});
  CHECK(cut);  // the sign is beyond
  CHECK(tokenizer->decode(tokenizer->encode("low lot", cut)) == "low lot");
}

TEST_CASE("base64 is that of RFC 4648") {
  CHECK(contrast::base64("") == "");
  CHECK(contrast::base64("f") == "Zg==");
  CHECK(contrast::base64("fo") == "Zm8=");
  CHECK(contrast::base64("foo") == "Zm9v");
  CHECK(contrast::base64("foobar") == "Zm9vYmFy");
}
