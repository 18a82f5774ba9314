// SPDX-License-Identifier: Apache-2.0
// Batches of sequences from the domains of a store.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "data/token_store.h"
#include "mixcal/weights.h"

namespace allot::mixcal {

/// Domain streams are their parts' tokens cut into sequences; what is left at the end of a part is dropped.
class Feed {
 public:
  /// Each domain is passed in an order of its own in every epoch, by (seed, stream, domain, epoch).
  /// Errors: malformed, naming the domain, if it is shorter than one sequence.
  Feed(const data::TokenStore& store, std::vector<data::Part> parts, int64_t length, uint64_t seed, uint32_t stream);

  struct Batch {
    at::Tensor tokens;            // int64 [rows, length]
    std::vector<size_t> domains;  // by row
  };
  /// As many rows of each domain; those that do not divide go to domains in turn. Rows of a domain are side by side.
  /// Source: specification of mixcal, 1.4.
  Batch stratified(int64_t step, int64_t rows);
  /// Each row's domain is drawn: row i at (i + u) / rows along the weights, u uniform, so that counts are within one of
  /// what weights say and right on average.
  Batch drawn(int64_t step, int64_t rows, std::span<const double> weights);
  /// Up to `most` sequences of one domain, evenly spread over it: for evaluation.
  at::Tensor spread(size_t domain, int64_t most) const;

  size_t domains() const { return sequences_.size(); }
  int64_t sequences(size_t domain) const { return sequences_[domain]; }
  /// Rows drawn from each domain so far; the state of a run.
  const std::vector<int64_t>& counts() const { return counts_; }
  void set_counts(std::span<const int64_t> counts) { counts_.assign(counts.begin(), counts.end()); }

 private:
  void next(size_t domain, int64_t* row);
  void read(size_t domain, int64_t sequence, int64_t* row) const;
  Batch batch_of(const std::vector<size_t>& domains);

  int64_t length_;
  uint64_t seed_;
  uint32_t stream_;
  std::vector<std::vector<data::TokenStore::View>> views_;  // by domain and part
  std::vector<int64_t> sequences_, counts_;
};

}  // namespace allot::mixcal
