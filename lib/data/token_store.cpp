// SPDX-License-Identifier: Apache-2.0
#include "data/token_store.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/json_object.h"
#include "data/token_layout.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kSchema = "allot.tokens/1";

/// `file` is as long as `items` of `bytes` and the header need.
void check_size(const base::Bytes& file, int64_t items, size_t bytes) {
  const bool whole = file.view().starts_with(kTokenHeader) && (file.size() - kTokenHeader.size()) % bytes == 0;
  if (!whole || (file.size() - kTokenHeader.size()) / bytes != static_cast<uint64_t>(items))
    throw Error(ErrorKind::malformed, base::printable(file.path()),
                fmt::format("is not the file of {} items that the manifest tells of", items), "prepare the data again");
}

template <typename T>
std::span<const T> content(const base::Bytes& file) {
  const std::string_view bytes = file.view().substr(kTokenHeader.size());
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

int64_t total(const TokenDomain& domain, int64_t PartSize::*member) {
  int64_t sum = 0;
  for (const PartSize& part : domain.parts) sum += part.*member;
  return sum;
}

PartSize read_part(const base::JsonObject& object) {
  return {object.integer("documents"), object.integer("tokens"), object.integer("bytes"), object.natural("content")};
}

}  // namespace

std::string Tokenizer::hash() const {
  base::Sha256 hash;
  hash.add_field(kind);
  hash.add_field(vocabulary);
  hash.add_field(end_of_document);
  if (!file.empty()) hash.add_field(file);
  return hash.hex();
}

const char* part_name(Part part) {
  constexpr std::array kNames = {"reference", "proxy", "validation", "test"};
  return kNames[static_cast<size_t>(part)];
}

int64_t TokenDomain::documents() const { return total(*this, &PartSize::documents); }
int64_t TokenDomain::tokens() const { return total(*this, &PartSize::tokens); }
int64_t TokenDomain::bytes() const { return total(*this, &PartSize::bytes); }

void TokenStore::write_manifest(const std::string& path, const Tokenizer& tokenizer, std::vector<TokenDomain> domains,
                                PartShares shares, uint64_t seed, base::Replace replace) {
  if (domains.empty())
    throw Error(ErrorKind::malformed, base::printable(path), "has no domain", "name folders or files of text");
  std::sort(domains.begin(), domains.end(), [](auto& a, auto& b) { return a.name < b.name; });
  base::JsonWriter json;
  json.begin_object().field("schema", kSchema).key("tokenizer").begin_object(true);
  json.field("kind", tokenizer.kind).field("vocabulary", tokenizer.vocabulary);
  json.field("end_of_document", tokenizer.end_of_document).field("hash", tokenizer.hash());
  if (!tokenizer.file.empty()) json.field("file", tokenizer.file);
  json.end_object();
  json.field("validation_share", shares.validation).field("test_share", shares.test).field("seed", seed);
  json.key("domains").begin_array();
  for (const TokenDomain& domain : domains) {
    json.begin_object().field("name", domain.name).field("folder", domain.folder);
    json.field("invalid_utf8", domain.invalid_utf8);
    for (const Part part : kParts) {
      const PartSize& size = domain.part(part);
      json.key(part_name(part)).begin_object(true).field("documents", size.documents).field("tokens", size.tokens);
      json.field("bytes", size.bytes).field("content", size.content).end_object();
    }
    json.end_object();
  }
  json.end_array().end_object();
  base::write_file(path + "/manifest.json", json.str(), replace);
}

TokenStore::TokenStore(const std::string& path) : path_(path) {
  const std::string file = path + "/manifest.json";
  const base::JsonSource source{file, base::read_text(file), "prepare the data again: mixcal prep"};
  const nlohmann::json parsed = base::parse_json(source.text, file);
  const base::JsonObject top(source, parsed, "",
                             {"schema", "tokenizer", "validation_share", "test_share", "seed", "domains"});
  if (top.text("schema") != kSchema) top.fail("schema", fmt::format("is not {}", kSchema), "prepare the data again");
  hash_ = base::sha256(source.text);
  const base::JsonObject tokenizer =
      top.object("tokenizer", {"kind", "vocabulary", "end_of_document", "hash"}, {"file"});
  tokenizer_ = {tokenizer.text("kind"), tokenizer.integer("vocabulary", 1, int64_t{1} << 32),
                tokenizer.integer("end_of_document", -1, int64_t{1} << 32),
                tokenizer.has("file") ? tokenizer.text("file") : ""};
  if (tokenizer.text("hash") != tokenizer_.hash())
    tokenizer.fail("hash", "is that of another tokenizer", "prepare the data again");
  top.for_each("domains", {"name", "folder", "invalid_utf8", "reference", "proxy", "validation", "test"},
               [&](const base::JsonObject& object) {
                 TokenDomain domain{object.text("name"), object.text("folder"), {}, object.integer("invalid_utf8")};
                 if (domain.folder.find_first_of("/\\") != std::string::npos || domain.folder.starts_with('.'))
                   object.fail("folder", "leads elsewhere");
                 for (const Part part : kParts)
                   domain.parts[static_cast<size_t>(part)] =
                       read_part(object.object(part_name(part), {"documents", "tokens", "bytes", "content"}));
                 domains_.push_back(std::move(domain));
               });
  std::set<std::string> seen;
  for (const TokenDomain& domain : domains_) {
    if (!seen.insert(domain.name).second)
      throw Error(ErrorKind::malformed, base::printable(file),
                  fmt::format("has two domains '{}'", base::printable(domain.name)), "prepare the data again");
    Files files;
    for (const Part part : kParts) {
      const size_t at = 2 * static_cast<size_t>(part);
      const std::string stem = path + "/" + domain.folder + "/" + part_name(part);
      files[at] = base::Bytes::open(stem + ".tokens");
      files[at + 1] = base::Bytes::open(stem + ".documents");
      check_size(*files[at], domain.part(part).tokens, token_bytes(tokenizer_));
      check_size(*files[at + 1], domain.part(part).documents, sizeof(uint64_t));
    }
    files_.push_back(std::move(files));
  }
  if (domains_.empty())
    throw Error(ErrorKind::malformed, base::printable(file), "has no domain", "prepare the data again");
}

std::vector<std::string> TokenStore::names() const {
  std::vector<std::string> names;
  for (const TokenDomain& domain : domains_) names.push_back(domain.name);
  return names;
}

TokenStore::View TokenStore::tokens(size_t domain, Part part) const {
  const base::Bytes& file = *files_[domain][2 * static_cast<size_t>(part)];
  if (token_bytes(tokenizer_) == 2) return {content<uint16_t>(file), {}};
  return {{}, content<uint32_t>(file)};
}

std::span<const uint64_t> TokenStore::document_hashes(size_t domain, Part part) const {
  return content<uint64_t>(*files_[domain][2 * static_cast<size_t>(part) + 1]);
}

}  // namespace allot::data
