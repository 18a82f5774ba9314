// SPDX-License-Identifier: Apache-2.0
// Domains of text as tokens in files that are mapped: whatever their size, they take no memory.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace allot::data {

/// What tokens mean. `bytes`: one a byte, and 256 after each document. `bpe`: those of a tokenizer.json. `given`: those
/// of files, of which nothing more is known. `items`: documents are items, float32 numbers by their bits and then a
/// class below `vocabulary`.
struct Tokenizer {
  std::string kind = "bytes";
  int64_t vocabulary = 258;
  int64_t end_of_document = 256;  // put after each document; -1: nothing is
  std::string file = {};          // of bpe: SHA-256 of its file

  /// Equal for tokenizers that make the same tokens of the same text.
  std::string hash() const;
};

/// What documents are for. Each is in one part, by its content alone: equal documents are in the same part.
enum class Part : uint8_t { reference, proxy, validation, test };
inline constexpr std::array kParts = {Part::reference, Part::proxy, Part::validation, Part::test};
const char* part_name(Part part);

struct PartShares {
  double validation = 0.1, test = 0.1;  // reference and proxy halve the rest
};

/// A part of a domain, as the manifest tells.
struct PartSize {
  int64_t documents = 0, tokens = 0, bytes = 0;  // bytes of text; of given tokens 0
  uint64_t content = 0;                          // mixed hashes of all documents
};

struct TokenDomain {
  std::string name, folder;
  std::array<PartSize, kParts.size()> parts{};
  int64_t invalid_utf8 = 0;  // documents

  const PartSize& part(Part part) const { return parts[static_cast<size_t>(part)]; }
  int64_t documents() const;
  int64_t tokens() const;
  int64_t bytes() const;
};

/// Writes one domain, document by document.
class TokenWriter {
 public:
  /// Into `store`/`folder`, which it makes. Errors: those of base::AtomicFile.
  TokenWriter(const std::string& store, std::string name, std::string folder, const Tokenizer& tokenizer,
              PartShares shares, uint64_t seed, base::Replace replace);
  ~TokenWriter();
  TokenWriter(const TokenWriter&) = delete;
  TokenWriter& operator=(const TokenWriter&) = delete;

  /// For tokenizers of kind bytes.
  void add(std::string_view text);
  /// Of kind bpe: a text and its tokens.
  void add(std::string_view text, std::span<const uint32_t> tokens);
  /// For those of kinds given and items. Errors: malformed, naming the domain, for a token, or a class, beyond the
  /// vocabulary.
  void add(std::span<const uint32_t> tokens);

  /// Errors: malformed, naming the domain, if a part got no document; io.
  TokenDomain finish();

 private:
  struct Output;
  Output& output_of(uint64_t hash);
  void write(Output& output, std::span<const uint32_t> tokens);
  void close(Output& output, uint64_t hash, size_t tokens, size_t bytes);

  const Tokenizer& tokenizer_;
  PartShares shares_;
  uint64_t seed_;
  TokenDomain domain_;
  std::vector<std::unique_ptr<Output>> outputs_;  // by part
};

/// All domains of a store, in bytewise order of their names.
class TokenStore {
 public:
  /// `path`/manifest.json: schema allot.tokens/1. Errors: malformed for no domain, two of one name.
  static void write_manifest(const std::string& path, const Tokenizer& tokenizer, std::vector<TokenDomain> domains,
                             PartShares shares, uint64_t seed, base::Replace replace);
  /// Errors: input_missing; malformed for another schema, and for files that are missing or not as long as they should
  /// be.
  explicit TokenStore(const std::string& path);

  const std::string& path() const { return path_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  const std::vector<TokenDomain>& domains() const { return domains_; }
  std::vector<std::string> names() const;
  /// SHA-256 of the manifest, which knows a hash of every part.
  const std::string& hash() const { return hash_; }

  /// Tokens of a part of a domain, without any copy.
  struct View {
    std::span<const uint16_t> narrow;  // one of the two
    std::span<const uint32_t> wide;
    size_t size() const { return narrow.size() + wide.size(); }
    uint32_t operator[](size_t i) const { return narrow.empty() ? wide[i] : narrow[i]; }
  };
  View tokens(size_t domain, Part part) const;
  /// A 64-bit hash of each document of a part.
  std::span<const uint64_t> document_hashes(size_t domain, Part part) const;

 private:
  using Files = std::array<std::shared_ptr<const base::Bytes>, 2 * kParts.size()>;

  std::string path_, hash_;
  Tokenizer tokenizer_;
  std::vector<TokenDomain> domains_;
  std::vector<Files> files_;  // by domain: tokens and document hashes of each part
};

/// Hash of a document's content: equal for equal ones.
uint64_t document_hash(std::string_view bytes);

}  // namespace allot::data
