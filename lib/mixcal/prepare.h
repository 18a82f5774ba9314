// SPDX-License-Identifier: Apache-2.0
// Corpora to stores of tokens, and what is in them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "config/binder.h"
#include "data/documents.h"
#include "data/token_store.h"

namespace allot::mixcal {

struct PrepareOptions {
  data::DocumentOptions documents;
  data::PartShares shares;
  std::vector<std::string> domains;   // "name=path": beside or instead of those found
  int64_t vocabulary = 0;             // of files of tokens; 0: the largest token and 1
  int64_t levels = 1;                 // of folders whose entries are domains, "outer/inner"
  std::string invalid_utf8 = "keep";  // keep, refuse
  std::string tokenizer = "bytes";    // of text; or the path of a tokenizer.json
  std::string task = "lm";            // or classify: items of tables or images; see items.h
  std::string label, category;        // of classify: columns, fields or arrays; "": as data::read finds it, its classes

  void bind(config::Binder& binder);
};

/// Names of domains and their paths. One path that is a folder: its folders and files are the domains; several: each is
/// one. Files give their names without extensions. Errors: input_missing; usage for two domains of one name.
std::vector<std::pair<std::string, std::string>> find_domains(const std::vector<std::string>& paths,
                                                              const PrepareOptions& options);

/// Those that --domain gives. Errors: usage.
std::vector<std::pair<std::string, std::string>> named_domains(const PrepareOptions& options);

/// A name within a store that any file system takes, of domain number `number`.
std::string folder_of(size_t number, const std::string& name);

/// Writes the store `output`, a domain a thread, and returns it. Text becomes what --tokenizer makes of it; tokens stay
/// what they are. Errors: malformed for a domain without text, too few documents, text and tokens in one store, tokens
/// beyond the vocabulary; usage for a tokenizer of what is no text; those of data::for_each_text, data::for_each_tokens
/// and data::read_tokenizer; base::Stopped once `stop` is set.
data::TokenStore prepare(const std::vector<std::string>& paths, const PrepareOptions& options,
                         const std::string& output, uint64_t seed, unsigned threads, base::Replace replace,
                         const std::atomic<bool>& stop);

/// Errors: check_failed if --tokenizer names another one than the store was prepared with.
void require_tokenizer(const data::TokenStore& store, const PrepareOptions& options);

/// Shares of documents that occur more than once within a domain, and in two domains, by domain: of a sample that
/// depends on content alone, so that copies are in it or not together.
struct Duplicates {
  std::vector<double> within;                // by domain
  std::vector<std::vector<double>> between;  // [of this domain's documents][that are in this one, too]
};
Duplicates find_duplicates(const data::TokenStore& store, size_t most_documents = 1 << 20);

/// One line for each pair of domains that share more than a tenth of the smaller one's documents.
std::vector<std::string> duplicate_warnings(const data::TokenStore& store, const Duplicates& duplicates);

/// What a mixture says of the data it is for.
std::vector<double> training_tokens(const data::TokenStore& store);

}  // namespace allot::mixcal
