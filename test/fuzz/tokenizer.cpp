// SPDX-License-Identifier: Apache-2.0
// A tokenizer.json, then a NUL and a text that it encodes. So that a file need not name all 256 bytes to get far,
// "vocab":{} stands for a vocabulary of them.
#include "base/json.h"
#include "data/text_tokenizer.h"
#include "fuzz/target.h"

namespace {

constexpr std::string_view kEmpty = "\"vocab\":{}";

std::string with_bytes(std::string_view file) {
  std::string text(file);
  const size_t at = text.find(kEmpty);
  if (at == text.npos) return text;
  std::string vocabulary = "\"vocab\":{\"he\":256,\"ll\":257,\"hell\":258";
  for (size_t byte = 0; byte < 256; ++byte)
    vocabulary += "," + allot::base::json_quote(allot::data::byte_characters()[byte]) + ":" + std::to_string(byte);
  return text.replace(at, kEmpty.size(), vocabulary + "}");
}

}  // namespace

void allot::fuzz::parse(std::string_view bytes) {
  const size_t end = std::min(bytes.find('\0'), bytes.size());
  const auto tokenizer = data::parse_tokenizer(with_bytes(bytes.substr(0, end)), "tokenizer.json");
  data::TextEncoder encoder(*tokenizer);
  const std::string_view text = bytes.substr(std::min(end + 1, bytes.size()));
  const std::vector<uint32_t> first = encoder.encode(text);
  for (const uint32_t token : first) ALLOT_ASSERT(token < tokenizer->vocabulary());
  ALLOT_ASSERT(first.size() <= 3 * text.size());  // of each byte one, a blank before it and an added token
  ALLOT_ASSERT(first == encoder.encode(text));    // from memory
}
