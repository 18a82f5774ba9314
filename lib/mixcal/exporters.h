// SPDX-License-Identifier: Apache-2.0
// Mixtures in the words of other trainers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/binder.h"
#include "mixcal/mixture.h"

namespace allot::mixcal {

struct ExportOptions {
  std::string target = "csv";           // one of export_targets()
  std::vector<std::string> paths = {};  // "domain=path": where the trainer finds it; default: the domain's name
  std::vector<std::string> bytes_per_token =
      {};                          // "domain=number": of the trainer's tokenizer, where it is another one
  int64_t batch_tokens = 1 << 19;  // of olmo-core

  void bind(config::Binder& binder);
};

struct Exported {
  std::string text;
  std::string unit;  // what its numbers are shares of: "token", "sequence" or "document"
};

/// What a trainer counts its shares in.
/// Errors: config for a domain that is named but not there, a number that is none, an unknown target; check_failed when
/// shares of documents are asked for and the mixture does not know their lengths.
Exported exported(const Mixture& mixture, const ExportOptions& options);

std::vector<std::string> export_targets();

/// Shares of tokens as shares of documents: proportional to w / tokens a document.
Weights document_shares(const Mixture& mixture);

}  // namespace allot::mixcal
