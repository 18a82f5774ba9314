// SPDX-License-Identifier: Apache-2.0
#include "mixcal/prepare.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/stopped.h"
#include "data/text_tokenizer.h"
#include "mixcal/items.h"

namespace allot::mixcal {
namespace {

using base::Error;
using base::ErrorKind;
namespace fs = std::filesystem;

constexpr double kMuch = 0.1;  // of documents in two domains

/// A file's name without the extensions that say how it is stored.
std::string bare_name(const fs::path& path) {
  if (fs::is_directory(path)) return path.filename().string();
  fs::path name = path.filename();
  for (const char* extension : {".gz", ".zst", ".zstd", ".jsonl", ".ndjson", ".txt", ".bin", ".npy"})
    if (name.extension() == extension) name = name.stem();
  return name.string();
}

/// Entries of a folder as domains; those of folders within, down to so many levels, have its name before theirs.
void find_inside(const fs::path& folder, const std::string& prefix, int64_t levels,
                 std::vector<std::pair<std::string, std::string>>& domains) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  for (const fs::path& entry : entries) {
    if (entry.filename().string().starts_with('.')) continue;
    if (entry.extension() == ".idx" && fs::exists(fs::path(entry).replace_extension(".bin"))) continue;
    const std::string name = prefix + bare_name(entry);
    if (levels > 1 && fs::is_directory(entry))
      find_inside(entry, name + "/", levels - 1, domains);
    else
      domains.emplace_back(name, entry.string());
  }
}

struct Corpus {
  std::string name;
  std::vector<std::string> files;
  bool tokens = false;
};

Corpus corpus_of(const std::string& name, const std::string& path) {
  Corpus corpus{name, data::source_files(path), false};
  std::set<bool> kinds;
  for (const std::string& file : corpus.files) kinds.insert(data::source_kind(file) == data::SourceKind::tokens);
  if (kinds.empty())
    throw Error(ErrorKind::malformed, base::printable(path), "is a domain without any file", "leave it out");
  if (kinds.size() > 1)
    throw Error(ErrorKind::malformed, base::printable(path), "holds text and tokens", "keep one kind");
  corpus.tokens = *kinds.begin();
  return corpus;
}

/// The largest token of all files, and 1.
int64_t vocabulary_of(const std::vector<Corpus>& corpora, const PrepareOptions& options, unsigned threads) {
  std::vector<uint32_t> largest(corpora.size());
  base::parallel_for(corpora.size(), threads, [&](size_t i) {
    for (const std::string& file : corpora[i].files)
      data::for_each_tokens(file, options.documents, [&](std::span<const uint32_t> document) {
        if (!document.empty()) largest[i] = std::max(largest[i], *std::max_element(document.begin(), document.end()));
      });
  });
  const uint32_t token = *std::max_element(largest.begin(), largest.end());
  return std::max<int64_t>(token, options.documents.end_of_document) + 1;
}

/// What was written so far is no store yet, and nothing goes on from it.
void leave_if(const std::atomic<bool>& stop) {
  if (stop) throw base::Stopped();
}

constexpr const char* kBytes = "bytes";

/// What is the same for all domains of a store.
struct Preparation {
  const PrepareOptions& options;
  const std::string& output;
  uint64_t seed;
  base::Replace replace;
  const std::atomic<bool>& stop;
  data::Tokenizer tokenizer = {};
  std::shared_ptr<const data::TextTokenizer> of_text = {};  // of kind bpe
};

data::TokenDomain write_domain(const Corpus& corpus, size_t number, const Preparation& how) {
  const PrepareOptions& options = how.options;
  data::TokenWriter writer(how.output, corpus.name, folder_of(number, corpus.name), how.tokenizer, options.shares,
                           how.seed, how.replace);
  std::optional<data::TextEncoder> encoder;
  if (how.of_text) encoder.emplace(*how.of_text);
  for (const std::string& file : corpus.files)
    if (corpus.tokens)
      data::for_each_tokens(file, options.documents, [&](std::span<const uint32_t> document) {
        leave_if(how.stop);
        if (!document.empty()) writer.add(document);
      });
    else
      data::for_each_text(file, options.documents, [&](std::string_view document) {
        leave_if(how.stop);
        if (encoder)
          writer.add(document, encoder->encode(document));
        else
          writer.add(document);
      });
  data::TokenDomain domain = writer.finish();
  if (domain.invalid_utf8 > 0 && options.invalid_utf8 == "refuse")
    throw Error(ErrorKind::malformed, base::printable(corpus.name),
                fmt::format("has {} documents that are not UTF-8", domain.invalid_utf8),
                "convert it, or keep bytes as they are: --invalid-utf8 keep");
  return domain;
}

/// How a tokenizer.json makes tokens, with the end of documents that the options name, or else the file.
data::Tokenizer tokens_of(const data::TextTokenizer& tokenizer, const PrepareOptions& options) {
  int64_t end = options.documents.end_of_document;
  if (end < 0) end = tokenizer.end_of_document();
  if (end < 0)
    base::warn("{} names no token that ends documents, so none does; --end-of-document names one",
               base::printable(options.tokenizer));
  if (end >= tokenizer.vocabulary())
    throw Error(ErrorKind::usage, "--end-of-document",
                fmt::format("{} is beyond a vocabulary of {}", end, tokenizer.vocabulary()), "name a smaller one");
  return {"bpe", tokenizer.vocabulary(), end, tokenizer.hash()};
}

void require_bytes(const PrepareOptions& options, const char* what) {
  if (options.tokenizer != kBytes)
    throw Error(ErrorKind::usage, "--tokenizer", fmt::format("is for text, and {} are none", what), "leave it out");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> named_domains(const PrepareOptions& options) {
  std::vector<std::pair<std::string, std::string>> domains;
  for (const std::string& each : options.domains) {
    const size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == each.size())
      throw Error(ErrorKind::usage, "--domain", fmt::format("'{}' is not NAME=PATH", base::printable(each)),
                  "write NAME=PATH");
    domains.emplace_back(each.substr(0, equals), each.substr(equals + 1));
  }
  return domains;
}

// Numbered, since two names may become one.
std::string folder_of(size_t number, const std::string& name) {
  std::string folder = fmt::format("{:03}-", number);
  for (const char each : name.substr(0, 60)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(each)) || each == '-' || each == '_';
    folder += plain ? each : '_';
  }
  return folder;
}

void PrepareOptions::bind(config::Binder& binder) {
  binder.list("domain", domains, "NAME=PATH: a domain of that name, beside or instead of those found");
  binder.integer("levels", levels, "of folders whose entries are domains; 2 = web/en and web/de are two", 1, 16);
  binder.text("tokenizer", tokenizer,
              "of text: bytes, or the tokenizer.json of a byte-level BPE tokenizer of Hugging Face");
  binder.text("text_field", documents.text_field,
              "of JSON lines: where the text is; a path of names with points between");
  binder.text("separator", documents.separator, "line that ends a document of plain text; default: none does");
  binder.integer("longest", documents.longest,
                 "bytes or tokens after which a document is cut, text at the end of a line", 16, 1 << 30);
  binder.choice("token_type", documents.token_type, "of files of tokens that do not say",
                {"uint16", "uint32", "int32"});
  binder.integer("end_of_document", documents.end_of_document,
                 "token that ends documents; -1 = none in files of tokens, with a tokenizer.json the one that it names",
                 -1, int64_t{1} << 32);
  binder.integer("vocabulary", vocabulary, "of files of tokens; 0 = the largest token and 1", 0, int64_t{1} << 32);
  binder.choice("invalid_utf8", invalid_utf8, "what text that is not UTF-8 is for", {"keep", "refuse"});
  binder.text("label", label, "of --task classify: column or array with classes; default: y, label or labels");
  binder.text("category", category,
              "of --task classify: column, field or array whose values are the domains; default: the classes");
  binder.number("validation_share", shares.validation, "of documents that methods may look at", 0, 0.5);
  binder.number("test_share", shares.test, "of documents for the last figures", 0, 0.4);
}

std::vector<std::pair<std::string, std::string>> find_domains(const std::vector<std::string>& paths,
                                                              const PrepareOptions& options) {
  std::vector<std::pair<std::string, std::string>> domains;
  const bool inside = paths.size() == 1 && fs::is_directory(paths[0]);
  if (inside) {
    find_inside(paths[0], "", options.levels, domains);
  } else {
    for (const std::string& path : paths) domains.emplace_back(bare_name(path), path);
  }
  for (auto& each : named_domains(options)) domains.push_back(std::move(each));
  std::set<std::string> seen;
  for (const auto& [name, path] : domains)
    if (!seen.insert(name).second)
      throw Error(ErrorKind::usage, base::printable(path),
                  fmt::format("is a second domain '{}'", base::printable(name)),
                  "name it another way: --domain NAME=PATH");
  if (domains.empty())
    throw Error(ErrorKind::input_missing, paths.empty() ? "mixcal" : base::printable(paths[0]), "holds no domain",
                "name a folder with a folder or file a domain");
  return domains;
}

data::TokenStore prepare(const std::vector<std::string>& paths, const PrepareOptions& options,
                         const std::string& output, uint64_t seed, unsigned threads, base::Replace replace,
                         const std::atomic<bool>& stop) {
  if (options.task == "classify") {
    require_bytes(options, "labelled items");
    return prepare_items(paths, options, output, seed, threads, replace);
  }
  std::vector<Corpus> corpora;
  for (const auto& [name, path] : find_domains(paths, options)) corpora.push_back(corpus_of(name, path));
  for (const Corpus& corpus : corpora)
    if (corpus.tokens != corpora[0].tokens)
      throw Error(
          ErrorKind::malformed, base::printable(corpus.name),
          fmt::format("is {}, and '{}' is not", corpus.tokens ? "tokens" : "text", base::printable(corpora[0].name)),
          "prepare text and tokens apart");
  Preparation how{.options = options, .output = output, .seed = seed, .replace = replace, .stop = stop};
  if (corpora[0].tokens) {
    require_bytes(options, "tokens");
    const int64_t vocabulary = options.vocabulary > 0 ? options.vocabulary : vocabulary_of(corpora, options, threads);
    how.tokenizer = {"given", vocabulary, options.documents.end_of_document};
  } else if (options.tokenizer != kBytes) {
    how.of_text = data::read_tokenizer(options.tokenizer);
    how.tokenizer = tokens_of(*how.of_text, options);
  }
  base::check_output(output + "/manifest.json", replace);
  std::vector<data::TokenDomain> domains(corpora.size());
  base::parallel_for(corpora.size(), threads, [&](size_t i) { domains[i] = write_domain(corpora[i], i, how); });
  for (const data::TokenDomain& domain : domains)
    if (domain.invalid_utf8 > 0)
      base::warn("{}: {} of {} documents are not UTF-8; their bytes are kept", base::printable(domain.name),
                 domain.invalid_utf8, domain.documents());
  data::TokenStore::write_manifest(output, how.tokenizer, std::move(domains), options.shares, seed, replace);
  return data::TokenStore(output);
}

void require_tokenizer(const data::TokenStore& store, const PrepareOptions& options) {
  if (options.tokenizer == kBytes) return;
  if (data::read_tokenizer(options.tokenizer)->hash() != store.tokenizer().file)
    throw Error(ErrorKind::check_failed, base::printable(store.path()),
                fmt::format("was prepared with another tokenizer than {}", base::printable(options.tokenizer)),
                "prepare it with that one, or leave out --tokenizer: data knows its own");
}

Duplicates find_duplicates(const data::TokenStore& store, size_t most_documents) {
  const size_t domains = store.domains().size();
  size_t documents = 0;
  for (const data::TokenDomain& domain : store.domains()) documents += static_cast<size_t>(domain.documents());
  uint64_t every = 1;  // one in so many hashes is looked at
  while (documents / every > most_documents) every *= 2;
  std::vector<std::pair<uint64_t, size_t>> seen;
  for (size_t domain = 0; domain < domains; ++domain)
    for (const data::Part part : data::kParts)
      for (const uint64_t hash : store.document_hashes(domain, part))
        if (base::mix(hash, 1) % every == 0) seen.emplace_back(hash, domain);
  std::sort(seen.begin(), seen.end());
  Duplicates duplicates{std::vector<double>(domains),
                        std::vector<std::vector<double>>(domains, std::vector<double>(domains))};
  std::vector<double> looked_at(domains);
  for (size_t begin = 0, end = 0; begin < seen.size(); begin = end) {
    std::map<size_t, size_t> copies;
    while (end < seen.size() && seen[end].first == seen[begin].first) ++copies[seen[end++].second];
    for (const auto& [domain, count] : copies) {
      looked_at[domain] += static_cast<double>(count);
      duplicates.within[domain] += static_cast<double>(count - 1);
      for (const auto& [other, ignored] : copies)
        if (other != domain) duplicates.between[domain][other] += static_cast<double>(count);
    }
  }
  for (size_t domain = 0; domain < domains; ++domain) {
    const double all = std::max(1.0, looked_at[domain]);
    duplicates.within[domain] /= all;
    for (double& share : duplicates.between[domain]) share /= all;
  }
  return duplicates;
}

std::vector<std::string> duplicate_warnings(const data::TokenStore& store, const Duplicates& duplicates) {
  std::vector<std::string> warnings;
  const std::vector<std::string> names = store.names();
  for (size_t a = 0; a < names.size(); ++a)
    for (size_t b = a + 1; b < names.size(); ++b) {
      const double share = std::max(duplicates.between[a][b], duplicates.between[b][a]);
      if (share > kMuch)
        warnings.push_back(
            fmt::format("domains '{}' and '{}' share {:.0f} % of the documents of one: their weights are not "
                        "determined apart",
                        base::printable(names[a]), base::printable(names[b]), 100 * share));
    }
  return warnings;
}

std::vector<double> training_tokens(const data::TokenStore& store) {
  std::vector<double> tokens;
  for (const data::TokenDomain& domain : store.domains())
    tokens.push_back(
        static_cast<double>(domain.part(data::Part::reference).tokens + domain.part(data::Part::proxy).tokens));
  return tokens;
}

}  // namespace allot::mixcal
