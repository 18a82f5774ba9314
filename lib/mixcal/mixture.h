// SPDX-License-Identifier: Apache-2.0
// The result: shares of domains, where they come from, and what they cost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

struct MixtureDomain {
  std::string name;
  double weight = 0;     // share of tokens
  double reference = 0;  // of the reference model's data
  double deviation = 0;  // of weight over seeds, or over replicates of a swarm; 0 where there is one
  int64_t tokens = 0;    // there are; 0: not known
  double tokens_per_document = 0, bytes_per_token = 0;  // likewise

  double epochs(double budget) const { return tokens > 0 ? weight * budget / static_cast<double>(tokens) : 0; }
};

struct Mixture {
  std::string method;
  std::vector<MixtureDomain> domains = {};
  double budget = 0;  // tokens that the weights are to be used for; 0: not said
  std::vector<uint64_t> seeds = {};
  std::string tokenizer_kind = {}, tokenizer_hash = {};
  std::string data = {};                             // hash of the store of tokens
  std::map<std::string, std::string> settings = {};  // how it was found: step, smoothing, rounds, models, ...
  std::map<std::string, double> flops = {};          // by stage
  std::vector<std::string> warnings = {};            // a reader should know

  Weights weights() const;
  std::vector<std::string> names() const;
};

/// allot.mixture/1, JSON. Weights have six digits and add up to 1.
std::string to_json(const Mixture& mixture);
/// Errors: input_missing; malformed with file, line and key.
Mixture read_mixture(const std::string& path);

/// Weights of `names` from an allot.mixture/1 file, or from lines "name,weight" after a line of these words, which may
/// name categories that hold domains, too: see multiplied_out().
/// `tokenizer`, unless empty, is the hash that a mixture's must be.
/// Errors: malformed for a domain that is missing or one too many; check_failed for another tokenizer: shares of one
/// tokenizer's tokens are not those of another's.
Weights read_weights(const std::string& path, const std::vector<std::string>& names, const std::string& tokenizer = {});

}  // namespace allot::mixcal
