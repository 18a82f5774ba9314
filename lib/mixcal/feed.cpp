// SPDX-License-Identifier: Apache-2.0
#include "mixcal/feed.h"

#include <algorithm>

#include <ATen/ops/empty.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/sampler.h"

namespace allot::mixcal {
namespace {

/// Of the choice of domains; orders within them have the streams above.
constexpr uint32_t kStride = 1 << 20;

}  // namespace

Feed::Feed(const data::TokenStore& store, std::vector<data::Part> parts, int64_t length, uint64_t seed, uint32_t stream)
    : length_(length), seed_(seed), stream_(stream) {
  for (size_t domain = 0; domain < store.domains().size(); ++domain) {
    views_.emplace_back();
    int64_t sequences = 0;
    for (const data::Part part : parts) {
      views_.back().push_back(store.tokens(domain, part));
      sequences += static_cast<int64_t>(views_.back().back().size()) / length;
    }
    if (sequences == 0)
      throw base::Error(base::ErrorKind::malformed, base::printable(store.domains()[domain].name),
                        fmt::format("has no sequence of {} tokens for {}", length, data::part_name(parts[0])),
                        "give it more text, leave it out, or shorten sequences: --length");
    sequences_.push_back(sequences);
  }
  counts_.assign(sequences_.size(), 0);
}

Feed::Batch Feed::stratified(int64_t step, int64_t rows) {
  const auto domains = static_cast<int64_t>(sequences_.size());
  std::vector<int64_t> counts(sequences_.size(), rows / domains);
  // Which get one more: the next ones along a row of shuffled rounds over all domains.
  const int64_t extra = rows % domains;
  for (int64_t i = 0; i < extra; ++i) {
    const auto at = static_cast<uint64_t>(step * extra + i), size = static_cast<uint64_t>(domains);
    const data::Permutation order(size, seed_, stream_ + kStride, static_cast<uint32_t>(at / size));
    ++counts[order[at % size]];
  }
  std::vector<size_t> chosen;
  for (size_t domain = 0; domain < counts.size(); ++domain)
    chosen.insert(chosen.end(), static_cast<size_t>(counts[domain]), domain);
  return batch_of(chosen);
}

Feed::Batch Feed::drawn(int64_t step, int64_t rows, std::span<const double> weights) {
  const double shift = base::Rng(seed_, stream_ + kStride, static_cast<uint32_t>(step)).uniform();
  std::vector<size_t> chosen;
  size_t domain = 0;
  double until = weights[0];
  for (int64_t row = 0; row < rows; ++row) {
    const double at = (static_cast<double>(row) + shift) / static_cast<double>(rows);
    while (at >= until && domain + 1 < weights.size()) until += weights[++domain];
    while (weights[domain] == 0) --domain;  // rounding went beyond the last one that has weight
    chosen.push_back(domain);
  }
  return batch_of(chosen);
}

Feed::Batch Feed::batch_of(const std::vector<size_t>& domains) {
  Batch batch{at::empty({static_cast<int64_t>(domains.size()), length_}, at::kLong), domains};
  int64_t* row = batch.tokens.mutable_data_ptr<int64_t>();
  for (const size_t domain : domains) {
    next(domain, row);
    row += length_;
  }
  return batch;
}

void Feed::next(size_t domain, int64_t* row) {
  const auto position = static_cast<uint64_t>(counts_[domain]++), size = static_cast<uint64_t>(sequences_[domain]);
  // The domain is part of the key: two of equal size are not passed in the same order.
  const data::Permutation order(size, base::mix(seed_, domain), stream_, static_cast<uint32_t>(position / size));
  read(domain, static_cast<int64_t>(order[position % size]), row);
}

void Feed::read(size_t domain, int64_t sequence, int64_t* row) const {
  for (const data::TokenStore::View& view : views_[domain]) {
    const int64_t here = static_cast<int64_t>(view.size()) / length_;
    if (sequence >= here) {
      sequence -= here;
      continue;
    }
    const auto first = static_cast<size_t>(sequence * length_);
    for (size_t i = 0; i < static_cast<size_t>(length_); ++i) row[i] = view[first + i];
    return;
  }
  ALLOT_ASSERT(false);
}

at::Tensor Feed::spread(size_t domain, int64_t most) const {
  const int64_t rows = std::min(most, sequences_[domain]);
  at::Tensor tokens = at::empty({rows, length_}, at::kLong);
  for (int64_t row = 0; row < rows; ++row)
    read(domain, row * sequences_[domain] / rows, tokens.mutable_data_ptr<int64_t>() + row * length_);
  return tokens;
}

}  // namespace allot::mixcal
