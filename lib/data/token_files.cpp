// SPDX-License-Identifier: Apache-2.0
// Files of tokens, as trainers write them.
#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/npy.h"
#include "data/documents.h"
#include "data/little_endian.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using Take = std::function<void(std::span<const uint32_t>)>;

constexpr std::string_view kMegatron("MMIDIDX\0\0", 9);
constexpr uint32_t kLlmC = 20240520;
constexpr size_t kLlmCHeader = 256 * 4;

[[noreturn]] void malformed(const std::string& path, const std::string& what, const std::string& fix) {
  throw Error(ErrorKind::malformed, base::printable(path), what, fix);
}

/// How a file stores a token.
struct TokenType {
  size_t bytes = 2;
  bool is_signed = false;
};

TokenType type_of(const std::string& name) {
  if (name == "uint8" || name == "U8") return {1, false};
  if (name == "uint16" || name == "U16") return {2, false};
  if (name == "uint32" || name == "U32") return {4, false};
  if (name == "int32" || name == "I32") return {4, true};
  if (name == "I64") return {8, true};
  if (name == "U64") return {8, false};
  if (name == "I16") return {2, true};
  if (name == "I8") return {1, true};
  throw Error(ErrorKind::unavailable, base::printable(name), "is no type of tokens", "store whole numbers");
}

/// Tokens of `bytes` from `first`, `count` of them.
void decode(std::string_view bytes, TokenType type, size_t first, size_t count, const std::string& path,
            std::vector<uint32_t>& tokens) {
  tokens.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t value = little_endian(bytes.substr((first + i) * type.bytes, type.bytes));
    if ((type.is_signed && value >> (8 * type.bytes - 1)) || value > 0xFFFFFFFEu)
      malformed(path, fmt::format("token {} is negative or beyond 32 bits", first + i), "check its type: --token-type");
    tokens[i] = static_cast<uint32_t>(value);
  }
}

/// Documents that a token ends, or that are cut because they are long.
void flat_documents(std::string_view bytes, TokenType type, const std::string& path, const DocumentOptions& options,
                    const Take& take) {
  if (bytes.size() % type.bytes != 0)
    malformed(path, fmt::format("is {} bytes long, which is no multiple of {}", bytes.size(), type.bytes),
              "check whether it is whole, and its type: --token-type");
  const auto longest = static_cast<size_t>(options.longest);
  std::vector<uint32_t> block, document;
  const auto give = [&] {
    if (!document.empty()) take(document);
    document.clear();
  };
  const size_t count = bytes.size() / type.bytes;
  for (size_t first = 0; first < count; first += block.size()) {
    decode(bytes, type, first, std::min<size_t>(1 << 16, count - first), path, block);
    for (const uint32_t token : block) {
      if (token == static_cast<uint64_t>(options.end_of_document)) {
        give();
        continue;
      }
      document.push_back(token);
      if (document.size() == longest) give();
    }
  }
  give();
}

TokenType megatron_type(uint64_t code, const std::string& path) {
  switch (code) {
    case 1:
      return {1, false};
    case 2:
      return {1, true};
    case 3:
      return {2, true};
    case 4:
      return {4, true};
    case 5:
      return {8, true};
    case 8:
      return {2, false};
    default:
      throw Error(ErrorKind::unavailable, base::printable(path), fmt::format("stores elements of type {}", code),
                  "store whole numbers");
  }
}

/// Source: specification of mixcal, 7.2.
void megatron_documents(std::string_view bytes, const std::string& path, const std::string& index_path,
                        const DocumentOptions& options, const Take& take) {
  const auto file = base::Bytes::open(index_path);
  const std::string_view index = file->view();
  constexpr size_t kFixed = 34;
  if (index.size() < kFixed || !index.starts_with(kMegatron) || little_endian(index.substr(9, 8)) != 1)
    malformed(index_path, "is no index of Megatron of version 1", "name the .bin alone if it has none");
  const TokenType type = megatron_type(static_cast<unsigned char>(index[17]), index_path);
  const uint64_t sequences = little_endian(index.substr(18, 8));
  if (sequences > (index.size() - kFixed) / 12) malformed(index_path, "is cut short", "copy it anew");
  std::vector<uint32_t> document;
  for (uint64_t i = 0; i < sequences; ++i) {
    const uint64_t length = little_endian(index.substr(kFixed + 4 * i, 4));
    const uint64_t offset = little_endian(index.substr(kFixed + 4 * sequences + 8 * i, 8));
    if (offset > bytes.size() || offset % type.bytes != 0 || length > (bytes.size() - offset) / type.bytes)
      malformed(path, fmt::format("ends before sequence {} of its index does", i), "copy both anew");
    for (uint64_t begin = 0; begin < length; begin += document.size()) {
      const uint64_t count = std::min<uint64_t>(length - begin, static_cast<uint64_t>(options.longest));
      decode(bytes, type, offset / type.bytes + begin, count, path, document);
      if (document.back() == static_cast<uint64_t>(options.end_of_document))
        take(std::span(document).first(document.size() - 1));
      else
        take(document);
    }
  }
}

}  // namespace

void for_each_tokens(const std::string& path, const DocumentOptions& options, const Take& take) {
  const std::filesystem::path name = path;
  const auto file = base::Bytes::open(path);
  const std::string_view bytes = file->view();
  if (name.extension() == ".npy" && bytes.starts_with("\x93NUMPY")) {
    const base::NpyArray array = base::read_npy(file);
    if (array.shape.size() != 1)
      malformed(path, fmt::format("is an array of rank {}", array.shape.size()), "store the tokens in one row");
    flat_documents({reinterpret_cast<const char*>(array.data.data()), array.data.size()}, type_of(array.dtype), path,
                   options, take);
    return;
  }
  if (const auto index = std::filesystem::path(path).replace_extension(".idx"); std::filesystem::exists(index))
    megatron_documents(bytes, path, index.string(), options, take);
  else if (bytes.size() >= kLlmCHeader && little_endian(bytes.substr(0, 4)) == kLlmC)
    flat_documents(bytes.substr(kLlmCHeader), type_of("uint16"), path, options, take);
  else
    flat_documents(bytes, type_of(options.token_type), path, options, take);
}

}  // namespace allot::data
