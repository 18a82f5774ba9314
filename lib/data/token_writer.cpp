// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "data/token_layout.h"
#include "data/token_store.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;

std::string_view bytes_of(const auto& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])};
}

/// Whether text is valid UTF-8: eight bytes at a time as long as they are ASCII.
bool is_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t word = 0;
    if (i + sizeof word <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & 0x8080808080808080ull) == 0) {
        i += sizeof word;
        continue;
      }
    }
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    char32_t code_point = 0;
    const size_t length = base::decode_utf8(text, i, code_point);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace

uint64_t document_hash(std::string_view bytes) {
  uint64_t hash = bytes.size();
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    hash = base::mix(hash, word);
  }
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  return base::mix(base::mix(hash, word), 0x616c6c6f74);
}

struct TokenWriter::Output {
  Output(const std::string& stem, base::Replace replace)
      : tokens(stem + ".tokens", replace), documents(stem + ".documents", replace) {
    tokens.write(kTokenHeader);
    documents.write(kTokenHeader);
  }
  base::AtomicFile tokens, documents;
  PartSize size;
  std::vector<uint16_t> narrow;  // of one document
};

TokenWriter::TokenWriter(const std::string& store, std::string name, std::string folder, const Tokenizer& tokenizer,
                         PartShares shares, uint64_t seed, base::Replace replace)
    : tokenizer_(tokenizer), shares_(shares), seed_(seed), domain_{std::move(name), std::move(folder), {}, 0} {
  const std::string path = store + "/" + domain_.folder;
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Error(ErrorKind::cannot_create, base::printable(path), error.message());
  for (const Part part : kParts) outputs_.push_back(std::make_unique<Output>(path + "/" + part_name(part), replace));
}

TokenWriter::~TokenWriter() = default;

TokenWriter::Output& TokenWriter::output_of(uint64_t hash) {
  const uint64_t drawn = base::mix(hash, seed_);
  const double place = static_cast<double>(drawn >> 11) * 0x1p-53;
  Part part = drawn & 1 ? Part::proxy : Part::reference;
  if (place < shares_.validation)
    part = Part::validation;
  else if (place < shares_.validation + shares_.test)
    part = Part::test;
  return *outputs_[static_cast<size_t>(part)];
}

void TokenWriter::close(Output& output, uint64_t hash, size_t tokens, size_t bytes) {
  output.documents.write({reinterpret_cast<const char*>(&hash), sizeof hash});
  ++output.size.documents;
  output.size.tokens += static_cast<int64_t>(tokens);
  output.size.bytes += static_cast<int64_t>(bytes);
  output.size.content = base::mix(output.size.content, hash);
}

void TokenWriter::add(std::string_view text) {
  if (!is_utf8(text)) ++domain_.invalid_utf8;
  const uint64_t hash = document_hash(text);
  Output& output = output_of(hash);
  output.narrow.resize(text.size() + 1);
  std::transform(text.begin(), text.end(), output.narrow.begin(),
                 [](char byte) { return static_cast<unsigned char>(byte); });
  output.narrow.back() = static_cast<uint16_t>(tokenizer_.end_of_document);
  output.tokens.write(bytes_of(output.narrow));
  close(output, hash, output.narrow.size(), text.size());
}

void TokenWriter::add(std::string_view text, std::span<const uint32_t> tokens) {
  if (!is_utf8(text)) ++domain_.invalid_utf8;
  const uint64_t hash = document_hash(text);
  Output& output = output_of(hash);
  std::vector<uint32_t> document(tokens.begin(), tokens.end());
  if (tokenizer_.end_of_document >= 0) document.push_back(static_cast<uint32_t>(tokenizer_.end_of_document));
  write(output, document);
  close(output, hash, document.size(), text.size());
}

void TokenWriter::write(Output& output, std::span<const uint32_t> tokens) {
  if (token_bytes(tokenizer_) == 4) {
    output.tokens.write(bytes_of(tokens));
    return;
  }
  output.narrow.resize(tokens.size());
  std::transform(tokens.begin(), tokens.end(), output.narrow.begin(),
                 [](uint32_t token) { return static_cast<uint16_t>(token); });
  output.tokens.write(bytes_of(output.narrow));
}

void TokenWriter::add(std::span<const uint32_t> tokens) {
  const uint64_t hash = document_hash(bytes_of(tokens));
  Output& output = output_of(hash);
  std::vector<uint32_t> document(tokens.begin(), tokens.end());
  if (tokenizer_.end_of_document >= 0) document.push_back(static_cast<uint32_t>(tokenizer_.end_of_document));
  const auto first = tokenizer_.kind == "items" ? document.end() - 1 : document.begin();
  if (const uint32_t largest = *std::max_element(first, document.end()); largest >= tokenizer_.vocabulary)
    throw Error(ErrorKind::malformed, base::printable(domain_.name),
                fmt::format("holds token {}, beyond a vocabulary of {}", largest, tokenizer_.vocabulary),
                "check --vocabulary and --token-type");
  write(output, document);
  close(output, hash, document.size(), 0);
}

TokenDomain TokenWriter::finish() {
  int64_t documents = 0;
  for (const auto& output : outputs_) documents += output->size.documents;
  for (const Part part : kParts) {
    Output& output = *outputs_[static_cast<size_t>(part)];
    const bool wanted = part != Part::validation && part != Part::test
                            ? true
                            : (part == Part::validation ? shares_.validation : shares_.test) > 0;
    if (wanted && output.size.documents == 0)
      throw Error(ErrorKind::malformed, base::printable(domain_.name),
                  documents == 0 ? "is a domain without any text"
                                 : fmt::format("has {} documents, too few for one in every part", documents),
                  documents == 0 ? "leave it out" : "cut shorter documents: --longest, or give more text");
    output.tokens.commit();
    output.documents.commit();
    domain_.parts[static_cast<size_t>(part)] = output.size;
  }
  return domain_;
}

}  // namespace allot::data
